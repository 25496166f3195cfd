// Turns the document's limits into compiled ones, beside those that ship with the plane. Bounds of single fields are the schema's.

import type { LimitRule } from "../../contracts/limits.ts";
import { networkOf } from "./client-network.ts";
import type { CompiledLimit, KeyPart, KeyPattern } from "./compiled-limit.ts";
import { DEFAULT_LIMITS, type LimitDocument } from "./default-limits.ts";

const SLOT_LEASE_MS = 30_000;

export const compileLimits = (
  limits: { readonly [name: string]: LimitDocument } = {},
): ReadonlyMap<string, CompiledLimit> =>
  new Map(Object.entries({ ...DEFAULT_LIMITS, ...limits }).map(([name, limit]) => [name, compileLimit(name, limit)]));

function compileLimit(name: string, limit: LimitDocument): CompiledLimit {
  const ofAddress = limit.key === "ip";
  const overrides = Object.entries(limit.overrides ?? {}).map(
    ([key, own]) => [ofAddress ? networkOf(key) : key, own] as const,
  );
  const withLimit = (own: number): LimitRule => ({ ...ruleOf(limit), limit: own });
  return {
    name,
    rule: ruleOf(limit),
    exact: new Map(overrides.filter(([key]) => !key.includes("*")).map(([key, own]) => [key, withLimit(own.limit)])),
    wildcards: overrides
      .filter(([key]) => key.includes("*"))
      .toSorted(([a], [b]) => b.length - a.length || (a < b ? -1 : 1))
      .map(([key, own]) => ({ key, pattern: wildcard(key), rule: withLimit(own.limit) })),
    parts: limit.key.split("+").map(keyPart),
    cost: limit.cost ?? 1,
    onError: limit.onError ?? "open",
    onMissingKey: limit.onMissingKey ?? "fallback",
    shadow: limit.shadow ?? false,
    headers: limit.headers ?? false,
  };
}

const ruleOf = ({ limit, windowMs, concurrency, leaseMs }: LimitDocument): LimitRule =>
  concurrency === undefined
    ? { kind: "rate", limit: limit ?? 0, windowMs: windowMs ?? 0 }
    : { kind: "slots", limit: concurrency, leaseMs: leaseMs ?? SLOT_LEASE_MS };

const keyPart = (part: string): KeyPart =>
  part.startsWith("header:")
    ? { kind: "header", header: part.slice("header:".length) }
    : { kind: part as Exclude<KeyPart["kind"], "header"> };

/** `*` stands for any text, everything else for itself. No regular expression: keys are the clients' and long, and must not be backtracked in. */
function wildcard(key: string): KeyPattern {
  const [head = "", ...rest] = key.split(/\*+/);
  const tail = rest.pop() ?? "";
  return {
    test: (text) => {
      if (text.length < head.length + tail.length || !text.startsWith(head) || !text.endsWith(tail)) return false;
      const end = text.length - tail.length;
      let at = head.length;
      for (const piece of rest) {
        const found = text.indexOf(piece, at);
        if (found === -1 || found + piece.length > end) return false;
        at = found + piece.length;
      }
      return true;
    },
  };
}
