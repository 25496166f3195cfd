// What one limit has to say of one request, and how that is told: headers of the IETF draft beside the older ones, and a refusal's body.

import { type Refusal, refuse } from "../../contracts/refusals.ts";
import { retryAfterSeconds } from "../forwarding/retry-after-seconds.ts";

/** `windowMs` is undefined where not a rate is limited but what goes on at one time. */
export type LimitFact = {
  readonly name: string;
  readonly limit: number;
  readonly windowMs: number | undefined;
  readonly remaining: number;
  /** Until more comes free, ms; 0 while nothing is counted. */
  readonly releaseInMs: number;
};

/**
 * `RateLimit` and `RateLimit-Policy` of draft-ietf-httpapi-ratelimit-headers for each, and `X-RateLimit-*` for the one that is nearest
 * to its end: `Reset` is in epoch seconds. Nothing for no facts.
 */
export function limitHeaders(facts: readonly LimitFact[], nowMs: number): readonly (readonly [string, string])[] {
  const [nearest] = facts.toSorted((a, b) => a.remaining - b.remaining);
  if (nearest === undefined) return [];
  return [
    ["RateLimit-Policy", facts.map(policyItem).join(", ")],
    [
      "RateLimit",
      facts
        .map(({ name, remaining, releaseInMs }) => `"${name}";r=${remaining};t=${Math.ceil(releaseInMs / 1_000)}`)
        .join(", "),
    ],
    ["X-RateLimit-Limit", String(nearest.limit)],
    ["X-RateLimit-Remaining", String(nearest.remaining)],
    ["X-RateLimit-Reset", String(Math.ceil((nowMs + nearest.releaseInMs) / 1_000))],
  ];
}

/** A structured item: names hold nothing that would need escaping. */
const policyItem = ({ name, limit, windowMs }: LimitFact): string =>
  windowMs === undefined
    ? `"${name}";q=${limit};qu="concurrent-requests"`
    : `"${name}";q=${limit};w=${Math.ceil(windowMs / 1_000)}`;

/** A limit that lets a request not pass: it is used up, or its shard does not answer and nobody comes through then. */
export type Denial = { readonly fact: LimitFact; readonly why: "exceeded" | "unavailable" };
export type LimitRefusal = { readonly refusal: Refusal; readonly headers: readonly (readonly [string, string])[] };

/** 503 `limiter_unavailable` where the limiter failed, which is never a 429; else what `limitRefusal` says. */
export const denialRefusal = ({ fact, why }: Denial, nowMs: number): LimitRefusal =>
  why === "unavailable"
    ? { refusal: refuse("limiter_unavailable", `limit ${fact.name}`), headers: [] }
    : limitRefusal(fact, nowMs);

/** 429 with the five keys of L67: `retryAfter` in seconds, `reset` as ISO time. */
export function limitRefusal(fact: LimitFact, nowMs: number): LimitRefusal {
  const retryAfter = retryAfterSeconds(fact.releaseInMs);
  const { name, limit, remaining } = fact;
  const reset = new Date(nowMs + retryAfter * 1_000).toISOString();
  const code = fact.windowMs === undefined ? "too_many_at_once" : "rate_limited";
  return {
    refusal: refuse(code, `limit ${name}`, { retryAfter, limit, remaining, reset }),
    headers: limitHeaders([fact], nowMs),
  };
}
