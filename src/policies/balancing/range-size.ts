// How many positions an isolate asks for: enough for two renewals at its rate, one when it is slow. Called by isolates.

import { POSITIONS_MAX } from "../../contracts/registry.ts";

/** Below this a range is not fetched ahead: a slow isolate that hoards positions would unbalance the others for nothing. */
const PREFETCH_MIN = 4;

export type Demand = {
  /** Requests within about the last renewAfterMs, older ones fading out: the rate times renewAfterMs. */
  readonly recentRequests: number;
  /** Requests that wait for a position now. */
  readonly waiting: number;
  /** Instances skipped just now: their positions are spent on nothing. */
  readonly skipped: number;
  /** Positions still held. */
  readonly held: number;
};

/** Positions to ask for, 0 when none are needed yet. */
export function positionsWanted(demand: Demand): number {
  const size = rangeSize(demand.recentRequests);
  if (demand.waiting > 0) return Math.min(POSITIONS_MAX, Math.max(size, demand.waiting + demand.skipped));
  return isPrefetchDue(demand.recentRequests, demand.held) ? size : 0;
}

/** Whether a busy isolate should fetch its next range while it still spends this one. */
export function isPrefetchDue(recentRequests: number, held: number): boolean {
  const size = rangeSize(recentRequests);
  return size >= PREFETCH_MIN && held < size / 2;
}

const rangeSize = (recentRequests: number): number =>
  Math.min(POSITIONS_MAX, Math.max(1, Math.round(2 * recentRequests)));

/** `recentRequests` after `elapsedMs` without one. */
export const fadeRecent = (recentRequests: number, elapsedMs: number, renewAfterMs: number): number =>
  elapsedMs <= 0 ? recentRequests : recentRequests * Math.exp(-elapsedMs / renewAfterMs);
