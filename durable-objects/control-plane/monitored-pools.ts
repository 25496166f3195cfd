// Tells the monitors of pools that have `health`, or had it before, that the configuration has changed. What is to be told is stored
// together with the version, so that no crash in between loses it. Called by the ControlPlane object as it stores, wakes and by alarm.

import type { ConfigDocument } from "../../src/contracts/config.ts";
import { withDeadline } from "../../src/deadline.ts";
import { log } from "../../src/log.ts";
import { callHealth } from "../../src/objects.ts";
import { poolsWithHealth, tellAgainMs } from "../../src/policies/health/tell-monitors.ts";
import { MonitoredPoolsTables, type Untold } from "./monitored-pools-tables.ts";

/** Told by one alarm, all at the same time; an alarm may call others 32 times, and each may be called three times. */
const BATCH_MAX = 10;
const TELL_MS_MAX = 5_000;
/** Between two batches; an alarm set to now by an alarm may stall. */
const NEXT_BATCH_MS = 10;

export class MonitoredPools {
  readonly #tables: MonitoredPoolsTables;
  readonly #ctx: DurableObjectState;
  readonly #env: Env;

  constructor(ctx: DurableObjectState, env: Env) {
    this.#ctx = ctx;
    this.#env = env;
    this.#tables = new MonitoredPoolsTables(ctx.storage.sql);
  }

  /** Inside the transaction that stores the version; `arm` follows it. */
  expect(document: ConfigDocument, version: number): void {
    this.#tables.begin(poolsWithHealth(document), version);
  }

  /** Sets the alarm if somebody has yet to be told. */
  arm(nowMs: number): void {
    const dueAtMs = this.#tables.nextDueAtMs();
    if (dueAtMs !== undefined) void this.#ctx.storage.setAlarm(Math.max(dueAtMs, nowMs + NEXT_BATCH_MS));
  }

  /** Never rejects for a monitor that does not answer: that one is told again later. */
  async tellDue(): Promise<void> {
    const due = this.#tables.listDue(Date.now(), BATCH_MAX);
    await Promise.all(due.map((one) => this.#tell(one)));
    this.arm(Date.now());
  }

  async #tell(untold: Untold): Promise<void> {
    try {
      await withDeadline(
        callHealth(this.#env, untold.pool, (monitor) => monitor.watch()),
        TELL_MS_MAX,
      );
      this.#tables.told(untold);
    } catch (error) {
      log("warn", "health monitor not told", { pool: untold.pool, cause: String(error) });
      this.#tables.failed(untold, Date.now() + tellAgainMs(untold.attempts));
    }
  }
}
