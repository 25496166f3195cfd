// A busy isolate's own decision by least-connections: its own requests exactly, the others' as last heard, fading with their age.
// Runs once per request on the hot path: no allocation, one pass where nothing is out.

import { type Availability, type Barring, isBarred } from "./instance-availability.ts";

/** The others' share loses its weight with this time constant: by then they have decided anew themselves. */
const OTHERS_FADE_MS = 60;
/** Share of instances that are never hot. */
const HOT_QUANTILE = 0.84;
/** What being doubtful weighs, in requests: enough that few go to it, too little to keep it idle while the others are flooded. */
const DOUBT_REQUESTS = 10;
/** A snapshot older than both this and two renewals is no base for a decision. */
const SNAPSHOT_MS_MIN = 200;

export type SnapshotLoad = Availability & {
  /** This isolate's requests under way. */
  readonly inFlight: number;
  /** Decided in this isolate, but not begun yet. */
  readonly promised: number;
  /** All other isolates' requests under way, at the snapshot. */
  readonly others: number;
  /** Among the busiest of the fleet at the snapshot. */
  readonly hot: boolean;
  /** Owes this isolate answers that are overdue (health/silence.ts). */
  readonly doubtful: boolean;
};

export type SnapshotPick = {
  readonly barring: Barring;
  readonly ageMs: number;
  /** Where the search begins, so that ties take turns. */
  readonly start: number;
};

export const isSnapshotUsable = (ageMs: number, renewAfterMs: number): boolean =>
  ageMs <= Math.max(2 * renewAfterMs, SNAPSHOT_MS_MIN);

/** Index of the least loaded instance: not a hot one while there is another, nor one that is out; -1 when all have been tried. */
export function pickBySnapshot(loads: readonly SnapshotLoad[], pick: SnapshotPick): number {
  const weight = Math.exp(-pick.ageMs / OTHERS_FADE_MS);
  const n = loads.length;
  let least = Number.POSITIVE_INFINITY;
  let found = -1;
  let leastHot = Number.POSITIVE_INFINITY;
  let foundHot = -1;
  for (let i = 0, at = pick.start % n; i < n; i++, at = at + 1 === n ? 0 : at + 1) {
    const load = loads[at];
    if (load === undefined || isBarred(load, pick.barring)) continue;
    const requests = load.inFlight + load.promised + load.others * weight + (load.doubtful ? DOUBT_REQUESTS : 0);
    if (!load.hot && requests < least) {
      least = requests;
      found = at;
    } else if (load.hot && requests < leastHot) {
      leastHot = requests;
      foundHot = at;
    }
  }
  return found !== -1 ? found : foundHot;
}

/** What a load must exceed to be hot; computed once per snapshot. Below seven instances none is. */
export function hotThreshold(loads: readonly number[]): number {
  const sorted = loads.toSorted((a, b) => a - b);
  return sorted[Math.ceil(HOT_QUANTILE * sorted.length) - 1] ?? Number.POSITIVE_INFINITY;
}
