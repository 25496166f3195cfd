// Finds the requests that are slow, with one timer per 100 ms for all of them: a timer of its own costs a request more than most
// requests take. A slow one is woken to set its own; one that does not hear was cut with its client, and is given up for it.

import type { Lifetime } from "./lifetime.ts";

/** One request under way. */
export type Watched = {
  /** Called in some other request's context: may only resolve a promise of the watched one's. */
  readonly wake: () => void;
  /** Set by the woken request itself. */
  heard: boolean;
  /** Called in its stead, once, when it never heard. */
  readonly lost: (ctx: Lifetime) => void;
  /** Where SlowWatch keeps it. */
  place: number;
};

/** How late a request is at most when it is found to be slow. */
export const SLOW_AFTER_MS = 100;
/** A tick that has not come by then was cut together with the request that kept it alive. */
const TICK_LOST_MS = 1_000;

export class SlowWatch {
  /** Since the last tick, by place. No Set: its outgrown tables refer to the next, and keep whole requests until a full collection. */
  #watched: (Watched | undefined)[] = [];
  #called: readonly Watched[] = [];
  #tickingSinceMs = Number.NEGATIVE_INFINITY;

  /** From the next tick on, within 100 ms, `watched` counts as slow. */
  enter(watched: Watched, ctx: Lifetime, nowMs: number): void {
    watched.place = this.#watched.push(watched) - 1;
    if (nowMs >= this.#tickingSinceMs && nowMs - this.#tickingSinceMs <= TICK_LOST_MS) return;
    this.#tickingSinceMs = nowMs;
    ctx.waitUntil(this.#tick(ctx));
  }

  /** Before the next tick, at no cost; later, it must have been heard. */
  leave(watched: Watched): void {
    watched.heard = true;
    if (this.#watched[watched.place] === watched) this.#watched[watched.place] = undefined;
  }

  async #tick(ctx: Lifetime): Promise<void> {
    await scheduler.wait(SLOW_AFTER_MS);
    this.#tickingSinceMs = Number.NEGATIVE_INFINITY;
    for (const watched of this.#called) if (!watched.heard) watched.lost(ctx);
    this.#called = this.#watched.filter((watched) => watched !== undefined);
    this.#watched = [];
    for (const watched of this.#called) watched.wake();
  }
}

/** The isolate's own. */
export const slowWatch = new SlowWatch();
