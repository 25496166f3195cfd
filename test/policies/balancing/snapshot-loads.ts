// Instances as an isolate knows them, and requests that choose among them. Shared by the tests of what chooses by load.

import { hashOf } from "../../../src/policies/balancing/pick-by-hash.ts";
import type { SnapshotLoad, SnapshotPick } from "../../../src/policies/balancing/pick-by-snapshot.ts";
import { instanceOf } from "./isolate-calls.ts";

/** Idle, sound and of weight 1 unless told otherwise. */
export const loadOf = (id: string, more: Partial<SnapshotLoad> = {}): SnapshotLoad => ({
  instance: instanceOf(id),
  inFlight: 0,
  promised: 0,
  others: 0,
  burden: 1,
  slowness: 1,
  seed: hashOf(id),
  tier: 0,
  closed: false,
  doubtful: false,
  failures: 0,
  outUntilMs: 0,
  ejectedUntilMs: 0,
  ...more,
});

export const pickOf = (more: Partial<SnapshotPick> = {}): SnapshotPick => ({
  barring: { tried: [], outAfterMs: 0 },
  ageMs: 0,
  share: 0,
  isolates: 1,
  start: 0,
  key: undefined,
  random: Math.random,
  ...more,
});
