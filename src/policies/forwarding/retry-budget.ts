// How many requests of a pool may be tried again, so that retries can't make an overload worse: a fifth of its requests, and 3 a second
// where requests are few. Each isolate keeps its own part: the fifth of what it serves, and its share of the 3. The clock comes in.

const RETRIES_PER_REQUEST = 0.2;
const RETRIES_PER_SECOND = 3;
/** What a quiet time saves up; also what an isolate begins with. One request may try every instance (R28). */
const SAVED_MAX = 15;

export class RetryBudget {
  #tokens = SAVED_MAX;
  #atMs: number | undefined;

  /** A request that is tried for the first time. */
  earn(): void {
    this.#tokens = Math.min(SAVED_MAX, this.#tokens + RETRIES_PER_REQUEST);
  }

  /** Whether one could be tried again just now. */
  get isSpent(): boolean {
    return this.#tokens < 1;
  }

  /** Whether one may be tried again; it counts then. `isolates` share the pool. */
  spend(isolates: number, nowMs: number): boolean {
    const elapsedMs = Math.max(0, nowMs - (this.#atMs ?? nowMs));
    this.#atMs = nowMs;
    const saved = (elapsedMs * RETRIES_PER_SECOND) / 1_000 / Math.max(1, isolates);
    this.#tokens = Math.min(SAVED_MAX, this.#tokens + saved);
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }
}
