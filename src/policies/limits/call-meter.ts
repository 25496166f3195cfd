// Who called a shard in the last seconds, how often and for how much, and so how long each caller leaves it in peace. The clock comes in.
// The budget is everybody's in equal parts, but who asks for far more than others do gets more of it: ten busy isolates among a
// thousand idle ones are not made as slow as those. Together they call no more often than the budget allows, whatever they ask for.

import type { LimiterAsk, LimiterCall } from "../../contracts/limits.ts";
import { paceMs } from "./pace.ts";

/** Isolates not heard of for this long no longer share the budget. */
const SEEN_MS = 5_000;
const SECOND_MS = 1_000;
/** Of what was asked for, so much still counts a second later. */
const KEPT_PER_SECOND = 0.8;
/** Who asks for more than so many times the mean is no longer one among equals. */
const BUSY_TIMES = 4;

/** `asked`: tokens in multiples of their cost, and slots. `weight`: parts of the budget, 1 for nearly all. */
type Caller = { seenAtMs: number; asked: number; weight: number };

export class CallMeter {
  readonly #callers = new Map<string, Caller>();
  #weights = 0;
  #second = 0;
  #calls = 0;
  #callsBefore = 0;
  /** By the clock as it was then: one that was set back must not keep it young. */
  #isYoung = true;
  #bornAtMs: number | undefined;

  /** Counts one call, and answers the pace for its caller: at least the one it was last told, until the fleet is known again. */
  note({ isolateId, asks, paceMs: toldMs }: LimiterCall, nowMs: number): number {
    this.#bornAtMs ??= nowMs;
    const second = Math.floor(nowMs / SECOND_MS);
    if (second !== this.#second) this.#turn(second, nowMs);
    this.#calls++;
    const caller = this.#callers.get(isolateId) ?? this.#meet(isolateId);
    caller.seenAtMs = nowMs;
    for (const ask of asks) caller.asked += askedIn(ask);
    const known = paceMs(Math.max(this.#calls, this.#callsBefore), caller.weight / this.#weights);
    this.#isYoung &&= nowMs >= this.#bornAtMs && nowMs - this.#bornAtMs < SEEN_MS;
    return this.#isYoung ? Math.max(known, toldMs) : known;
  }

  #meet(isolateId: string): Caller {
    const caller = { seenAtMs: 0, asked: 0, weight: 1 };
    this.#callers.set(isolateId, caller);
    this.#weights++;
    return caller;
  }

  #turn(second: number, nowMs: number): void {
    this.#callsBefore = second === this.#second + 1 ? this.#calls : 0;
    this.#calls = 0;
    const kept = KEPT_PER_SECOND ** Math.max(0, second - this.#second);
    this.#second = second;
    let askedByAll = 0;
    for (const [isolateId, caller] of this.#callers) {
      caller.asked *= kept;
      if (nowMs - caller.seenAtMs > SEEN_MS) this.#callers.delete(isolateId);
      else askedByAll += caller.asked;
    }
    this.#weigh(askedByAll / this.#callers.size);
  }

  #weigh(askedOnAverage: number): void {
    this.#weights = 0;
    for (const caller of this.#callers.values()) {
      caller.weight = askedOnAverage > 0 ? Math.max(1, caller.asked / askedOnAverage / BUSY_TIMES) : 1;
      this.#weights += caller.weight;
    }
  }
}

function askedIn(ask: LimiterAsk): number {
  if (ask.kind === "slots") return ask.wanted.length;
  return ask.wish === undefined ? 0 : (ask.wish.waiting + ask.wish.spare) / ask.wish.cost;
}
