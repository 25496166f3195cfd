// The better of two instances drawn at random: what all isolates learn late, they do not follow all at once.

import { isBarred } from "./instance-availability.ts";
import { costOf, othersShareNow, type SnapshotLoad, type SnapshotPick } from "./pick-by-snapshot.ts";

/** Its index; -1 when all are barred. */
export function pickTwoChoices(loads: readonly SnapshotLoad[], pick: SnapshotPick): number {
  const n = loads.length;
  const first = firstFrom(loads, Math.floor(pick.random() * n), pick);
  const second = firstFrom(loads, first + 1 + Math.floor(pick.random() * (n - 1)), pick);
  const [one, other] = [loads[first], loads[second]];
  if (one === undefined || other === undefined) return first;
  const share = othersShareNow(pick);
  return costOf(other, share) < costOf(one, share) ? second : first;
}

function firstFrom(loads: readonly SnapshotLoad[], start: number, { barring }: SnapshotPick): number {
  for (let i = 0; i < loads.length; i++) {
    const at = (start + i) % loads.length;
    const load = loads[at];
    if (load !== undefined && !isBarred(load, barring)) return at;
  }
  return -1;
}
