// The slots a request has taken: kept for as long as it goes on, and given back once.

import { waitAtMost } from "../../deadline.ts";
import type { Asking } from "./limit-claim.ts";
import type { SlotClaim } from "./slot-claim.ts";

export class HeldSlots {
  readonly #claims: readonly SlotClaim[];
  #isReleased = false;

  constructor(claims: readonly SlotClaim[]) {
    this.#claims = claims;
  }

  /** Any time after the first does nothing. */
  release(asking: Asking): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    for (const claim of this.#claims) claim.giveBack(asking);
  }

  /** When `ended` settles; until then the slots are renewed by this request itself, whichever others come and go. */
  releaseAfter(ended: Promise<void>, asking: Asking): void {
    asking.ctx.waitUntil(this.#keep(ended, asking));
  }

  async #keep(ended: Promise<void>, asking: Asking): Promise<void> {
    const over = ended.then(
      () => true,
      () => true,
    );
    const everyMs = Math.min(...this.#claims.map(({ renewEveryMs }) => renewEveryMs));
    while (!this.#isReleased && (await waitAtMost(over, everyMs)) === undefined)
      for (const claim of this.#claims) claim.renew(asking);
    this.release(asking);
  }
}
