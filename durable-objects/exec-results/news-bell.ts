// Lets calls wait inside an object for its next change. Rung by whoever changed something; holds nothing that must survive.

/** So many are told at once; whoever comes beyond them looks again by itself. */
const WAITING_MAX = 1_000;
const LOOK_AGAIN_MS = 1_000;

export class NewsBell {
  #waiting = new Set<() => void>();

  ring(): void {
    const waiting = this.#waiting;
    this.#waiting = new Set();
    for (const wake of waiting) wake();
  }

  /** Until it is rung, at most `waitMs`. Always lets others work meanwhile: callers wait in a loop. */
  async wait(waitMs: number): Promise<void> {
    const isTold = this.#waiting.size < WAITING_MAX;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, isTold ? waitMs : Math.min(waitMs, LOOK_AGAIN_MS));
    if (isTold) this.#waiting.add(resolve);
    await promise;
    clearTimeout(timer);
    this.#waiting.delete(resolve);
  }
}
