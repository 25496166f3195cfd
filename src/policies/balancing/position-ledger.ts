// What the registry knows of its cursor: how far it has come, what is out, what waits to be issued again. Plain data, changed in place.
// Only the mark is durable while positions are out; the rest is written down when nothing is (parked).

import type { PositionRange } from "../../contracts/registry.ts";
import { addFree, type FreePositions } from "./free-positions.ts";

/**
 * Positions reserved per commit. After a crash the cursor goes on at the mark, so the rest of a block is never issued; that this is a
 * prime and 1 above a multiple of every n ≤ 10 keeps repeated crashes from favouring one instance.
 */
export const BLOCK = 7_561;

export type OutstandingRange = PositionRange & {
  readonly isolateId: string;
  readonly issuedAtMs: number;
  readonly lapsesAtMs: number;
  /** Learned from an isolate after a restart: kept for the books, never issued again, for its rest may have been already. */
  readonly adopted: boolean;
  used: number;
};

export type PositionLedger = {
  readonly epoch: number;
  /** Leases issued in this epoch. */
  leases: number;
  parked: boolean;
  /** The next position that was never issued. */
  cursor: number;
  mark: number;
  readonly free: FreePositions;
  /** In the order they were issued. */
  readonly outstanding: Map<string, OutstandingRange>;
  issued: number;
  reissued: number;
  used: number;
};

/** What is written down. `free` is empty unless `parked`. */
export type StoredLedger = {
  readonly epoch: number;
  readonly mark: number;
  readonly parked: boolean;
  readonly free: FreePositions;
  readonly issued: number;
  readonly reissued: number;
  readonly used: number;
};

/** As an object finds it when it starts; undefined for a new pool. */
export const openLedger = (stored: StoredLedger | undefined): PositionLedger => ({
  epoch: (stored?.epoch ?? 0) + 1,
  leases: 0,
  parked: stored?.parked ?? false,
  cursor: stored?.mark ?? 0,
  mark: stored?.mark ?? 0,
  free: [...(stored?.free ?? [])],
  outstanding: new Map(),
  issued: stored?.issued ?? 0,
  reissued: stored?.reissued ?? 0,
  used: stored?.used ?? 0,
});

export const storeLedger = (ledger: PositionLedger): StoredLedger => ({
  epoch: ledger.epoch,
  mark: ledger.mark,
  parked: ledger.parked,
  free: ledger.parked ? ledger.free : [],
  issued: ledger.issued,
  reissued: ledger.reissued,
  used: ledger.used,
});

/** Whether a block must be reserved, and be durable, before the next position leaves the object. */
export const needsReservation = (ledger: PositionLedger): boolean =>
  ledger.parked || (ledger.free.length === 0 && ledger.cursor === ledger.mark);

/** The caller stores the ledger in the same turn: what is then read after a crash knows nothing of positions below the mark. */
export function reserveBlock(ledger: PositionLedger): void {
  ledger.parked = false;
  ledger.mark = ledger.cursor + BLOCK;
}

/** Lets go of the rest of the block, so that the next start goes on exactly here. Only while nothing is out; the caller stores the ledger. */
export function park(ledger: PositionLedger): void {
  ledger.parked = true;
  ledger.mark = ledger.cursor;
}

/** Positions of the old roster mean nothing under the new one. */
export function voidPositions(ledger: PositionLedger): void {
  ledger.outstanding.clear();
  ledger.free.length = 0;
}

/** Takes back what is overdue at `nowMs`. Ranges stand in the order of issue, which is all but that of lapse; the next call finds a straggler. */
export function lapseRanges(ledger: PositionLedger, nowMs: number): void {
  for (const range of ledger.outstanding.values()) {
    if (range.lapsesAtMs > nowMs) return;
    takeBack(ledger, range);
  }
}

/** Ends a range; what was not used of it is issued again before any new position. */
export function takeBack(ledger: PositionLedger, range: OutstandingRange): void {
  ledger.outstanding.delete(range.leaseId);
  if (!range.adopted) addFree(ledger.free, { from: range.from + range.used, count: range.count - range.used });
}
