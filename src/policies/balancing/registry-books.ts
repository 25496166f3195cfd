// Everything a pool's registry knows: its roster, its positions, its isolates. Plain data, changed in place.
// The object keeps it in memory and writes down what must survive; a simulator runs the same.

import type { BreakerTransition } from "../../contracts/breaker.ts";
import type { Ejection, Roster } from "../../contracts/registry.ts";
import { type BreakerBook, openBreaker } from "../breaker/breaker.ts";
import { type EjectionBook, openEjections } from "../health/ejections.ts";
import { openVerdicts, type StoredVerdicts, type VerdictBook } from "../health/verdicts.ts";
import { emptyFleet, type FleetLoad, lapseIsolates } from "./fleet-load.ts";
import { leaseTiming } from "./lease-timing.ts";
import { lapseRanges, openLedger, type PositionLedger, park, type StoredLedger } from "./position-ledger.ts";

/** `version` counts changes of the order positions are dealt in. */
export type StoredRoster = Roster & { readonly version: number };
export type StoredCursor = { readonly ledger: StoredLedger; readonly uncounted: number };
type StoredHealth = {
  readonly ejections?: readonly Ejection[];
  readonly verdicts?: StoredVerdicts | undefined;
  /** The newest first. */
  readonly breaker?: readonly BreakerTransition[];
};

export type RegistryBooks = {
  /** Undefined until the first isolate has sent one. */
  roster: StoredRoster | undefined;
  readonly ledger: PositionLedger;
  readonly fleet: FleetLoad;
  readonly ejections: EjectionBook;
  readonly verdicts: VerdictBook;
  readonly breaker: BreakerBook;
  /** WebSockets passed through: a sum over all time. */
  uncounted: number;
};

/** As the object finds them when it starts. */
export const openBooks = (
  roster: StoredRoster | undefined,
  cursor: StoredCursor | undefined,
  { ejections = [], verdicts, breaker }: StoredHealth = {},
): RegistryBooks => ({
  roster,
  ledger: openLedger(cursor?.ledger),
  fleet: emptyFleet(),
  ejections: openEjections(ejections),
  verdicts: openVerdicts(verdicts),
  breaker: openBreaker(breaker),
  uncounted: cursor?.uncounted ?? 0,
});

/** Takes back what lost isolates held. */
export function lapseOverdue(books: RegistryBooks, nowMs: number): void {
  lapseRanges(books.ledger, nowMs);
  lapseIsolates(books.fleet, nowMs, leaseTiming(books.fleet.isolates.size).isolateLapseMs);
}

/** Lapses what is overdue; with nobody left, parks the cursor. Whether the books are at rest, so that nothing need be looked at again. */
export function closeRound(books: RegistryBooks, nowMs: number): boolean {
  lapseOverdue(books, nowMs);
  const atRest = books.fleet.isolates.size === 0 && books.ledger.outstanding.size === 0;
  if (atRest) park(books.ledger);
  return atRest;
}
