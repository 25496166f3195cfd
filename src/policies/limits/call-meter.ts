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

  /** Counts one call, and answers the pace for its caller. */
  note(isolateId: string, nowMs: number): number {
    const second = Math.floor(nowMs / SECOND_MS);
    if (second !== this.#second) this.#turn(second, nowMs);
    this.#calls++;
    this.#seen.set(isolateId, nowMs);
    return paceMs(Math.max(this.#calls, this.#callsBefore), this.#seen.size);
  }

  #turn(second: number, nowMs: number): void {
    this.#callsBefore = second === this.#second + 1 ? this.#calls : 0;
    this.#calls = 0;
    this.#second = second;
    for (const [isolateId, atMs] of this.#seen) if (nowMs - atMs > SEEN_MS) this.#seen.delete(isolateId);
  }
}
