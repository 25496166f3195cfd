// Books what an isolate reports of a range. A report that comes again, late or from another roster changes nothing.

import type { RangeReport } from "../../contracts/registry.ts";
import { OUTSTANDING_MAX } from "./issue-positions.ts";
import { type OutstandingRange, type PositionLedger, takeBack } from "./position-ledger.ts";

export type Hearing = {
  readonly isolateId: string;
  readonly rosterVersion: number;
  readonly nowMs: number;
  readonly rangeLapseMs: number;
};

export function settleRange(ledger: PositionLedger, report: RangeReport, hearing: Hearing): void {
  if (report.rosterVersion !== hearing.rosterVersion) return;
  const range = ledger.outstanding.get(report.leaseId) ?? adopt(ledger, report, hearing);
  if (range === undefined) return;
  const used = Math.min(range.count, Math.max(range.used, report.used));
  ledger.used += used - range.used;
  range.used = used;
  if (report.done) takeBack(ledger, range);
}

/**
 * A lease of this epoch that is not out was settled or has lapsed, and what was left of it may be another's by now: ignored.
 * One of an earlier epoch was issued before a restart, and whether it had lapsed by then is not known: booked, never issued again.
 */
function adopt(ledger: PositionLedger, report: RangeReport, hearing: Hearing): OutstandingRange | undefined {
  if (epochOf(report.leaseId) >= ledger.epoch || report.from + report.count > ledger.mark) return undefined;
  if (ledger.outstanding.size >= OUTSTANDING_MAX) return undefined;
  const { leaseId, rosterVersion, from, count } = report;
  const { isolateId, nowMs, rangeLapseMs } = hearing;
  const range = {
    leaseId,
    rosterVersion,
    from,
    count,
    isolateId,
    issuedAtMs: nowMs,
    lapsesAtMs: nowMs + rangeLapseMs,
    adopted: true,
    used: 0,
  };
  ledger.outstanding.set(leaseId, range);
  return range;
}

const epochOf = (leaseId: string): number => Number.parseInt(leaseId, 10) || 0;
