// One shard of the limits: rolling windows and slots of many keys, and what isolates have been lent of them.
// Everything granted is stored before it is answered, so no kill ever lets more through than the limit.
// Table: windows. RPC: exchange (isolates); describe, list, reset, refund (operators). Alarm: sweeps what no longer counts.

import { DurableObject } from "cloudflare:workers";
import { rateLimiterMigrations } from "../../migrations/rate-limiter/index.ts";
import type { LimiterCall, LimiterReply, LimitKey, LimitStatus } from "../../src/contracts/limits.ts";
import { CallMeter } from "../../src/policies/limits/call-meter.ts";
import { describeState, refundState, resetState, serveAsk } from "../../src/policies/limits/limit-book.ts";
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
    const paceMs = this.#meter.note(call.isolateId, Date.now());
    await this.#arm();
    return await this.#commit.run(() => ({
      answers: call.asks.map((ask) => this.#serve(ask, call.isolateId)),
      paceMs,
    }));
  }

  describe(key: LimitKey): LimitStatus | null {
    const state = this.#tables.read(key);
    return state === undefined ? null : describeState(state, Date.now());
  }

  /** The next keys of a policy that count anything, in the order of their digests. */
  list(policy: string, after: LimitKey, max: number): readonly { key: LimitKey; used: number }[] {
    const nowMs = Date.now();
    return this.#tables
      .list(policy, after, max)
      .map(({ key, state }) => ({ key, used: describeState(state, nowMs).used }));
  }

  /** Forgets what was spent; leases stay. Answers what was counted before, or null for a key nobody has spent from. */
  reset(key: LimitKey): LimitStatus | null {
    const nowMs = Date.now();
    const before = this.#tables.read(key);
    if (before === undefined) return null;
    const { state, idleAt } = resetState(before, nowMs);
    this.#tables.write(key, state, idleAt);
    return describeState(before, nowMs);
  }

  /** Gives back up to `tokens`; answers how many, or null for a key nobody has spent from. */
  refund(key: LimitKey, tokens: number): number | null {
    const before = this.#tables.read(key);
    if (before === undefined) return null;
    const { state, idleAt, refunded } = refundState(before, tokens, Date.now());
    this.#tables.write(key, state, idleAt);
    return refunded;
  }

  override async alarm(): Promise<void> {
    const nowMs = Date.now();
    const last = this.#tables.sweep(this.#sweptThrough, nowMs);
    this.#sweptThrough = last ?? "";
    this.#isArmed = last !== undefined || !this.#tables.isEmpty();
    if (this.#isArmed) await this.ctx.storage.setAlarm(nowMs + (last === undefined ? SWEEP_EVERY_MS : NEXT_BATCH_MS));
  }

  #serve(ask: LimiterCall["asks"][number], isolateId: string): LimiterReply["answers"][number] {
    const stored = { state: this.#tables.read(ask.key), nowMs: Date.now() };
    const { answer, state, idleAt } = serveAsk(ask, isolateId, stored);
    this.#tables.write(ask.key, state, idleAt);
    return answer;
  }

  async #arm(): Promise<void> {
    if (this.#isArmed) return;
    if ((await this.ctx.storage.getAlarm()) === null) await this.ctx.storage.setAlarm(Date.now() + SWEEP_EVERY_MS);
    this.#isArmed = true;
  }
}
