// One key under judgement: what was really admitted of it and when, and what an omniscient limiter would have admitted of the
// same arrivals. The limiter under test never sees any of this.

import type { RateRule } from "../../../src/contracts/limits.ts";
import { RollingSum } from "./rolling-sum.ts";

export type Tally = {
  requests: number;
  admitted: number;
  /** Requests that an omniscient limiter would have admitted of those that were answered. */
  possible: number;
  /** Tokens beyond the limit in some half-open interval of the window's length. */
  over: number;
  /** Requests that got no answer from the shard in time: what becomes of them is the policy's `onError`. */
  unanswered: number;
};

export const emptyTally = (): Tally => ({ requests: 0, admitted: 0, possible: 0, over: 0, unanswered: 0 });

type Outcome = "admitted" | "denied" | "unanswered";
/** A request; `atMs` is the true time at which it came. */
export type Arrival = { readonly atMs: number; outcome: Outcome | undefined };

export class JudgedKey {
  readonly name: string;
  readonly rule: RateRule;
  readonly cost: number;
  readonly #tally: Tally;
  readonly #admitted: RollingSum;
  readonly #possible: RollingSum;
  /** In order, from the first on whose outcome is still open: the omniscient limiter is asked about answered ones only. */
  #open: Arrival[] = [];
  #firstOpen = 0;

  constructor(name: string, { rule, cost, tally }: { rule: RateRule; cost: number; tally: Tally }) {
    this.name = name;
    this.rule = rule;
    this.cost = cost;
    this.#tally = tally;
    this.#admitted = new RollingSum(rule.windowMs);
    this.#possible = new RollingSum(rule.windowMs);
  }

  arrive(nowMs: number): Arrival {
    const arrival: Arrival = { atMs: nowMs, outcome: undefined };
    this.#tally.requests++;
    this.#open.push(arrival);
    return arrival;
  }

  /** At the true time `nowMs`. An interval that is overfilled is found to be so when its last request is let through. */
  admit(arrival: Arrival, nowMs: number): void {
    this.#tally.admitted++;
    this.#admitted.at(nowMs);
    this.#admitted.add(nowMs, this.cost);
    this.#tally.over += Math.min(this.cost, Math.max(0, this.#admitted.at(nowMs) - this.rule.limit));
    this.#close(arrival, "admitted");
  }

  deny(arrival: Arrival): void {
    this.#close(arrival, "denied");
  }

  leaveUnanswered(arrival: Arrival): void {
    this.#tally.unanswered++;
    this.#close(arrival, "unanswered");
  }

  #close(arrival: Arrival, outcome: Outcome): void {
    arrival.outcome = outcome;
    for (let next = this.#open[this.#firstOpen]; next?.outcome !== undefined; next = this.#open[this.#firstOpen]) {
      this.#firstOpen++;
      if (next.outcome !== "unanswered") this.#ask(next.atMs);
    }
    if (this.#firstOpen * 2 < this.#open.length) return;
    this.#open = this.#open.slice(this.#firstOpen);
    this.#firstOpen = 0;
  }

  #ask(atMs: number): void {
    if (this.#possible.at(atMs) + this.cost > this.rule.limit) return;
    this.#possible.add(atMs, this.cost);
    this.#tally.possible++;
  }
}
