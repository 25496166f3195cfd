// Who called a shard in the last seconds and how often, and so how long each caller leaves it in peace. The clock comes in.

import { paceMs } from "./pace.ts";

/** Isolates not heard of for this long no longer share the budget. */
const SEEN_MS = 5_000;
const SECOND_MS = 1_000;

export class CallMeter {
  readonly #seen = new Map<string, number>();
  #second = 0;
  #calls = 0;
  #callsBefore = 0;
  /** By the clock as it was then: one that was set back must not keep it young. */
  #isYoung = true;
  #bornAtMs: number | undefined;

  /** Counts one call, and answers the pace for its caller: the one it was last told, until the fleet is known again. */
  note(isolateId: string, { toldMs, nowMs }: { readonly toldMs: number; readonly nowMs: number }): number {
    this.#bornAtMs ??= nowMs;
    const second = Math.floor(nowMs / SECOND_MS);
    if (second !== this.#second) this.#turn(second, nowMs);
    this.#calls++;
    this.#seen.set(isolateId, nowMs);
    const known = paceMs(Math.max(this.#calls, this.#callsBefore), this.#seen.size);
    this.#isYoung &&= nowMs >= this.#bornAtMs && nowMs - this.#bornAtMs < SEEN_MS;
    return this.#isYoung ? Math.max(known, toldMs) : known;
  }

  #turn(second: number, nowMs: number): void {
    this.#callsBefore = second === this.#second + 1 ? this.#calls : 0;
    this.#calls = 0;
    this.#second = second;
    for (const [isolateId, atMs] of this.#seen) if (nowMs - atMs > SEEN_MS) this.#seen.delete(isolateId);
  }
}
