// One per pool: decides round-robin and least-connections for every isolate, and knows what is in flight everywhere.
// Tables: roster, cursor, ejections, verdicts, breaker_transitions. Alarm: every TICK_MS while isolates or positions are out, lapses what is overdue and writes the books down.
// RPC: lease (isolates: report, renew and lease in one call); hearHealth (HealthMonitor: what probes find); status, health, ejections (those who
// look). Never awaits, never writes a row per request.

import { DurableObject } from "cloudflare:workers";
import { workerRegistryMigrations } from "../../migrations/worker-registry/index.ts";
import type { HealthReport } from "../../src/contracts/health.ts";
import type { Ejection, LeaseCall, LeaseReply, PoolHealth, RegistryStatus } from "../../src/contracts/registry.ts";
import { log } from "../../src/log.ts";
import { keyOf } from "../../src/objects.ts";
import { answerLeaseCall } from "../../src/policies/balancing/answer-lease-call.ts";
import { describeHealth, describeRegistry } from "../../src/policies/balancing/describe-registry.ts";
import { storeLedger } from "../../src/policies/balancing/position-ledger.ts";
import {
  closeRound,
  lapseOverdue,
  openBooks,
  type RegistryBooks,
} from "../../src/policies/balancing/registry-books.ts";
import { forgivenBefore } from "../../src/policies/health/ejections.ts";
import { hearReport } from "../../src/policies/health/verdicts.ts";
import { migrate } from "../migrate.ts";
import { BreakerTables } from "./breaker-tables.ts";
import { WorkerRegistryTables } from "./worker-registry-tables.ts";

/** Shorter than the 10 s of idleness after which an object may be evicted, so that a quiet one parks its cursor before that. */
const TICK_MS = 5_000;
/** An alarm this late is taken for lost and set again. */
const ALARM_LATE_MS = 60_000;

export class WorkerRegistry extends DurableObject<Env> {
  readonly #tables: WorkerRegistryTables;
  readonly #breakerTables: BreakerTables;
  /** A cache of the tables plus soft state that isolates own and report again. */
  readonly #books: RegistryBooks;
  #alarmAtMs = Number.NEGATIVE_INFINITY;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    migrate(ctx.storage, workerRegistryMigrations);
    this.#tables = new WorkerRegistryTables(ctx.storage.sql);
    this.#breakerTables = new BreakerTables(ctx.storage.sql);
    this.#books = openBooks(this.#tables.findRoster(), this.#tables.findCursor(), {
      ejections: this.#tables.findEjections(),
      verdicts: this.#tables.findVerdicts(),
      breaker: this.#breakerTables.list(),
    });
  }

  /** Books an isolate's report and leases what it asks for; the reply leaves only after what it rests on is durable (output gate). */
  lease(call: LeaseCall): LeaseReply {
    const nowMs = Date.now();
    const { roster, ledger, ejections } = this.#books;
    const { mark } = ledger;
    const reply = answerLeaseCall(this.#books, call, nowMs);
    if (this.#books.roster !== undefined && this.#books.roster !== roster) this.#tables.saveRoster(this.#books.roster);
    if (ledger.mark !== mark) this.#saveCursor();
    if (ejections.unsaved.length > 0) this.#tables.saveEjections(ejections.unsaved.splice(0), forgivenBefore(nowMs));
    if (this.#books.breaker.unsaved.length > 0) this.#saveTransitions();
    if (reply.kind === "leased") this.#arm(nowMs);
    return reply;
  }

  /** Whole: takes the place of the report before, and may be repeated. */
  hearHealth(report: HealthReport): void {
    const toStore = hearReport(this.#books.verdicts, report, Date.now());
    if (toStore !== undefined) this.#tables.saveVerdicts(toStore);
  }

  status(): RegistryStatus {
    const nowMs = Date.now();
    lapseOverdue(this.#books, nowMs);
    return describeRegistry(keyOf(this.ctx.id), this.#books, nowMs);
  }

  health(): PoolHealth {
    return describeHealth(this.#books, Date.now());
  }

  /** The newest first. */
  ejections(): Ejection[] {
    return this.#tables.listEjections();
  }

  override async alarm(): Promise<void> {
    const nowMs = Date.now();
    const atRest = closeRound(this.#books, nowMs);
    this.#saveCursor();
    this.#alarmAtMs = Number.NEGATIVE_INFINITY;
    if (!atRest) this.#arm(nowMs);
  }

  #saveTransitions(): void {
    const transitions = this.#books.breaker.unsaved.splice(0);
    this.#breakerTables.add(transitions);
    for (const { from, to, times, why } of transitions)
      log("warn", "circuit breaker", { pool: keyOf(this.ctx.id), from, to, times, why });
  }

  #saveCursor(): void {
    this.#tables.saveCursor({ ledger: storeLedger(this.#books.ledger), uncounted: this.#books.uncounted });
  }

  #arm(nowMs: number): void {
    if (nowMs < this.#alarmAtMs + ALARM_LATE_MS) return;
    this.#alarmAtMs = nowMs + TICK_MS;
    void this.ctx.storage.setAlarm(this.#alarmAtMs);
  }
}
