// How long an instance may be expected to take, from what it took and how it failed (Finagle's peak EWMA): believed at once where it gets
// worse, forgotten slowly where it gets better. A failure counts as a long answer, so that failing quickly never looks quick.

import { type Gauge, quickest } from "./gauge.ts";
import type { PoolPace } from "./instance-pace.ts";

const DECAY_MS = 10_000;
/** What a failure counts for at least, and in usual answers. */
const FAILURE_MS = 1_000;
const FAILURE_TIMES = 10;

export class PeakEwma implements Gauge {
  readonly #pool: PoolPace;
  /** Undefined until something is known. */
  #ms: number | undefined;
  #atMs = 0;

  constructor(pool: PoolPace) {
    this.#pool = pool;
  }

  hear(ms: number, nowMs: number): number {
    const heardMs = quickest(ms);
    this.#pool.hear(heardMs, nowMs);
    const before = this.#ms ?? heardMs;
    const kept = Math.exp(-Math.max(0, nowMs - this.#atMs) / DECAY_MS);
    this.#ms = Math.max(heardMs, heardMs + (before - heardMs) * kept);
    this.#atMs = nowMs;
    return this.#ms;
  }

  fail(nowMs: number): number {
    this.#ms = Math.max(this.at(nowMs), this.#penaltyMs());
    this.#atMs = nowMs;
    return this.#ms;
  }

  miss(nowMs: number): number {
    return this.fail(nowMs);
  }

  /** What other isolates see counts where it is worse. */
  learn({ ms, failedShare }: { readonly ms: number; readonly failedShare: number }, nowMs: number): number {
    const toldMs = Math.max(ms, failedShare * this.#penaltyMs());
    if (toldMs > this.at(nowMs)) {
      this.#ms = toldMs;
      this.#atMs = nowMs;
    }
    return this.at(nowMs);
  }

  /** Without news it is expected to do as the pool usually does. */
  at(nowMs: number): number {
    const { usualMs } = this.#pool;
    if (this.#ms === undefined) return usualMs;
    return usualMs + (this.#ms - usualMs) * Math.exp(-Math.max(0, nowMs - this.#atMs) / DECAY_MS);
  }

  #penaltyMs(): number {
    return Math.max(FAILURE_MS, FAILURE_TIMES * this.#pool.usualMs);
  }
}
