// How many requests of a pool may be tried again, so that retries can't make an overload worse: a fifth of its requests, or 3 a second
// where that is more. Each isolate keeps its own part: the fifth of what it serves, and its share of the 3. The clock comes in.

const RETRIES_PER_REQUEST = 0.2;
const RETRIES_PER_SECOND = 3;
/** What a quiet time saves up, and what it begins with: an equal part of 60 for each isolate, 3 at least. */
const SAVED_MAX_FLEET = 60;
/** What a pool may lose at one time on its one isolate; more than any request needs (R28). */
const SAVED_MAX = 15;
const SAVED_MAX_LEAST = 3;
/** A busy pool saves up the fifth of so long: an instance that dies fails many requests at one time. */
const SPAN_MS = 10_000;

export class RetryBudget {
  #isolates = 1;
  #quietMax = SAVED_MAX;
  #tokens = SAVED_MAX;
  #atMs: number | undefined;
  /** What time has earned since the last request: that one earns only what is missing to its fifth. */
  #byTime = 0;
  #requests = 0;
  #requestsBefore = 0;
  #spanAtMs = Number.NEGATIVE_INFINITY;

  /** `isolates` share the pool; one request alone may try `triesMax` times (R28). */
  share(isolates: number, triesMax: number): void {
    this.#isolates = Math.max(1, isolates);
    const share = SAVED_MAX_FLEET / this.#isolates;
    this.#quietMax = Math.min(SAVED_MAX, Math.max(SAVED_MAX_LEAST, triesMax - 1, share));
    this.#save(0);
  }

  /** A request that is tried for the first time. */
  earn(nowMs: number): void {
    if (nowMs - this.#spanAtMs >= SPAN_MS || nowMs < this.#spanAtMs) this.#turn(nowMs);
    this.#requests++;
    this.#accrue(nowMs);
    this.#save(Math.max(0, RETRIES_PER_REQUEST - this.#byTime));
    this.#byTime = 0;
  }

  /** Whether none could be tried again just now. */
  get isSpent(): boolean {
    return this.#tokens < 1;
  }

  /** Whether one may be tried again; it counts then. */
  spend(nowMs: number): boolean {
    this.#accrue(nowMs);
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }

  /** What time earns. */
  #accrue(nowMs: number): void {
    const elapsedMs = Math.max(0, nowMs - (this.#atMs ?? nowMs));
    this.#atMs = nowMs;
    const earned = (elapsedMs * RETRIES_PER_SECOND) / 1_000 / this.#isolates;
    this.#byTime += earned;
    this.#save(earned);
  }

  #save(tokens: number): void {
    const busyMax = RETRIES_PER_REQUEST * Math.max(this.#requests, this.#requestsBefore);
    this.#tokens = Math.min(Math.max(this.#quietMax, busyMax), this.#tokens + tokens);
  }

  #turn(nowMs: number): void {
    this.#requestsBefore = nowMs - this.#spanAtMs < 2 * SPAN_MS ? this.#requests : 0;
    this.#requests = 0;
    this.#spanAtMs = nowMs;
  }
}
