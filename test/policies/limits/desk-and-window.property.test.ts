// Several desks and one window: whatever becomes of their calls, never more than the limit is admitted in any interval.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { LimiterReply, RateRule } from "../../../src/contracts/limits.ts";
import type { TokenHold } from "../../../src/policies/limits/allowance.ts";
import { type LimitState, serveAsk } from "../../../src/policies/limits/limit-book.ts";
import { type Departure, LimiterDesk } from "../../../src/policies/limits/limiter-desk.ts";
import type { RateAccount } from "../../../src/policies/limits/rate-account.ts";
import { RateWindow } from "../../../src/policies/limits/rate-window.ts";
import { mostInAnyInterval, type Spend, TIMERS_MS } from "./window-history.ts";

const START = 1_000_000;
/** `last moment`: the answer comes when its isolate has just not given it up. */
type Fate = "at once" | "last moment" | "too late" | "twice" | "call lost" | "answer lost";
/** `share`: of the time for which a request that waits for other limits too may hold its tokens, until it spends or returns them. */
type Hold = { readonly holdMs: number; readonly share: number; readonly isReturned: boolean };
type Turn = {
  readonly isolate: number;
  readonly requests: number;
  readonly hold: Hold;
  /** Requests that give up waiting once the call is out, the first first. */
  readonly leaving: number;
  /** `release`: until the window's next tokens come free. */
  readonly passMs: number | "release";
  /** Until the call reaches the shard. */
  readonly travelMs: number;
  readonly fate: Fate;
};
const AT_ONCE = { hold: { holdMs: 0, share: 0, isReturned: false }, leaving: 0, travelMs: 0, fate: "at once" } as const;
const LATE_MS = 150;
const LOST_MS = 2_000;

class Fleet {
  readonly admitted: Spend[] = [];
  readonly #rule: RateRule;
  readonly #cost: number;
  readonly #desks: readonly LimiterDesk[];
  /** What is still to happen. */
  #due: { readonly atMs: number; readonly act: () => void }[] = [];
  #state: LimitState | undefined;
  #nowMs = START;

  constructor(rule: RateRule, { cost = 1, isolates = 3 } = {}) {
    this.#rule = rule;
    this.#cost = cost;
    this.#desks = Array.from({ length: isolates }, (_, index) => new LimiterDesk(`isolate-${index}`));
  }

  take({ isolate, requests, hold, leaving, passMs, travelMs, fate }: Turn): void {
    this.pass(passMs === "release" ? this.#releaseInMs : passMs);
    const desk = this.#desks[isolate % this.#desks.length];
    if (desk === undefined) return;
    const account = desk.rateAccount("k", this.#rule);
    for (let request = 0; request < requests; request++) this.#request(desk, account, hold);
    const departure = desk.compose(this.#nowMs);
    if (departure !== undefined) this.#after(travelMs, () => this.#arrive(desk, departure, fate));
    for (const waiter of account.waiters.slice(0, leaving)) desk.leave(account, waiter);
  }

  pass(ms: number): void {
    const untilMs = this.#nowMs + ms;
    for (;;) {
      const [next] = this.#due.toSorted((a, b) => a.atMs - b.atMs);
      if (next === undefined || next.atMs > untilMs) break;
      this.#due = this.#due.filter((one) => one !== next);
      this.#nowMs = next.atMs;
      next.act();
    }
    this.#nowMs = untilMs;
  }

  #after(ms: number, act: () => void): void {
    if (ms <= 0) act();
    else this.#due.push({ atMs: this.#nowMs + ms, act });
  }

  get #releaseInMs(): number {
    if (this.#state?.kind !== "rate") return 0;
    return new RateWindow(this.#rule.windowMs, this.#nowMs, this.#state).releaseInMs;
  }

  /** As a request does: from what is at hand, else it waits. */
  #request(desk: LimiterDesk, account: RateAccount, hold: Hold): void {
    const atHand = account.waiters.length === 0 ? account.allowance.take(this.#cost, this.#nowMs) : undefined;
    if (atHand !== undefined) this.#spend(account, atHand);
    else if (!account.allowance.isDenied(this.#nowMs))
      desk.waitForTokens(account, {
        cost: this.#cost,
        holdMs: hold.holdMs,
        settle: (outcome) => {
          if (typeof outcome === "object") this.#hold(desk, account, outcome, hold);
        },
      });
  }

  /** It is held as long as its timer lets it be, and what timers are late by: what came for requests that wait is timed by no clock. */
  #hold(desk: LimiterDesk, account: RateAccount, own: TokenHold, { holdMs, share, isReturned }: Hold): void {
    const act = () => {
      const isOver = !own.lease.isAtOnce && this.#nowMs >= own.lease.untilMs;
      if (isReturned || isOver) desk.putBack(account, own);
      else this.#spend(account, own);
    };
    this.#after(share * (holdMs + TIMERS_MS), act);
  }

  #spend(account: RateAccount, own: TokenHold): void {
    account.allowance.spend(own);
    this.admitted.push({ atMs: this.#nowMs, tokens: this.#cost });
  }

  #arrive(desk: LimiterDesk, departure: Departure, fate: Fate): void {
    const reply = fate === "call lost" ? undefined : this.#serve(departure);
    if (fate === "twice") this.#serve(departure);
    const { askedAtMs, withinMs } = departure;
    const leftMs = askedAtMs + withinMs - this.#nowMs;
    if (reply === undefined || fate === "answer lost") this.#after(LOST_MS, () => desk.fail(departure));
    else if (fate === "last moment") this.#after(leftMs, () => this.#land(desk, departure, reply));
    else if (fate === "too late") this.#after(leftMs + LATE_MS, () => this.#land(desk, departure, reply));
    else this.#land(desk, departure, reply);
  }

  #land(desk: LimiterDesk, departure: Departure, reply: LimiterReply): void {
    const { askedAtMs, withinMs } = departure;
    desk.hear(departure, reply, { nowMs: this.#nowMs, isLate: this.#nowMs - askedAtMs > withinMs });
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
  requests: fc.constantFrom(0, 1, 1, 3, 20),
  hold: fc.record({
    holdMs: fc.constantFrom(0, 0, 200),
    share: fc.constantFrom(0, 0.5, 1, 1),
    isReturned: fc.constantFrom(false, false, false, true),
  }),
  leaving: fc.constantFrom(0, 0, 1, 20),
  passMs: fc.constantFrom<Turn["passMs"]>(0, 0, 1, 30, 50, 100, 700, 1_200, "release", "release", "release"),
  travelMs: fc.constantFrom(0, 0, 0, 1, 30, 60, 600),
  fate: fc.constantFrom<Fate>(
    "at once",
    "at once",
    "last moment",
    "last moment",
    "too late",
    "twice",
    "call lost",
    "answer lost",
  ),
});

describe("several desks and one window", () => {
  it("admit no more than the limit in any interval, whatever calls are lost, repeated or late", () => {
    const facts = fc.record({
      limit: fc.constantFrom(1, 2, 10, 60, 400),
      windowMs: fc.constantFrom(1_000, 3_000, 60_000),
      cost: fc.constantFrom(1, 1, 2),
      turns: fc.array(turn, { maxLength: 80, size: "max" }),
    });
    fc.assert(
      fc.property(facts, ({ limit, windowMs, cost, turns }) => {
        const fleet = new Fleet({ kind: "rate", limit, windowMs }, { cost });
        for (const one of turns) fleet.take(one);
        fleet.pass(LOST_MS);
        expect(mostInAnyInterval(fleet.admitted, windowMs)).toBeLessThanOrEqual(limit);
      }),
      { numRuns: 3_000 },
    );
  });

  it.each([
    [1_000, 60_000, 0.98],
    [1_000, 10_000, 0.97],
  ])("admit of %d in %d ms nearly all under steady full demand", (limit, windowMs, share) => {
    const fleet = new Fleet({ kind: "rate", limit, windowMs }, { isolates: 4 });
    const windows = 10;
    // Three times the limit, in steps of 10 ms.
    const perStep = (3 * limit * 10) / windowMs;
    for (let step = 0; step < (windows * windowMs) / 10; step++) {
      const requests = Math.floor((step + 1) * perStep) - Math.floor(step * perStep);
      fleet.take({ isolate: step, requests, passMs: 10, ...AT_ONCE });
    }
    expect(fleet.admitted.length / windows).toBeGreaterThanOrEqual(share * limit);
    expect(mostInAnyInterval(fleet.admitted.slice(-3 * limit), windowMs)).toBeLessThanOrEqual(limit);
  });
});
