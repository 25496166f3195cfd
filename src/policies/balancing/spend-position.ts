// Turns the next position of a range into an instance. Runs once per request on the hot path.

import type { PositionRange } from "../../contracts/registry.ts";
import { type Availability, type Barring, isBarred } from "./instance-availability.ts";
import { takesTurn } from "./slow-start.ts";

/** Positions before `from + used` are spent. */
export type SpendableRange = Pick<PositionRange, "from" | "count"> & { used: number };

/** `ramp`: the part of its turns that it takes while it starts slowly. */
export type InTurn = Availability & { readonly ramp: number };

/** A pool's instances, and whose each position of a period is (turn-schedule.ts); undefined: position p is instance p mod n. */
export type Turns = { readonly all: readonly InTurn[]; readonly schedule: Uint16Array | undefined };

/**
 * Spends positions until one falls on an instance that is not barred, at most one period of them. Its index, or -1:
 * then the range is used up, or every instance is barred.
 */
export function spendPosition(range: SpendableRange, { all, schedule }: Turns, barring: Barring): number {
  const period = schedule?.length ?? all.length;
  for (let tries = 0; tries < period && range.used < range.count; tries++) {
    const position = range.from + range.used++;
    const at = schedule === undefined ? position % period : (schedule[position % period] ?? -1);
    const instance = all[at];
    if (instance === undefined || isBarred(instance, barring)) continue;
    if (instance.ramp === 1 || takesTurn(instance.ramp, Math.floor(position / period))) return at;
  }
  return -1;
}
