// How many second tries a route's slow requests may have: a share of its requests, saved up from nothing, so that over any time since it
// began there were never more. Each isolate keeps that of what it serves, which adds up to the fleet's.

/** What a quiet time leaves: that many slow requests in a row are all joined. */
const SAVED_MAX = 10;

export class HedgeBudget {
  readonly #share: number;
  #saved = 0;

  /** `share`: second tries per request. */
  constructor(share: number) {
    this.#share = share;
  }

  /** A request that might want one. */
  earn(): void {
    this.#saved = Math.min(SAVED_MAX, this.#saved + this.#share);
  }

  /** Whether none may be sent just now. Adding up a share that is no binary fraction falls short of 1 by a little. */
  get isSpent(): boolean {
    return this.#saved < 1 - ROUNDING;
  }

  /** One is sent. */
  spend(): void {
    this.#saved = Math.max(0, this.#saved - 1);
  }
}

const ROUNDING = 1e-9;
