// A pool's registry as operators see it: GET /balancer/status. Reads the books, changes nothing.

import type { ProbeState } from "../../contracts/health.ts";
import { type PoolHealth, type RegistryStatus, STATUS_ENTRIES_MAX } from "../../contracts/registry.ts";
import { describeBreaker } from "../breaker/describe-breaker.ts";
import { outNow } from "../health/ejections.ts";
import { outOfPool } from "../health/out-of-pool.ts";
import { verdictsNow } from "../health/verdicts.ts";
import { arrivalsNow } from "./arrivals.ts";
import { pacesNow } from "./fleet-paces.ts";
import { leaseTiming } from "./lease-timing.ts";
import type { PositionLedger } from "./position-ledger.ts";
import type { RegistryBooks } from "./registry-books.ts";

export function describeRegistry(pool: string, books: RegistryBooks, nowMs: number): RegistryStatus {
  const { roster, ledger, fleet, uncounted } = books;
  const isolates = [...fleet.isolates];
  return {
    pool,
    strategy: roster?.strategy ?? "round-robin",
    rosterVersion: roster?.version ?? 0,
    configVersion: roster?.configVersion ?? 0,
    issued: ledger.issued,
    reissued: ledger.reissued,
    used: ledger.used,
    outstanding: listOutstanding(ledger, nowMs),
    awaitingReissue: ledger.free.slice(0, STATUS_ENTRIES_MAX),
    isolates: isolates.slice(0, STATUS_ENTRIES_MAX).map(([isolateId, { lastSeenMs, inFlight }]) => ({
      isolateId,
      ageMs: nowMs - lastSeenMs,
      inFlight: sum(inFlight.values()),
    })),
    staleness: {
      renewAfterMs: leaseTiming(isolates.length).renewAfterMs,
      oldestReportMs: Math.max(0, ...isolates.slice(0, 1).map(([, { lastSeenMs }]) => nowMs - lastSeenMs)),
    },
    inFlight: Object.fromEntries(fleet.totals),
    ...(books.arrivals.since.size > 0 && { starting: arrivalsNow(books.arrivals, nowMs) }),
    ...(books.paces.size > 0 && { paces: pacesNow(books.paces, roster?.instances ?? [], nowMs) }),
    uncounted,
    instances: roster?.instances ?? [],
    ...describeHealth(books, nowMs),
    unhealthy: listProbed(books, "unhealthy", nowMs),
    degraded: listProbed(books, "degraded", nowMs),
    panic: outOfPool(books, roster?.instances ?? [], nowMs).panic,
    ...(roster?.breaker && { breaker: describeBreaker(books.breaker, roster.breaker, nowMs) }),
  };
}

export const describeHealth = ({ roster, ejections, verdicts, members }: RegistryBooks, nowMs: number): PoolHealth => ({
  ejected: outNow(ejections, roster?.instances ?? [], nowMs).map(([instanceId, forMs]) => ({
    instanceId,
    times: ejections.latest.get(instanceId)?.times ?? 0,
    forMs,
  })),
  probed: [...verdictsNow(verdicts, nowMs).values()],
  registered: [...members.registrations.values()],
  ...(members.held.size > 0 && { standby: [...members.held] }),
  lifecycle: [...members.closings.values()].map(({ instanceId, state, action }) => ({ instanceId, state, action })),
});

function listProbed({ roster, verdicts }: RegistryBooks, state: ProbeState, nowMs: number): string[] {
  const facts = verdictsNow(verdicts, nowMs);
  const ids = roster?.instances.map(({ id }) => id) ?? [...facts.keys()];
  return ids.filter((id) => facts.get(id)?.state === state);
}

const listOutstanding = (ledger: PositionLedger, nowMs: number): RegistryStatus["outstanding"] =>
  [...ledger.outstanding.values()]
    .slice(0, STATUS_ENTRIES_MAX)
    .map(({ leaseId, rosterVersion, from, count, isolateId, used, issuedAtMs }) => ({
      leaseId,
      rosterVersion,
      from,
      count,
      isolateId,
      used,
      ageMs: nowMs - issuedAtMs,
    }));

const sum = (numbers: Iterable<number>): number => {
  let total = 0;
  for (const number of numbers) total += number;
  return total;
};
