// One per pool that has `health`: probes its instances and tells the pool's registry how they are. It sends nobody anywhere.
// Tables: plan, probes, transitions. Alarm: reads the configuration and who has registered himself, probes who is due, writes down, reports, sets the next.
// RPC: watch (the control plane, when the configuration has changed); transitions (operators).

import { DurableObject } from "cloudflare:workers";
import { healthMonitorMigrations } from "../../migrations/health-monitor/index.ts";
import type { HealthFact, HealthTransition } from "../../src/contracts/health.ts";
import { withDeadline } from "../../src/deadline.ts";
import { log } from "../../src/log.ts";
import { callRegistry, keyOf } from "../../src/objects.ts";
import { factsOf } from "../../src/policies/health/probe-record.ts";
import {
  adoptPlan,
  concludeRound,
  type ProbePlan,
  planWith,
  type RoundOutcome,
} from "../../src/policies/health/probe-round.ts";
import { dueRecords, nextAlarmAtMs } from "../../src/policies/health/probe-schedule.ts";
import { type ProbeSettings, reportValidMs } from "../../src/policies/health/probe-settings.ts";
import { migrate } from "../migrate.ts";
import { HealthMonitorTables } from "./health-monitor-tables.ts";
import { probeInstances } from "./probe-instances.ts";
import { raiseAlert } from "./raise-alert.ts";
import { type Reading, readPlan } from "./read-plan.ts";
import { readRegistered } from "./read-registered.ts";

/** Whoever changes the configuration says so: this is for a word that got lost. */
const READ_EVERY_MS = 60_000;
/** A report without news is not repeated sooner. */
const REPORT_EVERY_MS = 500;
const REPORT_MS_MAX = 5_000;
/** After what did not work: a report that did not arrive, or a configuration that could not be read. */
const AGAIN_AFTER_MS = 1_000;
/** An alarm set to now while one is running may stall. */
const AT_ONCE_MS = 10;

export class HealthMonitor extends DurableObject<Env> {
  readonly #tables: HealthMonitorTables;
  readonly #pool: string;
  /** Not stored: a new deployment may make something else of the same version. */
  #knownVersion: number | null = null;
  /** When the configuration is read again, epoch ms; 0: at once. */
  #readDueAtMs = 0;
  #reportedAtMs = Number.NEGATIVE_INFINITY;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    migrate(ctx.storage, healthMonitorMigrations);
    this.#tables = new HealthMonitorTables(ctx.storage.sql);
    const pool = this.#tables.findPool();
    this.#pool = pool ?? keyOf(ctx.id);
    // Where nothing is set, an alarm got lost.
    if (pool !== undefined) void this.#armIfUnset();
  }

  /** Has the alarm look at the configuration at once, and begin, go on or stop probing. May be repeated. */
  async watch(): Promise<void> {
    this.#readDueAtMs = 0;
    this.#tables.savePool(this.#pool);
    await this.ctx.storage.setAlarm(Date.now() + AT_ONCE_MS);
  }

  /** The newest first, at most 1,000. */
  transitions(): HealthTransition[] {
    return this.#tables.listTransitions();
  }

  /** Never throws for what others fail to do: the platform would repeat it at its own pace, and give it up in the end. */
  override async alarm(): Promise<void> {
    try {
      await this.#adoptConfiguration();
      await this.#adoptRegistered();
      const plan = this.#tables.findPlan();
      if (plan !== undefined) return await this.#arm(await this.#probe(plan));
      // A pool is on the books until the configuration has said that nothing is to be probed.
      if (this.#tables.findPool() !== undefined) await this.#arm(Date.now() + AGAIN_AFTER_MS);
    } catch (error) {
      log("error", "round of probes failed", { pool: this.#pool, cause: String(error) });
      await this.#arm(Date.now() + AGAIN_AFTER_MS);
    }
  }

  /** While the configuration can't be read, what it said last counts. */
  async #adoptConfiguration(): Promise<void> {
    const nowMs = Date.now();
    if (nowMs < this.#readDueAtMs && this.#readDueAtMs - nowMs <= READ_EVERY_MS) return;
    // Before it is read: a change meanwhile, or a failure, has it read again.
    const againAtMs = nowMs + AGAIN_AFTER_MS;
    this.#readDueAtMs = againAtMs;
    const reading = await this.#read();
    if (reading === undefined) return;
    const known = this.#tables.findPlan();
    const plan = reading === "unchanged" ? known : reading.plan;
    if (plan === undefined) await this.#stop();
    else if (reading !== "unchanged")
      this.#adopt(planWith({ ...(known ?? plan), settings: plan.settings }, { configured: plan.instances }));
    if (reading !== "unchanged") this.#knownVersion = reading.version;
    if (this.#readDueAtMs === againAtMs) this.#readDueAtMs = nowMs + READ_EVERY_MS;
  }

  /** While the registry does not answer, those known last are probed. */
  async #adoptRegistered(): Promise<void> {
    const plan = this.#tables.findPlan();
    if (plan === undefined) return;
    const registered = await readRegistered(this.env, this.#pool);
    if (registered !== undefined) this.#adopt(planWith(plan, { registered }));
  }

  /** Undefined when there is no answer. */
  async #read(): Promise<Reading | undefined> {
    try {
      return await readPlan(this.env, this.#pool, this.#knownVersion);
    } catch (error) {
      log("warn", "configuration not read", { pool: this.#pool, cause: String(error) });
      return undefined;
    }
  }

  #adopt(next: ProbePlan): void {
    const before = this.#tables.findPlan();
    const moment = { nowMs: Date.now(), random: Math.random };
    const { ended, begun } = adoptPlan(this.#tables.listRecords(), { before, next }, moment);
    if (JSON.stringify(before) !== JSON.stringify(next)) this.#tables.savePlan(next);
    for (const instanceId of ended) this.#tables.deleteRecord(instanceId);
    if (ended.length > 0) this.#reportedAtMs = Number.NEGATIVE_INFINITY;
    for (const record of begun) this.#tables.saveRecord(record);
  }

  /** Takes back what was reported, too. Should that fail, it lapses. */
  async #stop(): Promise<void> {
    const plan = this.#tables.findPlan();
    this.#tables.forgetPlan();
    if (plan !== undefined) await this.#report([], plan.settings);
  }

  /** Probes who is due; returns when to come back, epoch ms. */
  async #probe({ settings, instances }: ProbePlan): Promise<number> {
    // Alarms alone change them, and they come one after another.
    const records = this.#tables.listRecords();
    const due = new Set(dueRecords(records, settings, Date.now()).map((one) => one.instanceId));
    const probes = await probeInstances(this.env, { settings, instances: instances.filter(({ id }) => due.has(id)) });
    const nowMs = Date.now();
    const outcome = concludeRound(records, probes, { settings, nowMs, random: Math.random });
    this.#writeDown(outcome);
    const isNews = outcome.transitions.length > 0 || Math.abs(nowMs - this.#reportedAtMs) >= REPORT_EVERY_MS;
    const isHeard = !isNews || (await this.#report(factsOf(outcome.standing), settings));
    const nextAtMs = nextAlarmAtMs(outcome.standing, settings, Date.now());
    return isHeard ? nextAtMs : Math.min(nextAtMs, Date.now() + AGAIN_AFTER_MS);
  }

  #writeDown({ records, transitions, alerts }: RoundOutcome): void {
    for (const record of records) this.#tables.saveRecord(record);
    for (const transition of transitions) this.#tables.appendTransition(transition);
    for (const { instanceId, failures } of alerts) raiseAlert({ pool: this.#pool, instance: instanceId, failures });
  }

  /** Whether the registry has it. */
  async #report(facts: readonly HealthFact[], settings: ProbeSettings): Promise<boolean> {
    try {
      const report = { facts, validMs: reportValidMs(settings), madeAtMs: Date.now() };
      await withDeadline(
        callRegistry(this.env, this.#pool, (registry) => registry.hearHealth(report)),
        REPORT_MS_MAX,
      );
      this.#reportedAtMs = Date.now();
      return true;
    } catch (error) {
      log("warn", "registry did not hear of probes", { pool: this.#pool, cause: String(error) });
      this.#reportedAtMs = Number.NEGATIVE_INFINITY;
      return false;
    }
  }

  async #armIfUnset(): Promise<void> {
    const { storage } = this.ctx;
    if ((await storage.getAlarm()) === null) await storage.setAlarm(Date.now() + AT_ONCE_MS);
  }

  /** Unless `watch` has set it to an earlier time meanwhile. */
  async #arm(atMs: number): Promise<void> {
    const set = await this.ctx.storage.getAlarm();
    if (set === null || set > atMs) await this.ctx.storage.setAlarm(atMs);
  }
}
