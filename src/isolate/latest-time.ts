// The isolate's idea of now, from the readings its requests bring along. Notices a clock that steps back: then no age means anything.

/** Concurrent requests read the clock at different moments; only more than this is a step back. */
const LAG_MS = 50;

export class LatestTime {
  readonly #clock: () => number;
  readonly #onStepBack: (nowMs: number) => void;
  #latestMs = Number.NEGATIVE_INFINITY;

  constructor(clock: () => number, onStepBack: (nowMs: number) => void) {
    this.#clock = clock;
    this.#onStepBack = onStepBack;
  }

  /** The latest time seen, epoch ms. An early reading may just be old, so the clock itself is asked before it counts as a step. */
  see(readingMs: number): number {
    if (readingMs >= this.#latestMs) {
      this.#latestMs = readingMs;
    } else if (readingMs < this.#latestMs - LAG_MS) {
      const clockMs = this.#clock();
      if (clockMs < this.#latestMs - LAG_MS) {
        this.#latestMs = clockMs;
        this.#onStepBack(clockMs);
      }
    }
    return this.#latestMs;
  }

  /** The clock as it stands now, checked likewise. */
  read(): number {
    return this.see(this.#clock());
  }
}
