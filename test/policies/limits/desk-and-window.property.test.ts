// Several desks and one window: whatever becomes of their calls, never more than the limit is admitted in any interval.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { LimiterReply, RateRule } from "../../../src/contracts/limits.ts";
import { AT_ONCE_MS } from "../../../src/policies/limits/lease-size.ts";
import { type LimitState, serveAsk } from "../../../src/policies/limits/limit-book.ts";
import { type Departure, type Landed, LimiterDesk } from "../../../src/policies/limits/limiter-desk.ts";
import { mostInAnyInterval, type Spend } from "./window-history.ts";

const START = 1_000_000;
type Fate = "arrives" | "twice" | "call lost" | "reply lost" | "late";
type Turn = { readonly isolate: number; readonly requests: number; readonly passMs: number; readonly fate: Fate };

class Fleet {
  readonly admitted: Spend[] = [];
  readonly #rule: RateRule;
  readonly #cost: number;
  readonly #desks: readonly LimiterDesk[];
  readonly #late: (() => void)[] = [];
  #state: LimitState | undefined;
  #nowMs = START;

  constructor(rule: RateRule, { cost = 1, isolates = 3 } = {}) {
    this.#rule = rule;
    this.#cost = cost;
    this.#desks = Array.from({ length: isolates }, (_, index) => new LimiterDesk(`isolate-${index}`));
  }

  take({ isolate, requests, passMs, fate }: Turn): void {
    this.#nowMs += passMs;
    const desk = this.#desks[isolate % this.#desks.length];
    if (desk === undefined) return;
    for (let request = 0; request < requests; request++) this.#request(desk);
    const departure = desk.compose(this.#nowMs);
    if (departure !== undefined) this.#fly(desk, departure, fate);
    if (fate === "arrives") for (const land of this.#late.splice(0)) land();
  }

  /** As a request does: from what is at hand, else it waits. */
  #request(desk: LimiterDesk): void {
    const account = desk.rateAccount("k", this.#rule);
    const hold = account.waiters.length === 0 ? account.allowance.take(this.#cost, this.#nowMs) : undefined;
    const spend = (own: NonNullable<typeof hold>) => {
      account.allowance.spend(own);
      this.admitted.push({ atMs: this.#nowMs, tokens: this.#cost });
    };
    if (hold !== undefined) spend(hold);
    else if (!account.allowance.isDenied(this.#nowMs))
      desk.waitForTokens(account, {
        cost: this.#cost,
        settle: (outcome) => {
          if (typeof outcome === "object") spend(outcome);
        },
      });
  }

  #fly(desk: LimiterDesk, departure: Departure, fate: Fate): void {
    const reply = fate === "call lost" ? undefined : this.#serve(departure);
    if (fate === "twice") this.#serve(departure);
    if (reply === undefined || fate === "reply lost") desk.fail(departure);
    else if (fate === "late") this.#late.push(() => desk.hear(departure, reply, this.#landed(departure)));
    else desk.hear(departure, reply, this.#landed(departure));
  }

  #landed({ askedAtMs }: Departure): Landed {
    return { nowMs: this.#nowMs, isLate: this.#nowMs - askedAtMs > AT_ONCE_MS };
  }

  #serve({ call }: Departure): LimiterReply {
    const answers = call.asks.map((ask) => {
      const { answer, change } = serveAsk(ask, call.isolateId, { state: this.#state, nowMs: this.#nowMs });
      if (change !== undefined) this.#state = JSON.parse(JSON.stringify(change.state));
      return answer;
    });
    return { answers, paceMs: 0 };
  }
}

const turn: fc.Arbitrary<Turn> = fc.record({
  isolate: fc.nat(2),
  requests: fc.constantFrom(0, 1, 3, 20),
  passMs: fc.constantFrom(0, 1, 100, 700, 1_200),
  fate: fc.constantFrom("arrives", "arrives", "arrives", "twice", "call lost", "reply lost", "late"),
});

describe("several desks and one window", () => {
  it("admit no more than the limit in any interval, whatever calls are lost, repeated or late", () => {
    const facts = fc.record({
      limit: fc.constantFrom(2, 10, 60, 400),
      windowMs: fc.constantFrom(1_000, 3_000, 60_000),
      cost: fc.constantFrom(1, 1, 2),
      turns: fc.array(turn, { maxLength: 80 }),
    });
    fc.assert(
      fc.property(facts, ({ limit, windowMs, cost, turns }) => {
        const fleet = new Fleet({ kind: "rate", limit, windowMs }, { cost });
        for (const one of turns) fleet.take(one);
        expect(mostInAnyInterval(fleet.admitted, windowMs)).toBeLessThanOrEqual(limit);
      }),
      { numRuns: 1_000 },
    );
  });

  it.each([
    [1_000, 60_000, 0.98],
    [1_000, 10_000, 0.97],
  ])("admit of %d in %d ms nearly all under steady full demand", (limit, windowMs, share) => {
    const fleet = new Fleet({ kind: "rate", limit, windowMs }, { isolates: 4 });
    const windows = 20;
    // Three times the limit, in steps of 10 ms.
    const perStep = (3 * limit * 10) / windowMs;
    for (let step = 0; step < (windows * windowMs) / 10; step++) {
      const requests = Math.floor((step + 1) * perStep) - Math.floor(step * perStep);
      fleet.take({ isolate: step, requests, passMs: 10, fate: "arrives" });
    }
    expect(fleet.admitted.length / windows).toBeGreaterThanOrEqual(share * limit);
    expect(mostInAnyInterval(fleet.admitted.slice(-3 * limit), windowMs)).toBeLessThanOrEqual(limit);
  });
});
