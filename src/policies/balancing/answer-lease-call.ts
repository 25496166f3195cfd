// The registry's whole answer to an isolate: books its report, then decides what to lease. Called by the WorkerRegistry object.

import type { LeaseCall, LeaseReply } from "../../contracts/registry.ts";
import { meterLoad, openInstances } from "../autoscale/scale-pool.ts";
import { grantTrial, hearBreaker, noticeOf } from "../breaker/breaker.ts";
import { hearOutcomes } from "../health/ejections.ts";
import { type OutOfPool, unfitInstances, unlessPanic } from "../health/out-of-pool.ts";
import { verdictsNow } from "../health/verdicts.ts";
import { membershipFor } from "../lifecycle/member-book.ts";
import { arrivalsNow, noteArrivals } from "./arrivals.ts";
import { countPick, hearIsolate, orderOf, othersThan, rememberReply } from "./fleet-load.ts";
import { hearPaces, pacesNow } from "./fleet-paces.ts";
import { issueRange, usePosition } from "./issue-positions.ts";
import { type LeaseTiming, leaseTiming } from "./lease-timing.ts";
import { pickLeastConnections } from "./pick-least-connections.ts";
import { needsReservation, reserveBlock } from "./position-ledger.ts";
import { adoptRoster, lapseOverdue, type RegistryBooks, type StoredRoster } from "./registry-books.ts";
import { compareRosterKeys } from "./roster-order.ts";
import { settleRange } from "./settle-range.ts";
import { slowStartShare } from "./slow-start.ts";
import { traitsOf } from "./strategies.ts";

/** An isolate holds two ranges and settles a few; more is not one of ours. */
const REPORTS_MAX = 16;

/** A call under the roster in force. */
type Visit = {
  readonly call: LeaseCall;
  readonly roster: StoredRoster;
  readonly nowMs: number;
  readonly timing: LeaseTiming;
  /** The roster without those that are closed. */
  readonly open: StoredRoster["instances"];
  /** Whom of those everybody passes over, and for how much longer. */
  readonly out: OutOfPool["out"];
};

/** The caller makes the books durable, where `roster` or `ledger.mark` changed, before the reply leaves. The same call gets the same reply. */
export function answerLeaseCall(books: RegistryBooks, call: LeaseCall, nowMs: number): LeaseReply {
  const roster = judgeRoster(books, call, nowMs);
  if ("kind" in roster) return roster;
  const order = orderOf(books.fleet, call);
  if (order.kind === "repeated") return order.reply;
  const isNew = order.kind === "new";
  if (isNew) hear(books, { call, roster, nowMs });
  const timing = leaseTiming(books.fleet.isolates.size);
  const open = openInstances(books);
  const unfit = unfitInstances(books, open, nowMs);
  const { out } = unlessPanic(unfit, open);
  const visit = { call, roster, nowMs, timing, open, out };
  noteArrivals(books.arrivals, without(open, unfit), nowMs);
  settle(books, visit);
  lapseOverdue(books, nowMs);
  return isNew ? grant(books, visit) : leased(books, visit);
}

/** The roster in force when the call is under it, else what to answer. A later roster comes into force here. */
function judgeRoster(
  books: RegistryBooks,
  { rosterKey, roster }: LeaseCall,
  nowMs: number,
): StoredRoster | Exclude<LeaseReply, { kind: "leased" }> {
  const current = books.roster;
  const order = current === undefined ? 1 : compareRosterKeys(rosterKey, current);
  if (current !== undefined && order === 0) return current;
  if (current !== undefined && order < 0) return { kind: "roster_outdated", configVersion: current.configVersion };
  if (roster === undefined || compareRosterKeys(roster, rosterKey) !== 0) return { kind: "roster_wanted" };
  return adoptRoster(books, roster, nowMs);
}

function without(instances: Visit["open"], unfit: Visit["out"]): Visit["open"] {
  if (unfit.length === 0) return instances;
  const ids = new Set(unfit.map(([id]) => id));
  return instances.filter(({ id }) => !ids.has(id));
}

function hear(books: RegistryBooks, { call, roster, nowMs }: Pick<Visit, "call" | "roster" | "nowMs">): void {
  const { instances } = roster;
  const outcomes = hearIsolate(books.fleet, call, { instances, nowMs });
  hearOutcomes(books.ejections, outcomes, { instances, nowMs });
  if (traitsOf(roster.strategy).shared) hearPaces(books.paces, outcomes, { instances, nowMs });
  hearBreaker(books.breaker, call, { settings: roster.breaker, outcomes, nowMs });
  meterLoad(books, outcomes, nowMs);
  books.uncounted += Math.max(0, call.uncounted);
}

function settle(books: RegistryBooks, { call, roster, nowMs, timing }: Visit): void {
  const hearing = {
    isolateId: call.isolateId,
    rosterVersion: roster.version,
    nowMs,
    rangeLapseMs: timing.rangeLapseMs,
  };
  for (const report of call.reports.slice(0, REPORTS_MAX)) settleRange(books.ledger, report, hearing);
}

function grant(books: RegistryBooks, visit: Visit): LeaseReply {
  const { call, timing } = visit;
  const range = call.want > 0 ? issue(books, visit) : undefined;
  const trial = call.trial === true && grantTrialTo(books, visit);
  // Read before the pick is counted: that one is this isolate's own.
  const plain = leased(books, visit);
  const pick = call.pick ? decide(books, visit) : undefined;
  const reply = {
    ...plain,
    ...(range && { range: { ...range, validMs: timing.validMs } }),
    ...(pick !== undefined && { pick }),
    ...(trial && ({ trial } as const)),
  };
  rememberReply(books.fleet, call.isolateId, reply);
  return reply;
}

function leased(books: RegistryBooks, visit: Visit) {
  const { call, roster, nowMs, timing, out } = visit;
  const { renewAfterMs } = timing;
  const breaker = noticeOf(books.breaker, roster.breaker, { nowMs, againMs: renewAfterMs });
  const membership = membershipFor(books.members, call.membership, nowMs);
  return {
    kind: "leased",
    others: othersThan(books.fleet, call.isolateId),
    out,
    ...(traitsOf(roster.strategy).shared && sharedFacts(books, visit)),
    ...(roster.slowStartMs !== undefined &&
      books.arrivals.since.size > 0 && { starting: arrivalsNow(books.arrivals, nowMs) }),
    ...(breaker && { breaker }),
    ...(membership && { membership }),
    renewAfterMs,
    isolates: books.fleet.isolates.size,
  } as const;
}

/** What strategies go by that judge how instances do. */
function sharedFacts({ paces, verdicts }: RegistryBooks, { open, nowMs }: Visit) {
  const facts = verdictsNow(verdicts, nowMs);
  return {
    paces: pacesNow(paces, open, nowMs),
    degraded: open.flatMap(({ id }) => (facts.get(id)?.state === "degraded" ? [id] : [])),
  };
}

const grantTrialTo = (books: RegistryBooks, { call, roster, nowMs }: Visit): boolean =>
  grantTrial(books.breaker, call, {
    settings: roster.breaker,
    nowMs,
    isLive: (isolateId) => books.fleet.isolates.has(isolateId),
  });

function issue(books: RegistryBooks, { call, roster, nowMs, timing }: Visit) {
  reserve(books);
  const { isolateId, want } = call;
  return issueRange(books.ledger, {
    isolateId,
    rosterVersion: roster.version,
    want,
    nowMs,
    rangeLapseMs: timing.rangeLapseMs,
  });
}

function decide(books: RegistryBooks, { call, roster, open: instances, out, nowMs }: Visit): string | undefined {
  reserve(books);
  const { isolateId, avoid } = call;
  const start = usePosition(books.ledger);
  const inFlight = books.fleet.totals;
  const { slowStartMs = 0 } = roster;
  const shares = new Map(
    arrivalsNow(books.arrivals, nowMs).map(([id, agoMs]) => [id, slowStartShare(agoMs, slowStartMs)]),
  );
  const picked = pickLeastConnections({ instances, inFlight, out: out.map(([id]) => id), avoid, shares, start });
  if (picked !== undefined) countPick(books.fleet, isolateId, picked);
  return picked;
}

function reserve({ ledger }: RegistryBooks): void {
  if (needsReservation(ledger)) reserveBlock(ledger);
}
