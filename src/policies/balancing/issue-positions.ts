// Hands out cursor positions: those given back first, each other one once. Called by the registry, which reserves beforehand.

import { POSITIONS_MAX, type PositionRange } from "../../contracts/registry.ts";
import { ISOLATES_MAX } from "./fleet-load.ts";
import { takeFree } from "./free-positions.ts";
import type { PositionLedger } from "./position-ledger.ts";

/** Two per isolate at the largest fleet. Beyond this isolates get none and balance by themselves. */
export const OUTSTANDING_MAX = 2 * ISOLATES_MAX;

export type Issue = {
  readonly isolateId: string;
  readonly rosterVersion: number;
  readonly want: number;
  readonly nowMs: number;
  readonly rangeLapseMs: number;
};

/** One contiguous range of 1 to `want` positions, or undefined when too many are out. */
export function issueRange(ledger: PositionLedger, issue: Issue): PositionRange | undefined {
  if (ledger.outstanding.size >= OUTSTANDING_MAX) return undefined;
  const want = Math.min(POSITIONS_MAX, issue.want);
  const again = takeFree(ledger.free, want);
  const { from, count } = again ?? advance(ledger, want);
  if (count === 0) return undefined;
  ledger.issued += count;
  if (again !== undefined) ledger.reissued += count;
  const range = { leaseId: `${ledger.epoch}.${++ledger.leases}`, rosterVersion: issue.rosterVersion, from, count };
  ledger.outstanding.set(range.leaseId, {
    ...range,
    isolateId: issue.isolateId,
    issuedAtMs: issue.nowMs,
    lapsesAtMs: issue.nowMs + issue.rangeLapseMs,
    adopted: false,
    used: 0,
  });
  return range;
}

/** One position used at once: it turns ties of least-connections, so that an idle pool is served round-robin, restarts included. */
export function usePosition(ledger: PositionLedger): number {
  const { from, count } = advance(ledger, 1);
  ledger.issued += count;
  ledger.used += count;
  return from;
}

/** Never beyond the mark: a range ends with its block. */
function advance(ledger: PositionLedger, want: number): { from: number; count: number } {
  const from = ledger.cursor;
  const count = Math.min(want, ledger.mark - from);
  ledger.cursor += count;
  return { from, count };
}
