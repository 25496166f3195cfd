// By what the strategy `hash` keeps requests together, and what a request's key is. Asked by the compile step and the data plane.

export type HashKey =
  | { readonly kind: "session" }
  | { readonly kind: "user" }
  /** `name` in lower case. */
  | { readonly kind: "header"; readonly name: string };

/** What is known of a request; undefined where it has no such thing. */
type KeyFacts = {
  readonly session: string | undefined;
  readonly user: string | undefined;
  readonly header: (name: string) => string | undefined;
};

/** As configured: session, user or header:name. */
export function readHashKey(text: string): HashKey {
  if (text === "session" || text === "user") return { kind: text };
  return { kind: "header", name: text.slice(text.indexOf(":") + 1) };
}

/** Undefined for a request without one: it goes to the least loaded instance. */
export const hashKeyOf = (key: HashKey, facts: KeyFacts): string | undefined =>
  (key.kind === "header" ? facts.header(key.name) : facts[key.kind]) || undefined;
