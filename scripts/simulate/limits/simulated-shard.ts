// One RateLimiter object as the simulation knows it: the plane's own policies over a store that survives restarts as JSON.
// Its clock may be behind after a restart, never ahead: the windows count on its own clock.

import type { LimiterCall, LimiterReply } from "../../../src/contracts/limits.ts";
import { CallMeter } from "../../../src/policies/limits/call-meter.ts";
import { CallOrder } from "../../../src/policies/limits/call-order.ts";
import { type LimitState, serveAsk } from "../../../src/policies/limits/limit-book.ts";
import type { EventQueue } from "../event-queue.ts";
import { between, exponential, type Random } from "../random.ts";
import { RollingSum } from "./rolling-sum.ts";
import { EPOCH_MS, SKEW_MS_MAX } from "./skewed-clock.ts";

export type Serve = typeof serveAsk;
/** How the shard works; the tests break it to see that this is noticed. */
export type ShardWorks = { readonly serve: Serve; readonly keepsState: boolean };
export const SOUND_SHARD: ShardWorks = { serve: serveAsk, keepsState: true };

const RESTART_EVERY_MS_MEAN = 300_000;
const DOWN_MS_MAX = 1_000;
const SECOND_MS = 1_000;
/** Peaks count from here on: a fleet that has never called knows no pace. */
const SETTLED_MS = 5_000;

export class SimulatedShard {
  calls = 0;
  rows = 0;
  restarts = 0;
  /** Calls in the busiest second. */
  peak = 0;
  isDown = false;
  readonly #queue: EventQueue;
  readonly #random: Random;
  readonly #works: ShardWorks;
  readonly #lastSecond = new RollingSum(SECOND_MS);
  #states = new Map<string, LimitState>();
  #meter = new CallMeter();
  #order = new CallOrder();
  #offsetMs = SKEW_MS_MAX;

  constructor(queue: EventQueue, random: Random, works: ShardWorks) {
    this.#queue = queue;
    this.#random = random;
    this.#works = works;
    this.#planRestart();
  }

  exchange(call: LimiterCall): LimiterReply {
    this.#count();
    const paceMs = this.#meter.note(call, this.#clock());
    const isRepeated = this.#order.isRepeated(call);
    this.#order.note(call);
    const answers = call.asks.map((ask) => {
      const stored = { state: this.#states.get(ask.key), nowMs: this.#clock(), isRepeated };
      const { answer, change } = this.#works.serve(ask, call.isolateId, stored);
      if (change === undefined) return answer;
      this.#states.set(ask.key, change.state);
      this.rows++;
      return answer;
    });
    return { answers, paceMs };
  }

  #clock(): number {
    return Math.floor(EPOCH_MS + this.#queue.nowMs + this.#offsetMs);
  }

  #count(): void {
    const { nowMs } = this.#queue;
    this.calls++;
    this.#lastSecond.at(nowMs);
    this.#lastSecond.add(nowMs, 1);
    if (nowMs > SETTLED_MS) this.peak = Math.max(this.peak, this.#lastSecond.at(nowMs));
  }

  #planRestart(): void {
    this.#queue.after(exponential(this.#random, RESTART_EVERY_MS_MEAN), () => {
      this.isDown = true;
      this.#queue.after(between(this.#random, 0, DOWN_MS_MAX), () => this.#restart());
    });
  }

  /** What is stored comes back as it was written; what is in memory is gone, and the clock is another machine's. */
  #restart(): void {
    this.restarts++;
    this.isDown = false;
    this.#meter = new CallMeter();
    this.#order = new CallOrder();
    this.#offsetMs -= between(this.#random, 0, (this.#offsetMs + SKEW_MS_MAX) / 2);
    const stored = this.#works.keepsState ? JSON.stringify([...this.#states]) : "[]";
    this.#states = new Map(JSON.parse(stored) as [string, LimitState][]);
    this.#planRestart();
  }
}
