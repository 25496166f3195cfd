// Which instances an isolate passes over for now: those that just failed it or fell silent, and those this request has tried already.

import type { CompiledInstance } from "../routing/compiled-config.ts";
import { servingTier } from "./serving-tier.ts";

const OUT_MS_MIN = 500;
const OUT_MS_MAX = 30_000;
const TRIED_MS = 1_000;

export type Availability = {
  readonly instance: CompiledInstance;
  /** Failures in a row, those while it was out not counted. */
  readonly failures: number;
  /** Epoch ms until which the instance is passed over here. */
  readonly outUntilMs: number;
  /** Epoch ms until which the registry has put it out for all isolates. */
  readonly ejectedUntilMs: number;
  /** It serves while the tiers below are not enough (serving-tier.ts). */
  readonly tier: number;
  /** An operator has taken it out: nobody is sent to it, not even where all others are out. */
  readonly closed: boolean;
};

/**
 * `outAfterMs`: instances out until after this time are passed over; Infinity passes over none. `tierMax`: those of a later tier are passed
 * over; absent: none.
 */
export type Barring = {
  readonly tried: readonly CompiledInstance[];
  readonly outAfterMs: number;
  readonly tierMax?: number;
};

const NONE_TRIED: readonly CompiledInstance[] = [];

/** Whom to pass over at `nowMs`. When all that is left and open is out, being out counts for nothing: a guess beats an error. */
export function barringAt(
  instances: readonly Availability[],
  tried: readonly CompiledInstance[] | undefined,
  nowMs: number,
): Barring {
  const barring = { tried: tried ?? NONE_TRIED, outAfterMs: nowMs };
  for (const instance of instances) {
    if (!isBarred(instance, barring)) return barring;
  }
  return { tried: barring.tried, outAfterMs: Number.POSITIVE_INFINITY };
}

/** For pools of several tiers: also passes over those whose turn it is not. */
export const withinTiers = (instances: readonly Availability[], barring: Barring): Barring => ({
  ...barring,
  tierMax: servingTier(instances, (instance) => !isBarred(instance, barring)),
});

export function isBarred(instance: Availability, { tried, outAfterMs, tierMax }: Barring): boolean {
  if (instance.closed || (tierMax !== undefined && instance.tier > tierMax)) return true;
  if (instance.outUntilMs > outAfterMs || instance.ejectedUntilMs > outAfterMs) return true;
  return tried.length > 0 && tried.some(({ id }) => id === instance.instance.id);
}

/** First instance from `start` on, going round, that is not barred; -1 when there is none. */
export function scanAvailable(instances: readonly Availability[], start: number, barring: Barring): number {
  const n = instances.length;
  for (let i = 0; i < n; i++) {
    const at = (start + i) % n;
    const instance = instances[at];
    if (instance !== undefined && !isBarred(instance, barring)) return at;
  }
  return -1;
}

/** What a failure at `nowMs` does: out at once for 0.5 s, doubling with each further one up to 30 s. Requests that fail together count once. */
export function afterFailure({ failures, outUntilMs }: Pick<Availability, "failures" | "outUntilMs">, nowMs: number) {
  if (outUntilMs > nowMs) return { failures, outUntilMs };
  return { failures: failures + 1, outUntilMs: nowMs + Math.min(OUT_MS_MAX, OUT_MS_MIN * 2 ** Math.min(failures, 10)) };
}

/** Until when an instance that is silent, or was and is sent a request again, gets no other: epoch ms. Its answer ends that early. */
export const whileTried = ({ outUntilMs }: Pick<Availability, "outUntilMs">, nowMs: number): number =>
  Math.max(outUntilMs, nowMs + TRIED_MS);
