// Whether an instance answers more slowly than its pool, as this isolate sees it: for pools that are balanced by load, where requests in
// flight alone tell too late. Hears every answer, so it keeps a few numbers and no list; the clock comes in.

import { FadingMean } from "./fading-mean.ts";
import { type FleetWord, type Gauge, quickest } from "./gauge.ts";

/** Answers lose half their weight or more within so long: an instance that becomes slow is seen to be after a few. */
const ANSWERS_FADE_MS = 150;
/** The pool's usual pace changes less. */
const POOL_FADE_MS = 750;
/** So many answers as usual are taken for granted, so that a single slow one says little. */
const TAKEN_FOR_GRANTED = 2;
/** A slower instance's requests count for more, somewhat less than in proportion: it is known late, and must not swing. */
const POWER = 0.8;
/** Slower by less than this is chance: such instances take turns. */
const SLOWNESS_MIN = 1.25;
/** However slow it seems, its requests count double at most: a few long requests among short ones must not starve an instance. */
const SLOWNESS_MAX = 2;
/** A failure counts as an answer that took ten times as long as usual. */
const FAILURE_LOG_TIMES = Math.log(10);
/** Without an answer since, what was known of it fades: it is tried again. */
const KNOWN_FADE_MS = 10_000;

/** Means are of logarithms, so that one very long answer does not outweigh all others. */
export class PoolPace {
  readonly #mean = new FadingMean(POOL_FADE_MS);

  hear(ms: number, nowMs: number): void {
    this.#mean.hear(Math.log(ms), nowMs);
  }

  get usualLogMs(): number {
    return this.#mean.mean;
  }

  /** What an answer of the pool usually takes; 1 until anything is known. */
  get usualMs(): number {
    return Math.exp(this.usualLogMs);
  }
}

export class InstancePace implements Gauge {
  readonly #pool: PoolPace;
  readonly #mean = new FadingMean(ANSWERS_FADE_MS);
  #slowness = 1;

  constructor(pool: PoolPace) {
    this.#pool = pool;
  }

  /** Returns what each of the instance's requests counts for: 1 to SLOWNESS_MAX. */
  hear(ms: number, nowMs: number): number {
    const heardMs = quickest(ms);
    this.#pool.hear(heardMs, nowMs);
    return this.#note(Math.log(heardMs), nowMs);
  }

  /** However quick: who fails at once must not seem to have time for more. */
  fail(nowMs: number): number {
    return this.#note(this.#pool.usualLogMs + FAILURE_LOG_TIMES, nowMs);
  }

  /** Tried again as soon as it may be: only further failures tell the registry that it is dead. */
  miss(nowMs: number): number {
    return this.at(nowMs);
  }

  learn(_word: FleetWord, nowMs: number): number {
    return this.at(nowMs);
  }

  at(nowMs: number): number {
    const sinceMs = Math.max(0, nowMs - this.#mean.heardAtMs);
    const slowness = 1 + (this.#slowness - 1) * Math.exp(-sinceMs / KNOWN_FADE_MS);
    return slowness < SLOWNESS_MIN ? 1 : slowness;
  }

  #note(logMs: number, nowMs: number): number {
    this.#mean.hear(logMs, nowMs);
    const { sum, weight } = this.#mean;
    const above = (sum - this.#pool.usualLogMs * weight) / (weight + TAKEN_FOR_GRANTED);
    this.#slowness = Math.min(SLOWNESS_MAX, Math.exp(POWER * above));
    return this.at(nowMs);
  }
}
