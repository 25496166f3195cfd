// Keeps requests with the same key together: on the instance that scores highest for it (rendezvous hashing, by weight), unless that one has
// too much to do; then on the next. Instances that come or go move their own keys only.

import { isBarred } from "./instance-availability.ts";
import { pickBySnapshot, type SnapshotLoad, type SnapshotPick } from "./pick-by-snapshot.ts";

/** An instance has at most so many times what its weight makes its part of all requests under way (bounded load). */
const BOUND_TIMES = 1.25;
/** So few may always be together: a visitor's parallel requests are no overload. */
const BOUND_MIN = 4;

/** Index; by load for a request without a key. -1 when all are barred. */
export function pickByHash(loads: readonly SnapshotLoad[], pick: SnapshotPick): number {
  if (pick.key === undefined) return pickBySnapshot(loads, pick);
  const key = hashOf(pick.key);
  const room = roomPerWeight(loads, pick);
  let best = Number.NEGATIVE_INFINITY;
  let found = -1;
  let bestFull = Number.NEGATIVE_INFINITY;
  let foundFull = -1;
  for (const [at, load] of loads.entries()) {
    if (isBarred(load, pick.barring)) continue;
    const score = scoreOf(key, load);
    const isFull = requestsOn(load) >= Math.max(BOUND_MIN, Math.ceil(room / load.burden));
    if (!isFull && score > best) {
      best = score;
      found = at;
    } else if (isFull && score > bestFull) {
      bestFull = score;
      foundFull = at;
    }
  }
  return found === -1 ? foundFull : found;
}

function roomPerWeight(loads: readonly SnapshotLoad[], { barring }: SnapshotPick): number {
  let requests = 1;
  let weights = 0;
  for (const load of loads) {
    if (isBarred(load, barring)) continue;
    requests += requestsOn(load);
    weights += 1 / load.burden;
  }
  return (BOUND_TIMES * requests) / weights;
}

const requestsOn = ({ inFlight, promised, others }: SnapshotLoad): number => inFlight + promised + others;

/** The higher, the rather: −weight ÷ ln u, where u is an even chance drawn from key and instance. */
const scoreOf = (key: number, { seed, burden }: SnapshotLoad): number =>
  -1 / (burden * Math.log((mix(key ^ seed) + 0.5) / 0x1_0000_0000));

/** FNV-1a, 32 bits, mixed. The same in every isolate and every version. */
export function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return mix(hash);
}

/** Murmur3's finish: every bit of the result hangs on every bit of what goes in. */
function mix(hash: number): number {
  const once = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  const twice = Math.imul(once ^ (once >>> 13), 0xc2b2ae35);
  return (twice ^ (twice >>> 16)) >>> 0;
}
