// After how long a request of a route that hedges is joined by a second one: what 95 of 100 of its latest answers have stayed below. Hears
// every answer, so it keeps a histogram in steps of a fifth and no list. Used through isolate/pools/route-hedges.ts.

const QUANTILE = 0.95;
/** Each step's upper bound is so many times the one before: an estimate is too high by at most as much, never too low. */
export const STEP = 1.2;
/** The last step holds everything beyond: a quarter of an hour, the longest a route may wait, is in step 76. */
const STEPS = 80;
/** Before that many, nobody knows what is usual. */
export const ANSWERS_MIN = 20;
/** The estimate is over the present span and the one before. */
export const SPAN_ANSWERS = 500;

export class HedgeDelay {
  #present = new Uint32Array(STEPS);
  #before = new Uint32Array(STEPS);
  #answers = 0;
  #answersBefore = 0;

  /** An answer that took `ms` to its headers, or was given up after so long because another came first. */
  hear(ms: number): void {
    const step = stepOf(ms);
    this.#present[step] = (this.#present[step] ?? 0) + 1;
    if (++this.#answers < SPAN_ANSWERS) return;
    [this.#before, this.#present] = [this.#present, this.#before];
    this.#present.fill(0);
    this.#answersBefore = this.#answers;
    this.#answers = 0;
  }

  /** In ms; no less than `afterMs`, which is all that counts until enough is known. Undefined while neither says anything. */
  delayMs(afterMs: number | undefined): number | undefined {
    const answers = this.#answers + this.#answersBefore;
    if (answers < ANSWERS_MIN) return afterMs;
    let heard = 0;
    for (let step = 0; step < STEPS; step++) {
      heard += (this.#present[step] ?? 0) + (this.#before[step] ?? 0);
      if (heard >= QUANTILE * answers) return Math.max(afterMs ?? 0, STEP ** step);
    }
    return afterMs;
  }
}

/** Step n holds what took longer than STEP^(n-1) ms and no longer than STEP^n; step 0 up to 1 ms. */
const stepOf = (ms: number): number =>
  ms <= 1 ? 0 : Math.min(STEPS - 1, Math.ceil(Math.log(ms) / Math.log(STEP) - ROUNDING));
const ROUNDING = 1e-9;
