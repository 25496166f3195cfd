// Lets calls wait inside an object for its next change. Rung by whoever changed something; holds nothing that must survive.

/** Beyond so many, calls are answered at once. */
const WAITING_MAX = 1_000;

export class NewsBell {
  #waiting = new Set<() => void>();

  ring(): void {
    const waiting = this.#waiting;
    this.#waiting = new Set();
    for (const wake of waiting) wake();
  }

  /** Until it is rung, at most `waitMs`. */
  async wait(waitMs: number): Promise<void> {
    if (this.#waiting.size >= WAITING_MAX) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, waitMs);
    this.#waiting.add(resolve);
    await promise;
    clearTimeout(timer);
    this.#waiting.delete(resolve);
  }
}
