// How much fell into the last `windowMs`, by the exact times of everything in it: what the simulation judges by.
// Knows nothing of buckets, leases or the policies it judges. Memory: what one window holds.

const FIRST_SIZE = 64;

export class RollingSum {
  readonly #windowMs: number;
  /** A ring of times and amounts, oldest first; its size is a power of two. */
  #times = new Float64Array(FIRST_SIZE);
  #amounts = new Float64Array(FIRST_SIZE);
  #first = 0;
  #count = 0;
  #sum = 0;

  constructor(windowMs: number) {
    this.#windowMs = windowMs;
  }

  /** What lies in the half-open interval of `windowMs` that ends just after `nowMs`; `nowMs` never goes back. */
  at(nowMs: number): number {
    while (this.#count > 0 && nowMs - (this.#times[this.#first] ?? 0) >= this.#windowMs) {
      this.#sum -= this.#amounts[this.#first] ?? 0;
      this.#first = (this.#first + 1) & (this.#times.length - 1);
      this.#count--;
    }
    return this.#sum;
  }

  add(nowMs: number, amount: number): void {
    if (this.#count === this.#times.length) this.#grow();
    const last = (this.#first + this.#count) & (this.#times.length - 1);
    this.#times[last] = nowMs;
    this.#amounts[last] = amount;
    this.#count++;
    this.#sum += amount;
  }

  #grow(): void {
    const unrolled = (ring: Float64Array) => {
      const larger = new Float64Array(ring.length * 2);
      larger.set(ring.subarray(this.#first));
      larger.set(ring.subarray(0, this.#first), ring.length - this.#first);
      return larger;
    };
    this.#times = unrolled(this.#times);
    this.#amounts = unrolled(this.#amounts);
    this.#first = 0;
  }
}
