// How long a route's answers take, as this isolate sees it, and from when on one that has not come is unusual.
// Hears every answer, so it keeps four numbers and no list; the clock comes in. Used through isolate/pools/route-pace.ts.

/** No pool is so quick that less than this says anything: garbage collections, cold starts and lost packets take as long. */
const OVERDUE_MS_MIN = 500;
const USUAL_TIMES = 4;
/** Before that many, nobody knows what is usual. */
const ANSWERS_MIN = 10;
/** Weight of the latest answer in the mean: one in so many. */
const MEAN_OVER = 32;
/** The longest is that of the present and the previous span of this length. */
const SPAN_MS = 10_000;

export class AnswerPace {
  #answers = 0;
  #meanMs = 0;
  #longestMs = 0;
  #longestBeforeMs = 0;
  #spanAtMs = Number.NEGATIVE_INFINITY;

  /** An answer that took `ms` to its headers. */
  hear(ms: number, nowMs: number): void {
    this.#answers++;
    this.#meanMs += (ms - this.#meanMs) / Math.min(this.#answers, MEAN_OVER);
    if (nowMs - this.#spanAtMs >= SPAN_MS || nowMs < this.#spanAtMs) {
      this.#longestBeforeMs = nowMs - this.#spanAtMs < 2 * SPAN_MS ? this.#longestMs : 0;
      this.#spanAtMs = nowMs;
      this.#longestMs = ms;
    } else if (ms > this.#longestMs) this.#longestMs = ms;
  }

  /** After how long without an answer a request is overdue, ms: several times the usual, and no less than the longest of late; never more than `mostMs`. */
  overdueAfterMs(mostMs: number): number {
    if (this.#answers < ANSWERS_MIN) return mostMs;
    const longestMs = Math.max(this.#longestMs, this.#longestBeforeMs);
    return Math.min(mostMs, Math.max(OVERDUE_MS_MIN, USUAL_TIMES * this.#meanMs, longestMs));
  }
}
