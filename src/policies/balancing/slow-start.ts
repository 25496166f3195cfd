// How much an instance that has just come in, or back, is sent: a tenth of its share at first, growing evenly to the whole.
// Asked by isolates whenever they hear of the fleet, not per request.

/** What it begins with, so that it is sent anything at all. */
const SHARE_MIN = 0.1;

/** Of its share, 0 to 1; `agoMs` undefined for one that has long been in. */
export const slowStartShare = (agoMs: number | undefined, slowStartMs: number): number =>
  agoMs === undefined || agoMs >= slowStartMs ? 1 : Math.max(SHARE_MIN, agoMs / slowStartMs);

/** Where all that are in are new, they are as good as old. */
export function relativeShares(shares: readonly number[]): readonly number[] {
  const most = Math.max(...shares);
  return most === 1 ? shares : shares.map((share) => share / most);
}

/** Whether an instance that gets `share` of its turns gets this one: the n-th of its own, from 0. The same for every isolate. */
export const takesTurn = (share: number, turn: number): boolean =>
  share >= 1 || Math.floor((turn + 1) * share) > Math.floor(turn * share);
