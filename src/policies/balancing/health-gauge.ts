// How healthy an instance is, for the strategy that goes by it: how slowly it answers, how much of what it was sent failed, here and over the
// fleet, and what probes say. One that is unhealthy or ejected is out altogether, under every strategy.

import { FailureShare } from "./failure-share.ts";
import type { FleetWord, Gauge } from "./gauge.ts";
import { InstancePace, type PoolPace } from "./instance-pace.ts";

/** Where all fails, a request counts for so many. */
const FAILING_TIMES = 20;
/** Probes find it far slower than it should be, or than its pool. */
const DEGRADED_TIMES = 4;
const SLOWER_TIMES_MAX = 4;

export class HealthGauge implements Gauge {
  readonly #pool: PoolPace;
  readonly #pace: InstancePace;
  readonly #failures = new FailureShare();
  #word: FleetWord = { ms: 0, failedShare: 0, degraded: false };

  constructor(pool: PoolPace) {
    this.#pool = pool;
    this.#pace = new InstancePace(pool);
  }

  hear(ms: number, nowMs: number): number {
    this.#failures.hear(0, nowMs);
    return this.#times(this.#pace.hear(ms, nowMs), nowMs);
  }

  fail(nowMs: number): number {
    this.#failures.hear(1, nowMs);
    return this.at(nowMs);
  }

  miss(nowMs: number): number {
    return this.fail(nowMs);
  }

  learn(word: FleetWord, nowMs: number): number {
    this.#word = word;
    return this.at(nowMs);
  }

  at(nowMs: number): number {
    return this.#times(this.#pace.at(nowMs), nowMs);
  }

  /** The worse of what is seen here and what the fleet says, for each of the three. */
  #times(slowness: number, nowMs: number): number {
    const { ms, failedShare, degraded } = this.#word;
    const told = ms === 0 ? 1 : Math.min(SLOWER_TIMES_MAX, ms / this.#pool.usualMs);
    const failing = Math.max(failedShare, this.#failures.at(nowMs));
    return Math.max(slowness, told > 2 ? told : 1) * (1 + FAILING_TIMES * failing) * (degraded ? DEGRADED_TIMES : 1);
  }
}
