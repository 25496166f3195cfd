// The scheme a client used, by the deployment's word: whoever ends TLS in front of the plane tells it in X-Forwarded-Proto.

export type Scheme = "http" | "https";

export type ClientSchemeFacts = {
  /** Of the connection that reached the plane. */
  readonly own: Scheme;
  readonly trustedHops: number;
  readonly forwardedProto: string | undefined;
};

/**
 * With n trusted hops in front: the n-th entry from the right, or the first where proxies replace each other's word.
 * Without any, and for any other text, the connection's own.
 */
export function clientScheme({ own, trustedHops, forwardedProto }: ClientSchemeFacts): Scheme {
  if (trustedHops === 0 || forwardedProto === undefined) return own;
  const entries = forwardedProto.split(",");
  const told = (entries.at(-trustedHops) ?? entries[0])?.trim().toLowerCase();
  return told === "http" || told === "https" ? told : own;
}
