// One shard of the limits: rolling windows and slots of many keys, and what isolates have been lent of them.
// Everything granted is stored before it is answered, so no kill ever lets more through than the limit.
// Table: windows. RPC: exchange (isolates); describe, reset, refund (operators). Alarm: sweeps what no longer counts.

import { DurableObject } from "cloudflare:workers";
import { rateLimiterMigrations } from "../../migrations/rate-limiter/index.ts";
import type {
  LimiterAsk,
  LimiterCall,
  LimiterReply,
  LimitKey,
  LimitRule,
  LimitStatus,
} from "../../src/contracts/limits.ts";
import { CallMeter } from "../../src/policies/limits/call-meter.ts";
import { CallOrder } from "../../src/policies/limits/call-order.ts";
import {
  describeState,
  type Moment,
  refundState,
  resetState,
  serveAsk,
  stateUnder,
} from "../../src/policies/limits/limit-book.ts";
import { migrate } from "../migrate.ts";
import { GroupCommit } from "./group-commit.ts";
import { RateLimiterTables } from "./rate-limiter-tables.ts";

const SWEEP_EVERY_MS = 60_000;
/** Between two batches of one sweep. */
const NEXT_BATCH_MS = 1_000;

export class RateLimiter extends DurableObject<Env> {
  readonly #tables: RateLimiterTables;
  readonly #commit: GroupCommit;
  /** Callers of the last seconds: forgotten with the object, and learned again. */
  readonly #meter = new CallMeter();
  readonly #order = new CallOrder();
  #isArmed = false;
  #sweptThrough: LimitKey = "";

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    migrate(ctx.storage, rateLimiterMigrations);
    this.#tables = new RateLimiterTables(ctx.storage.sql);
    this.#commit = new GroupCommit(ctx.storage);
  }

  /** Durable when it returns. Repeating a call grants nothing twice: leases and slots have ids. */
  async exchange(call: LimiterCall): Promise<LimiterReply> {
    const paceMs = this.#meter.note(call, Date.now());
    await this.#arm();
    return await this.#commit.run(() => {
      const moment = { nowMs: Date.now(), isRepeated: this.#order.isRepeated(call) };
      const answers = call.asks.map((ask) => this.#serve(ask, call.isolateId, moment));
      this.#order.note(call);
      return { answers, paceMs };
    });
  }

  /** How a key stands under the rule in force; one nobody has spent from counts 0. Writes nothing. */
  describe(key: LimitKey, rule: LimitRule): LimitStatus {
    const nowMs = Date.now();
    return describeState(stateUnder(rule, this.#tables.read(key), nowMs), nowMs);
  }

  /** Forgets what was spent; leases stay. Answers how the key stood before. */
  reset(key: LimitKey, rule: LimitRule): LimitStatus {
    const nowMs = Date.now();
    const stored = this.#tables.read(key);
    const before = stateUnder(rule, stored, nowMs);
    if (stored !== undefined) this.#tables.write(key, resetState(before, nowMs));
    return describeState(before, nowMs);
  }

  /** Gives back up to `tokens`; answers how many. The same id again answers what it did then. */
  refund(key: LimitKey, rule: LimitRule, wanted: { readonly id: string; readonly tokens: number }): number {
    const nowMs = Date.now();
    const stored = this.#tables.read(key);
    if (stored === undefined) return 0;
    const change = refundState(stateUnder(rule, stored, nowMs), wanted, nowMs);
    this.#tables.write(key, change);
    return change.refunded;
  }

  override async alarm(): Promise<void> {
    const nowMs = Date.now();
    const last = this.#tables.sweep(this.#sweptThrough, nowMs);
    this.#sweptThrough = last ?? "";
    this.#isArmed = last !== undefined || !this.#tables.isEmpty();
    if (this.#isArmed) await this.ctx.storage.setAlarm(nowMs + (last === undefined ? SWEEP_EVERY_MS : NEXT_BATCH_MS));
  }

  #serve(ask: LimiterAsk, isolateId: string, moment: Omit<Moment, "state">): LimiterReply["answers"][number] {
    const { answer, change } = serveAsk(ask, isolateId, { state: this.#tables.read(ask.key), ...moment });
    if (change !== undefined) this.#tables.write(ask.key, change);
    return answer;
  }

  async #arm(): Promise<void> {
    if (this.#isArmed) return;
    if ((await this.ctx.storage.getAlarm()) === null) await this.ctx.storage.setAlarm(Date.now() + SWEEP_EVERY_MS);
    this.#isArmed = true;
  }
}
