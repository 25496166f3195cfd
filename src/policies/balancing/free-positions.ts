// The positions that wait to be issued again: sorted, disjoint, never adjacent. Plain data, changed in place.
// Used by the position ledger only.

export type FreeRange = { readonly from: number; readonly count: number };
export type FreePositions = FreeRange[];

/** Beyond this the shortest range is forgotten: its positions are never used, which shifts the balance by at most one request. */
export const FREE_RANGES_MAX = 4_096;

/** Puts `added` among the others, joined with its neighbours. */
export function addFree(free: FreePositions, added: FreeRange): void {
  if (added.count <= 0) return;
  const at = firstFrom(free, added.from);
  const before = free[at - 1];
  const after = free[at];
  const joinsBefore = before !== undefined && before.from + before.count === added.from;
  const joinsAfter = after !== undefined && added.from + added.count === after.from;
  const joined = {
    from: joinsBefore ? before.from : added.from,
    count: added.count + (joinsBefore ? before.count : 0) + (joinsAfter ? after.count : 0),
  };
  free.splice(joinsBefore ? at - 1 : at, Number(joinsBefore) + Number(joinsAfter), joined);
  if (free.length > FREE_RANGES_MAX) free.splice(shortest(free), 1);
}

/** At most `want` positions in one piece, the earliest first; undefined when none wait. */
export function takeFree(free: FreePositions, want: number): FreeRange | undefined {
  const first = free[0];
  if (first === undefined) return undefined;
  if (first.count <= want) {
    free.shift();
    return first;
  }
  free[0] = { from: first.from + want, count: first.count - want };
  return { from: first.from, count: want };
}

/** Index of the first range that starts at or after `position`. */
function firstFrom(free: FreePositions, position: number): number {
  let low = 0;
  let high = free.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((free[middle]?.from ?? 0) < position) low = middle + 1;
    else high = middle;
  }
  return low;
}

function shortest(free: FreePositions): number {
  let found = 0;
  for (let i = 1; i < free.length; i++) {
    if ((free[i]?.count ?? 0) < (free[found]?.count ?? 0)) found = i;
  }
  return found;
}
