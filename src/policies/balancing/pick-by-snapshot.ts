// A busy isolate's own decision by load: its own requests exactly, the others' as last heard, on slow or weak instances each counting more.
// Runs once per request on the hot path: no allocation, one pass where nothing is out.

import { type Availability, type Barring, isBarred } from "./instance-availability.ts";

/**
 * Everyone hears of the others late, and all would mend one imbalance at one time. So the others' requests count no more than this share of
 * what the isolate's own do, all together: they decide among what it has itself loaded alike.
 */
const OTHERS_SHARE = 0.25;
/** And less the older they are. */
const OTHERS_FADE_MS = 300;
/** In larger fleets an isolate has hardly a request on any instance, so that all would follow what they have heard: each looks at a part. */
const LOOKING_AT_ALL_MAX = 250;
const LOOKED_AT_MIN = 2;
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
  /** What each request counts for, by the instance's weight and slow start. */
  readonly burden: number;
  /** What each counts for besides, by how the instance answers (gauge.ts). */
  readonly slowness: number;
  /** Of its id, for the strategy `hash`. */
  readonly seed: number;
  /** Owes this isolate answers that are overdue (health/silence.ts). */
  readonly doubtful: boolean;
};

export type SnapshotPick = {
  readonly barring: Barring;
  readonly ageMs: number;
  /** What one of the others' requests counts for while the snapshot is new: othersShare(). */
  readonly share: number;
  /** That serve the pool. */
  readonly isolates: number;
  /** Where the search begins, so that ties take turns. */
  readonly start: number;
  /** By what the request is kept together with others, under the strategy `hash`. */
  readonly key: string | undefined;
  /** Evenly from 0 to below 1. */
  readonly random: () => number;
};

export const isSnapshotUsable = (ageMs: number, renewAfterMs: number): boolean =>
  ageMs <= Math.max(2 * renewAfterMs, SNAPSHOT_MS_MIN);

/** Worked out once per snapshot, over the whole pool. */
export const othersShare = (own: number, others: number): number =>
  others === 0 ? 0 : Math.min(1, (OTHERS_SHARE * (own + 1)) / others);

/** Index of the least loaded instance that is not barred; -1 when all are. */
export function pickBySnapshot(loads: readonly SnapshotLoad[], pick: SnapshotPick): number {
  const share = othersShareNow(pick);
  const n = loads.length;
  let left = lookedAt(n, pick.isolates);
  let least = Number.POSITIVE_INFINITY;
  let found = -1;
  for (let i = 0, at = pick.start % n; i < n && left > 0; i++, at = at + 1 === n ? 0 : at + 1) {
    const load = loads[at];
    if (load === undefined || isBarred(load, pick.barring)) continue;
    left--;
    const cost = costOf(load, share);
    if (cost >= least) continue;
    least = cost;
    found = at;
  }
  return found;
}

/** What one of the others' requests counts for by now. */
export const othersShareNow = ({ share, ageMs }: SnapshotPick): number => share * Math.exp(-ageMs / OTHERS_FADE_MS);

/** What it would mean for the instance to get one more. Weight counts for those it has, so that lone requests take turns. */
export function costOf(
  { inFlight, promised, others, doubtful, burden, slowness }: SnapshotLoad,
  share: number,
): number {
  const requests = inFlight + promised + others * share + (doubtful ? DOUBT_REQUESTS : 0);
  return (requests * burden + 1) * slowness;
}

const lookedAt = (instances: number, isolates: number): number =>
  isolates <= LOOKING_AT_ALL_MAX
    ? instances
    : Math.max(LOOKED_AT_MIN, Math.ceil((instances * LOOKING_AT_ALL_MAX) / isolates));
