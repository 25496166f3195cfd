// One per pool: decides round-robin and least-connections for every isolate, and knows what is in flight everywhere.
// Tables: roster, cursor, ejections, verdicts, breaker_transitions, scale_decisions, registrations, closings, membership.
// Alarm: every TICK_MS while isolates or positions are out, once per tick of a pool that is scaled (scale-settings.ts), and when a
// registration lapses or an instance has had its time to drain; lapses what is overdue and writes the books down.
// RPC: lease (isolates: report, renew and lease in one call); hearHealth (HealthMonitor: what probes find); register, heartbeat, deregister
// (instances that register themselves); change, progress (operators: who is in); status, health, ejections, scaling (those who look).
// Never awaits, never writes a row per request.

import { DurableObject } from "cloudflare:workers";
import { workerRegistryMigrations } from "../../migrations/worker-registry/index.ts";
import type { AutoscaleStatus } from "../../src/contracts/autoscale.ts";
import type { HealthReport } from "../../src/contracts/health.ts";
import type {
  HeartbeatBody,
  InstanceProgress,
  LifecycleChange,
  RegisteredInstance,
  Registration,
} from "../../src/contracts/lifecycle.ts";
import { ok, type Result, refuse } from "../../src/contracts/refusals.ts";
import type { Ejection, LeaseCall, LeaseReply, PoolHealth, RegistryStatus } from "../../src/contracts/registry.ts";
import { log } from "../../src/log.ts";
import { keyOf } from "../../src/objects.ts";
import { scalingOf } from "../../src/policies/autoscale/scale-pool.ts";
import { answerLeaseCall } from "../../src/policies/balancing/answer-lease-call.ts";
import { describeHealth, describeRegistry } from "../../src/policies/balancing/describe-registry.ts";
import { storeLedger } from "../../src/policies/balancing/position-ledger.ts";
import {
  closeRound,
  isAtRest,
  lapseOverdue,
  openBooks,
  type RegistryBooks,
} from "../../src/policies/balancing/registry-books.ts";
import { forgivenBefore } from "../../src/policies/health/ejections.ts";
import { hearReport } from "../../src/policies/health/verdicts.ts";
import { migrate } from "../migrate.ts";
import { BreakerTables } from "./breaker-tables.ts";
import { MemberTables } from "./member-tables.ts";
import { PoolMembers } from "./pool-members.ts";
import { PoolScaling } from "./pool-scaling.ts";
import { ScaleTables } from "./scale-tables.ts";
import { WorkerRegistryTables } from "./worker-registry-tables.ts";

/** Shorter than the 10 s of idleness after which an object may be evicted, so that a quiet one parks its cursor before that. */
const TICK_MS = 5_000;
/** After a restart: an isolate that has something in flight reports every 5 s (pool-reports.ts), and may be late. */
const COMPLETE_AFTER_MS = 7_000;
/** An alarm set to now by an alarm may stall. */
const AT_ONCE_MS = 10;
const NEVER = Number.POSITIVE_INFINITY;
/** An alarm this late is taken for lost and set again. */
const ALARM_LATE_MS = 60_000;

export class WorkerRegistry extends DurableObject<Env> {
  readonly #tables: WorkerRegistryTables;
  readonly #breakerTables: BreakerTables;
  /** A cache of the tables plus soft state that isolates own and report again. */
  readonly #books: RegistryBooks;
  readonly #members: PoolMembers;
  readonly #scaling: PoolScaling;
  #roundAtMs = Number.NEGATIVE_INFINITY;
  #alarmAtMs = NEVER;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    migrate(ctx.storage, workerRegistryMigrations);
    this.#tables = new WorkerRegistryTables(ctx.storage.sql);
    this.#breakerTables = new BreakerTables(ctx.storage.sql);
    const tables = new MemberTables(ctx.storage.sql);
    const scaleTables = new ScaleTables(ctx.storage.sql);
    const roster = this.#tables.findRoster();
    const { atRest, ...members } = tables.findMembers();
    this.#books = openBooks(roster, this.#tables.findCursor(), {
      ejections: this.#tables.findEjections(),
      verdicts: this.#tables.findVerdicts(),
      breaker: this.#breakerTables.list(),
      members,
      scaling: scaleTables.list(),
      nowMs: Date.now(),
      completeAtMs: atRest || roster === undefined ? 0 : Date.now() + COMPLETE_AFTER_MS,
    });
    this.#members = new PoolMembers({ books: this.#books, tables, atRest });
    this.#scaling = new PoolScaling({ books: this.#books, tables: scaleTables, env, pool: keyOf(ctx.id) });
  }

  /** Books an isolate's report and leases what it asks for; the reply leaves only after what it rests on is durable (output gate). */
  lease(call: LeaseCall): LeaseReply {
    const nowMs = this.#begin();
    const { roster, ledger, ejections } = this.#books;
    const { mark } = ledger;
    const reply = answerLeaseCall(this.#books, call, nowMs);
    if (this.#books.roster !== roster) this.#saveRoster();
    if (ledger.mark !== mark) this.#saveCursor();
    if (ejections.unsaved.length > 0) this.#tables.saveEjections(ejections.unsaved.splice(0), forgivenBefore(nowMs));
    if (this.#books.breaker.unsaved.length > 0) this.#saveTransitions();
    this.#members.keep();
    if (reply.kind === "leased") {
      this.#members.rest(false);
      this.#arm(nowMs);
    }
    return reply;
  }

  /** `isNew`: whether it was not registered before. Refuses `registry_full`. */
  register(
    instance: RegisteredInstance,
    ttlMs: number,
  ): Result<{ readonly registration: Registration; readonly isNew: boolean }> {
    const nowMs = this.#begin();
    const registered = this.#members.register(instance, { ttlMs, nowMs });
    this.#arm(nowMs);
    return registered;
  }

  /** Refuses `unknown_instance`, also of one that has lapsed. */
  heartbeat(instanceId: string, load: HeartbeatBody): Result<Registration> {
    const nowMs = this.#begin();
    const renewed = this.#members.heartbeat(instanceId, load, nowMs);
    this.#arm(nowMs);
    return renewed;
  }

  /** Refuses `unknown_instance`. */
  deregister(instanceId: string): Result<{ readonly id: string }> {
    const nowMs = this.#begin();
    const wasThere = this.#members.deregister(instanceId, nowMs);
    this.#arm(nowMs);
    return wasThere ? ok({ id: instanceId }) : refuse("unknown_instance");
  }

  /** Puts instances in or takes them out; isolates hear of it with their next call. The caller knows which instances there are. */
  change(change: LifecycleChange): InstanceProgress[] {
    const nowMs = this.#begin();
    this.#members.change(change, nowMs);
    this.#arm(nowMs);
    return this.#members.progress(change.instanceIds, nowMs);
  }

  /** How far changes have come, in the order asked for. */
  progress(instanceIds: readonly string[]): InstanceProgress[] {
    const nowMs = this.#begin();
    lapseOverdue(this.#books, nowMs);
    this.#arm(nowMs);
    return this.#members.progress(instanceIds, nowMs);
  }

  /** Whole: takes the place of the report before, and may be repeated. */
  hearHealth(report: HealthReport): void {
    const toStore = hearReport(this.#books.verdicts, report, Date.now());
    if (toStore !== undefined) this.#tables.saveVerdicts(toStore);
  }

  status(): RegistryStatus {
    const nowMs = this.#begin();
    lapseOverdue(this.#books, nowMs);
    return describeRegistry(keyOf(this.ctx.id), this.#books, nowMs);
  }

  health(): PoolHealth {
    return describeHealth(this.#books, this.#begin());
  }

  /** The newest first. */
  ejections(): Ejection[] {
    return this.#tables.listEjections();
  }

  /** Undefined where nobody here scales the pool. */
  scaling(): AutoscaleStatus | undefined {
    return this.#scaling.status(this.#begin());
  }

  override async alarm(): Promise<void> {
    const nowMs = this.#begin();
    if (this.#isRoundDue(nowMs)) {
      this.#roundAtMs = nowMs;
      const atRest = closeRound(this.#books, nowMs);
      this.#saveCursor();
      this.#members.rest(atRest);
    }
    this.#scaling.tick(nowMs);
    this.#members.keep();
    this.#alarmAtMs = NEVER;
    this.#arm(nowMs);
    // Nobody waits for the pool's webhook.
    this.ctx.waitUntil(this.#scaling.deliver(nowMs).then(() => this.#arm(Date.now())));
  }

  /** Where the load is looked at more often, not every alarm writes the books down. */
  #isRoundDue(nowMs: number): boolean {
    return scalingOf(this.#books) === undefined || Math.abs(nowMs - this.#roundAtMs) >= TICK_MS;
  }

  /** What time has changed comes first. Returns the time, epoch ms. */
  #begin(): number {
    const nowMs = Date.now();
    const { roster } = this.#books;
    this.#members.settle(nowMs);
    if (this.#books.roster !== roster) this.#saveRoster();
    return nowMs;
  }

  #saveRoster(): void {
    const { configured, roster } = this.#books;
    if (configured !== undefined && roster !== undefined)
      this.#tables.saveRoster({ ...configured, version: roster.version });
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

  /** One alarm: for the next round, unless all is at rest, and for what time alone changes. */
  #arm(nowMs: number): void {
    const roundMs = isAtRest(this.#books) ? NEVER : nowMs + TICK_MS;
    const dueMs = Math.min(roundMs, this.#members.nextDueMs(), this.#scaling.nextDueMs(nowMs));
    const isSet = this.#alarmAtMs <= dueMs && nowMs < this.#alarmAtMs + ALARM_LATE_MS;
    if (isSet || dueMs === NEVER) return;
    this.#alarmAtMs = Math.max(dueMs, nowMs + AT_ONCE_MS);
    void this.ctx.storage.setAlarm(this.#alarmAtMs);
  }
}
