// Everything a pool's registry knows: its roster, its positions, its isolates. Plain data, changed in place.
// The object keeps it in memory and writes down what must survive; a simulator runs the same.

import type { ScaleDecision } from "../../contracts/autoscale.ts";
import type { BreakerTransition } from "../../contracts/breaker.ts";
import type { Ejection, Roster, RosterInstance } from "../../contracts/registry.ts";
import { openScale, type ScaleBook } from "../autoscale/scale-book.ts";
import { heldBack, holdBack } from "../autoscale/scale-pool.ts";
import { type BreakerBook, openBreaker } from "../breaker/breaker.ts";
import { type EjectionBook, keepOnly, openEjections } from "../health/ejections.ts";
import { openVerdicts, type StoredVerdicts, type VerdictBook } from "../health/verdicts.ts";
import {
  lapseRegistrations,
  type MemberBook,
  NO_MEMBERS,
  openMembers,
  type StoredMembers,
} from "../lifecycle/member-book.ts";
import { asInstance, withRegistered } from "../lifecycle/read-registration.ts";
import { type ArrivalBook, openArrivals } from "./arrivals.ts";
import { rosterInstance } from "./describe-instance.ts";
import { emptyFleet, type FleetLoad, lapseIsolates } from "./fleet-load.ts";
import type { PaceBook } from "./fleet-paces.ts";
import { leaseTiming } from "./lease-timing.ts";
import {
  lapseRanges,
  openLedger,
  type PositionLedger,
  park,
  type StoredLedger,
  voidPositions,
} from "./position-ledger.ts";
import { isSameOrder } from "./roster-order.ts";

/** `version` counts changes of the order positions are dealt in. */
export type StoredRoster = Roster & { readonly version: number };
export type StoredCursor = { readonly ledger: StoredLedger; readonly uncounted: number };
/** `completeAtMs`: from when on every isolate that has something in flight must have said so; epoch ms. */
type StoredRest = {
  readonly ejections?: readonly Ejection[];
  readonly verdicts?: StoredVerdicts | undefined;
  /** The newest first. */
  readonly breaker?: readonly BreakerTransition[];
  readonly members?: StoredMembers;
  readonly completeAtMs?: number;
  /** The newest first. */
  readonly scaling?: readonly ScaleDecision[];
  /** Epoch ms. */
  readonly nowMs?: number;
};

export type RegistryBooks = {
  /** As isolates brought it along; undefined until the first has. */
  configured: Roster | undefined;
  /** With those that registered themselves: what positions are dealt over. */
  roster: StoredRoster | undefined;
  readonly ledger: PositionLedger;
  readonly fleet: FleetLoad;
  readonly ejections: EjectionBook;
  readonly verdicts: VerdictBook;
  readonly paces: PaceBook;
  readonly arrivals: ArrivalBook;
  readonly breaker: BreakerBook;
  readonly members: MemberBook;
  readonly scale: ScaleBook;
  readonly completeAtMs: number;
  /** WebSockets passed through: a sum over all time. */
  uncounted: number;
};

/** As the object finds them when it starts. */
export function openBooks(
  configured: StoredRoster | undefined,
  cursor: StoredCursor | undefined,
  {
    ejections = [],
    verdicts,
    breaker,
    members = NO_MEMBERS,
    completeAtMs = 0,
    scaling = [],
    nowMs = 0,
  }: StoredRest = {},
): RegistryBooks {
  const book = openMembers(members);
  const books: RegistryBooks = {
    configured,
    roster: configured && { ...configured, instances: instancesWith(configured, book) },
    ledger: openLedger(cursor?.ledger),
    fleet: emptyFleet(),
    ejections: openEjections(ejections),
    verdicts: openVerdicts(verdicts),
    paces: new Map(),
    arrivals: openArrivals(),
    breaker: openBreaker(breaker),
    members: book,
    scale: openScale(scaling, nowMs),
    completeAtMs,
    uncounted: cursor?.uncounted ?? 0,
  };
  book.held = heldBack(books, nowMs);
  return books;
}

/** Puts a configured roster in force, with whoever is registered. What is dealt over another order of instances is void. */
export function adoptRoster(books: RegistryBooks, configured: Roster, nowMs: number): StoredRoster {
  const before = books.roster;
  const next = { ...configured, instances: instancesWith(configured, books.members) };
  const isMoved = before === undefined || !isSameOrder(next, before);
  if (isMoved) voidPositions(books.ledger);
  keepOnly(books.ejections, { before: before?.instances ?? [], now: next.instances }, nowMs);
  const roster = { ...next, version: (before?.version ?? 0) + Number(isMoved) };
  books.configured = configured;
  books.roster = roster;
  holdBack(books, nowMs);
  return roster;
}

/** After members came or went. */
export function renewRoster(books: RegistryBooks, nowMs: number): void {
  if (books.configured !== undefined) adoptRoster(books, books.configured, nowMs);
}

/** Lets go of members that were not heard of in time; returns their ids. */
export function lapseMembers(books: RegistryBooks, nowMs: number): string[] {
  const lapsed = lapseRegistrations(books.members, nowMs);
  if (lapsed.length > 0) renewRoster(books, nowMs);
  return lapsed;
}

const instancesWith = ({ instances }: Roster, { registrations }: MemberBook): readonly RosterInstance[] =>
  withRegistered(
    instances,
    [...registrations.values()].map((one) => rosterInstance(asInstance(one))),
  );

/** Takes back what lost isolates held. */
export function lapseOverdue(books: RegistryBooks, nowMs: number): void {
  lapseRanges(books.ledger, nowMs);
  lapseIsolates(books.fleet, nowMs, leaseTiming(books.fleet.isolates.size).isolateLapseMs);
}

/** Lapses what is overdue; with nobody left, parks the cursor. Whether the books are at rest, so that nothing need be looked at again. */
export function closeRound(books: RegistryBooks, nowMs: number): boolean {
  lapseOverdue(books, nowMs);
  const atRest = isAtRest(books);
  if (atRest) park(books.ledger);
  return atRest;
}

export const isAtRest = ({ fleet, ledger }: RegistryBooks): boolean =>
  fleet.isolates.size === 0 && ledger.outstanding.size === 0;
