// The slots a request has taken: kept for as long as it goes on, and given back once.

import { waitAtMost } from "../../deadline.ts";
import type { Asking } from "./limit-claim.ts";
import type { SlotClaim } from "./slot-claim.ts";

export class HeldSlots {
  readonly #claims: readonly SlotClaim[];
  readonly #released = Promise.withResolvers<true>();
  #isReleased = false;

  constructor(claims: readonly SlotClaim[]) {
    this.#claims = claims;
  }

  /** Any time after the first does nothing. */
  release(asking: Asking): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    this.#released.resolve(true);
    for (const claim of this.#claims) claim.giveBack(asking);
  }

  /** When `ended` settles. */
  releaseAfter(ended: Promise<void>, asking: Asking): void {
    const release = (): void => this.release(asking);
    asking.ctx.waitUntil(ended.then(release, release));
  }

  /** Until they are released this request renews its slots itself, and isn't cut with its client: it must come to release them. */
  keep(asking: Asking): void {
    asking.ctx.waitUntil(this.#keep(asking));
  }

  async #keep(asking: Asking): Promise<void> {
    const everyMs = Math.min(...this.#claims.map(({ renewEveryMs }) => renewEveryMs));
    while ((await waitAtMost(this.#released.promise, everyMs)) === undefined)
      for (const claim of this.#claims) claim.renew(asking);
  }
}
