// Which address a request came from, by the deployment's word and never by the client's.

export type ClientAddressFacts = {
  readonly source: "peer" | "cloudflare";
  readonly trustedHops: number;
  readonly peer: string | undefined;
  readonly connectingIp: string | undefined;
  readonly forwardedFor: string | undefined;
};

/**
 * `peer`: the socket's own address, its port cut. `cloudflare`: CF-Connecting-IP, which the edge overwrites.
 * With n trusted hops in front: the n-th X-Forwarded-For entry from the right; who came past them is known by the socket alone.
 * Empty when there is nothing to believe.
 */
export function clientAddress(facts: ClientAddressFacts): string {
  const forwarded = facts.trustedHops > 0 ? facts.forwardedFor?.split(",").at(-facts.trustedHops)?.trim() : undefined;
  if (forwarded !== undefined && forwarded !== "") return forwarded;
  if (facts.source === "cloudflare") return facts.connectingIp ?? "";
  return withoutPort(facts.peer ?? "");
}

/** `1.2.3.4:5` and `[::1]:5` as the runtime gives them. */
function withoutPort(peer: string): string {
  if (peer.startsWith("[")) return peer.slice(1, peer.indexOf("]"));
  const colon = peer.lastIndexOf(":");
  return colon === -1 || peer.indexOf(":") !== colon ? peer : peer.slice(0, colon);
}
