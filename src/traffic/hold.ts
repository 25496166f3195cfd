// One request's claim on one instance: counted from the moment it is made until it is released, by whoever comes first.

import type { Lifetime } from "../isolate/lifetime.ts";
import type { PoolLeases, Selection } from "../isolate/pools/pool-leases.ts";

export class Hold {
  readonly #leases: PoolLeases;
  readonly #selection: Selection;
  #released = false;

  constructor(leases: PoolLeases, selection: Selection) {
    this.#leases = leases;
    this.#selection = selection;
    leases.begin(selection);
  }

  /** Any time after the first does nothing. */
  readonly release = (ctx: Lifetime): void => {
    if (this.#released) return;
    this.#released = true;
    this.#leases.end(this.#selection, ctx);
  };

  /** When `ended` settles; until then the registry is told every few seconds that it goes on. */
  releaseAfter(ended: Promise<void>, ctx: Lifetime): void {
    ctx.waitUntil(ended.then(() => this.release(ctx)));
    this.#leases.renewWhile(ended, ctx);
  }

  /** A WebSocket passed through: what becomes of it is never seen, so it is told apart from what is in flight. */
  releaseUncounted(ctx: Lifetime): void {
    this.#leases.passedSocket(ctx);
    this.release(ctx);
  }
}
