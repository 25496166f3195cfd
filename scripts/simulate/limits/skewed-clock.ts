// A machine's clock: off by up to two seconds, and set forward or back once in a while. Lasts as long as its isolate.

import type { EventQueue } from "../event-queue.ts";
import { between, exponential, type Random } from "../random.ts";

/** Where virtual time begins on a clock that is right, epoch ms. */
export const EPOCH_MS = 1_800_000_000_000;
/** A clock is never further off than this, and is never set by more at once. */
export const SKEW_MS_MAX = 2_000;
/** Between two settings at least this; on average so much more. */
const STEP_AFTER_MS_MIN = 15_000;
const STEP_AFTER_MS_MEAN = 45_000;

export class SkewedClock {
  readonly #queue: EventQueue;
  readonly #random: Random;
  #offsetMs: number;
  #stepAtMs: number;

  constructor(queue: EventQueue, random: Random) {
    this.#queue = queue;
    this.#random = random;
    this.#offsetMs = between(random, -SKEW_MS_MAX, SKEW_MS_MAX);
    this.#stepAtMs = this.#nextStepMs(queue.nowMs);
  }

  /** Epoch ms, whole ones like a Worker's clock. */
  read(): number {
    const { nowMs } = this.#queue;
    while (nowMs >= this.#stepAtMs) {
      const steppedMs = this.#offsetMs + between(this.#random, -SKEW_MS_MAX, SKEW_MS_MAX);
      this.#offsetMs = Math.min(SKEW_MS_MAX, Math.max(-SKEW_MS_MAX, steppedMs));
      this.#stepAtMs = this.#nextStepMs(this.#stepAtMs);
    }
    return Math.floor(EPOCH_MS + nowMs + this.#offsetMs);
  }

  #nextStepMs(fromMs: number): number {
    return fromMs + STEP_AFTER_MS_MIN + exponential(this.#random, STEP_AFTER_MS_MEAN);
  }
}
