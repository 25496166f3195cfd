// What a limit of the document becomes: everything the data plane needs to know about it per request.

import type { LimitRule } from "../../contracts/limits.ts";

/** What one part of a key is read from; a header by its lower-case name. */
export type KeyPart =
  | { readonly kind: "ip" | "user" | "session" | "repository" | "route" }
  | { readonly kind: "header"; readonly header: string };

/** Whether a key is one of those meant. */
export type KeyPattern = { readonly test: (key: string) => boolean };

export type CompiledLimit = {
  readonly name: string;
  /** For whoever no override is for. */
  readonly rule: LimitRule;
  /** Key text → its own rule. */
  readonly exact: ReadonlyMap<string, LimitRule>;
  /** Longest first: the first that matches is the most specific. `key` is the pattern as configured. */
  readonly wildcards: readonly { readonly key: string; readonly pattern: KeyPattern; readonly rule: LimitRule }[];
  readonly parts: readonly KeyPart[];
  /** Tokens per request. */
  readonly cost: number;
  /** What happens while the shard does not answer; `local`: this isolate counts alone. */
  readonly onError: "open" | "closed" | "local";
  /** For a request that lacks part of the key; `fallback`: it counts by its address. */
  readonly onMissingKey: "deny" | "fallback" | "skip";
  /** Counts and reports, never refuses. */
  readonly shadow: boolean;
  /** Whether admitted responses carry limit headers too. */
  readonly headers: boolean;
};

/** Exact before wildcard before default. */
export function ruleFor({ rule, exact, wildcards }: CompiledLimit, key: string): LimitRule {
  if (exact.size === 0 && wildcards.length === 0) return rule;
  return exact.get(key) ?? wildcards.find(({ pattern }) => pattern.test(key))?.rule ?? rule;
}
