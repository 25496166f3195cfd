// Turns the next position of a range into an instance. Runs once per request on the hot path.

import type { PositionRange } from "../../contracts/registry.ts";
import { type Availability, type Barring, isBarred } from "./instance-availability.ts";

/** Positions before `from + used` are spent. */
export type SpendableRange = Pick<PositionRange, "from" | "count"> & { used: number };

/**
 * Spends positions until one falls on an instance that is not barred, at most one per instance. Its index, or -1:
 * then the range is used up, or every instance is barred.
 */
export function spendPosition(range: SpendableRange, instances: readonly Availability[], barring: Barring): number {
  const n = instances.length;
  for (let tries = 0; tries < n && range.used < range.count; tries++) {
    const at = (range.from + range.used++) % n;
    const instance = instances[at];
    if (instance !== undefined && !isBarred(instance, barring)) return at;
  }
  return -1;
}
