// An isolate's dealings with one shard: who waits is served in order and only with what was granted, and nothing outlives its time.

import { describe, expect, it } from "vitest";
import type { LimiterReply, RateAnswer, RateAsk, SlotAsk } from "../../../src/contracts/limits.ts";
import { type Departure, LimiterDesk } from "../../../src/policies/limits/limiter-desk.ts";
import type { RateAccount, TokenOutcome } from "../../../src/policies/limits/rate-account.ts";
import type { SlotOutcome } from "../../../src/policies/limits/slot-account.ts";

const START = 1_000_000;
const rule = { kind: "rate", limit: 100, windowMs: 3_600_000 } as const;
const slotRule = { kind: "slots", limit: 2, leaseMs: 30_000 } as const;
const ACCOUNTS_MAX = 20_000;
const ASKS_MAX = 500;
/** What the shard tells with every reply. */
const PACE_MS = 40;

function open() {
  const desk = new LimiterDesk("a");
  const outcomes: [name: string, outcome: "admitted" | "denied" | "failed"][] = [];
  const wait = (account: RateAccount, names: readonly string[], { cost = 1, holdMs = 0 } = {}) =>
    names.map((name) => {
      const settle = (outcome: TokenOutcome) => {
        if (typeof outcome === "object") account.allowance.spend(outcome);
        outcomes.push([name, typeof outcome === "object" ? "admitted" : outcome]);
      };
      const waiter = { cost, holdMs, settle };
      desk.waitForTokens(account, waiter);
      return waiter;
    });
  const depart = (nowMs: number): Departure => {
    const departure = desk.compose(START + nowMs);
    if (departure === undefined) throw new Error("nothing to say");
    return departure;
  };
  const land = (departure: Departure, answer: Partial<RateAnswer>, nowMs: number, isLate = false) =>
    desk.hear(departure, replyOf(departure, answer), { nowMs: START + nowMs, isLate });
  return { desk, outcomes, wait, depart, land };
}

const replyOf = ({ call }: Departure, answer: Partial<RateAnswer>): LimiterReply => ({
  paceMs: PACE_MS,
  answers: call.asks.map((ask) =>
    ask.kind === "slots"
      ? { kind: "slots", held: [...ask.renewed, ...ask.wanted], remaining: 0 }
      : { kind: "rate", granted: 0, validMs: 1_000, remaining: 0, releaseInMs: 5_000, ...answer },
  ),
});

const rateAsks = ({ call }: Departure) => call.asks.filter((ask): ask is RateAsk => ask.kind === "rate");
const slotAsks = ({ call }: Departure) => call.asks.filter((ask): ask is SlotAsk => ask.kind === "slots");

describe("requests that wait for tokens", () => {
  it("are served in the order in which they came, exactly as many as were granted", () => {
    const { desk, outcomes, wait, depart, land } = open();
    wait(desk.rateAccount("k", rule), ["1", "2", "3", "4", "5"]);
    const departure = depart(0);
    expect(rateAsks(departure)).toMatchObject([{ wish: { waiting: 5, cost: 1 } }]);
    land(departure, { granted: 3 }, 1);
    expect(outcomes).toEqual([
      ["1", "admitted"],
      ["2", "admitted"],
      ["3", "admitted"],
      ["4", "denied"],
      ["5", "denied"],
    ]);
  });

  it("that cost more are served exactly as often as was granted for", () => {
    const { desk, outcomes, wait, depart, land } = open();
    wait(desk.rateAccount("k", rule), ["1", "2", "3"], { cost: 5 });
    const departure = depart(0);
    expect(rateAsks(departure)).toMatchObject([{ wish: { waiting: 15, cost: 5 } }]);
    land(departure, { granted: 10, remaining: 3 }, 1);
    expect(outcomes.map(([, outcome]) => outcome)).toEqual(["admitted", "admitted", "denied"]);
  });

  it("are all told when nothing was granted", () => {
    const { desk, outcomes, wait, depart, land } = open();
    wait(desk.rateAccount("k", rule), ["1", "2"]);
    land(depart(0), { granted: 0 }, 1);
    expect(outcomes.map(([, outcome]) => outcome)).toEqual(["denied", "denied"]);
  });

  it("wait on when they came after the call left, and are asked for by the next", () => {
    const { desk, outcomes, wait, depart, land } = open();
    const account = desk.rateAccount("k", rule);
    wait(account, ["1"]);
    const departure = depart(0);
    wait(account, ["2"]);
    land(departure, { granted: 1, remaining: 50 }, 1);
    expect(outcomes).toEqual([["1", "admitted"]]);
    expect(desk.isPressed).toBe(true);
    land(depart(2), { granted: 1, remaining: 49 }, 3);
    expect(outcomes.at(-1)).toEqual(["2", "admitted"]);
  });

  it("are denied with those before them when they came after the call left and it is known that nothing is left", () => {
    const { desk, outcomes, wait, depart, land } = open();
    const account = desk.rateAccount("k", rule);
    wait(account, ["1", "2"]);
    const departure = depart(0);
    wait(account, ["3"]);
    land(departure, { granted: 1, remaining: 0 }, 1);
    expect(outcomes).toEqual([
      ["1", "admitted"],
      ["2", "denied"],
      ["3", "denied"],
    ]);
  });

  it("get the tokens of who waits no longer", () => {
    const { desk, outcomes, wait, depart, land } = open();
    const account = desk.rateAccount("k", rule);
    const [first] = wait(account, ["1", "2"]);
    const departure = depart(0);
    if (first !== undefined) desk.leave(account, first);
    wait(account, ["3"]);
    land(departure, { granted: 2, remaining: 50 }, 1);
    expect(outcomes).toEqual([
      ["2", "admitted"],
      ["3", "admitted"],
    ]);
  });

  it("get the tokens of who waits no longer only where they hold them no longer than the wish said", () => {
    const served = (holdMs: number) => {
      const { desk, outcomes, wait, depart, land } = open();
      const account = desk.rateAccount("k", rule);
      const [first] = wait(account, ["1"], { holdMs });
      const departure = depart(0);
      if (first !== undefined) desk.leave(account, first);
      wait(account, ["2"], { holdMs: 200 });
      land(departure, { granted: 1, remaining: 50 }, 1);
      return { outcomes, next: rateAsks(depart(2)) };
    };
    const refused = { outcomes: [], next: [{ reports: [{ used: 0, done: true }], wish: { waiting: 1 } }] };
    expect(served(0)).toMatchObject(refused);
    expect(served(200).outcomes).toEqual([["2", "admitted"]]);
  });

  it("are not refused in the place of who waits no longer", () => {
    const { desk, outcomes, wait, depart, land } = open();
    const account = desk.rateAccount("k", rule);
    const [first] = wait(account, ["1", "2"]);
    const departure = depart(0);
    if (first !== undefined) desk.leave(account, first);
    wait(account, ["3"]);
    land(departure, { granted: 0, remaining: 5 }, 1);
    expect(outcomes).toEqual([["2", "denied"]]);
    desk.fail(departure);
    expect(outcomes).toHaveLength(1);
  });
});

describe("a call that fails", () => {
  it("is told to those it spoke for alone; others wait for the next", () => {
    const { desk, outcomes, wait, depart, land } = open();
    const account = desk.rateAccount("k", rule);
    wait(account, ["1", "2"]);
    const departure = depart(0);
    wait(account, ["3"]);
    wait(desk.rateAccount("other", rule), ["4"]);
    desk.fail(departure);
    expect(outcomes).toEqual([
      ["1", "failed"],
      ["2", "failed"],
    ]);
    const next = depart(1);
    expect(rateAsks(next).map(({ key, wish }) => [key, wish?.waiting])).toEqual([
      ["k", 1],
      ["other", 1],
    ]);
    land(next, { granted: 1 }, 2);
    expect(outcomes.slice(2)).toEqual([
      ["3", "admitted"],
      ["4", "admitted"],
    ]);
  });

  it("leaves nothing to be spent, and is not reported again", () => {
    const { desk, wait, depart, land } = open();
    const account = desk.rateAccount("k", rule);
    wait(account, ["1"]);
    land(depart(0), { granted: 1, remaining: 50 }, 1);
    wait(account, ["2"]);
    const departure = depart(2);
    expect(rateAsks(departure)[0]?.reports).toEqual([{ leaseId: "a.1", used: 1, done: true }]);
    desk.fail(departure);
    expect(account.allowance.isEmpty).toBe(true);
    expect(desk.compose(START + 3)).toBeUndefined();
  });

  it("gives back with the next call for that key what it may have been granted; one that is answered does not", () => {
    const { desk, wait, depart, land } = open();
    const account = desk.rateAccount("k", rule);
    wait(account, ["1"]);
    desk.fail(depart(0));
    wait(desk.rateAccount("other", rule), ["2"]);
    expect(rateAsks(depart(1))).toMatchObject([{ key: "other", reports: [] }]);
    wait(account, ["3"]);
    const next = depart(2);
    expect(rateAsks(next)).toMatchObject([{ reports: [{ leaseId: "a.1", used: 0, done: true }] }]);
    land(next, { granted: 1, remaining: 50 }, 3);
    wait(account, ["4"]);
    expect(rateAsks(depart(4))).toMatchObject([{ reports: [{ leaseId: "a.3", used: 1, done: true }] }]);
  });

  it("leaves the shard in peace as long as it last said, and tells it", () => {
    const { desk, wait, depart, land } = open();
    const account = desk.rateAccount("k", rule);
    wait(account, ["1"]);
    const first = depart(0);
    expect([first.call.paceMs, desk.fail(first)]).toEqual([0, 0]);
    wait(account, ["2"]);
    land(depart(1), { granted: 1, remaining: 50 }, 2);
    wait(account, ["3"]);
    const last = depart(3);
    expect([last.call.paceMs, desk.fail(last)]).toEqual([PACE_MS, PACE_MS]);
  });

  it("leaves slots to be given back by the next", () => {
    const { desk, depart } = open();
    const account = desk.slotAccount("s", slotRule);
    const slots: SlotOutcome[] = [];
    account.wait({ id: "x", settle: (outcome) => slots.push(outcome) });
    desk.press(account);
    desk.fail(depart(0));
    expect(slots).toEqual(["failed"]);
    expect(slotAsks(depart(1))).toMatchObject([{ released: ["x"], wanted: [] }]);
  });

  it("is told to who only looks", () => {
    const { desk, depart, land } = open();
    const account = desk.rateAccount("k", rule);
    const seen: (number | undefined)[] = [];
    const look = () => {
      account.lookers.push((remaining) => seen.push(remaining));
      desk.press(account);
    };
    look();
    desk.fail(depart(0));
    look();
    land(depart(1), { remaining: 7 }, 2);
    expect(seen).toEqual([undefined, 7]);
  });
});

describe("a reply that comes late", () => {
  it.each([
    ["by the clock, whatever the timer says", 501, false],
    ["by the timer, whatever the clock shows", 1, true],
  ])("%s is given back: those it granted tokens are asked for again, the others are denied", (_, landedMs, isLate) => {
    const { desk, outcomes, wait, depart, land } = open();
    const account = desk.rateAccount("k", rule);
    wait(account, ["1", "2", "3"]);
    land(depart(0), { granted: 2, validMs: 1_000 }, landedMs, isLate);
    expect(outcomes).toEqual([["3", "denied"]]);
    expect(account.allowance.take(1, START + landedMs)).toBeUndefined();
    const next = depart(landedMs);
    const reports = [{ leaseId: "a.1", used: 0, done: true }];
    expect(rateAsks(next)).toMatchObject([{ reports, wish: { waiting: 2 } }]);
    land(next, { granted: 2 }, landedMs + 1);
    expect(outcomes.slice(1)).toEqual([
      ["1", "admitted"],
      ["2", "admitted"],
    ]);
  });

  it("by the timer is spent where tokens were lent in advance, which clocks may tell", () => {
    const { desk, outcomes, wait, depart, land } = open();
    wait(desk.rateAccount("k", rule), ["1"]);
    land(depart(0), { granted: 3, validMs: 6_000 }, 900, true);
    expect(outcomes).toEqual([["1", "admitted"]]);
  });

  it("leaves nothing to those who come afterwards: what was lent for who no longer waits goes back", () => {
    const { desk, outcomes, wait, depart, land } = open();
    const account = desk.rateAccount("k", rule);
    const [left] = wait(account, ["1", "2"]);
    const departure = depart(0);
    if (left !== undefined) desk.leave(account, left);
    land(departure, { granted: 2, remaining: 5 }, 1);
    expect(outcomes).toEqual([["2", "admitted"]]);
    expect(account.allowance.take(1, START + 1)).toBeUndefined();
    expect(rateAsks(depart(2))).toMatchObject([{ reports: [{ used: 1, done: true }] }]);
  });

  it("but within the time its call was given is spent, and nothing is given back", () => {
    const { desk, outcomes, wait, depart, land } = open();
    const account = desk.rateAccount("k", rule);
    wait(account, ["1"]);
    land(depart(0), { granted: 1, validMs: 500, remaining: 50 }, 499);
    expect(outcomes).toEqual([["1", "admitted"]]);
    wait(account, ["2"]);
    expect(rateAsks(depart(500))).toMatchObject([{ reports: [{ leaseId: "a.1", used: 1, done: true }] }]);
  });

  it("by what calls take is late, though requests that hold tokens for others have more time", () => {
    const { desk, outcomes, wait, depart, land } = open();
    const account = desk.rateAccount("k", rule);
    wait(account, ["1"]);
    land(depart(0), { granted: 1, remaining: 50 }, 0);
    wait(account, ["2"], { holdMs: 200 });
    land(depart(1_000), { granted: 1, validMs: 250 }, 1_051);
    expect(outcomes).toEqual([["1", "admitted"]]);
    land(depart(1_051), { granted: 1, validMs: 250 }, 1_101);
    expect(outcomes.at(-1)).toEqual(["2", "admitted"]);
  });

  it("is followed by the next call at once, but no second one is, and one that came in time is not", () => {
    const { desk, wait, depart, land } = open();
    wait(desk.rateAccount("k", rule), ["1"]);
    const peace = (isLate: boolean) => land(depart(0), { granted: 1, remaining: 50 }, 0, isLate);
    expect([true, true, false].map(peace)).toEqual([0, PACE_MS, PACE_MS]);
    wait(desk.rateAccount("k", rule), ["2"]);
    expect(peace(true)).toBe(0);
  });

  it("with a refusal is one", () => {
    const { desk, outcomes, wait, depart, land } = open();
    wait(desk.rateAccount("k", rule), ["1"]);
    land(depart(0), { granted: 0, validMs: 1_000 }, 1_500);
    expect(outcomes).toEqual([["1", "denied"]]);
  });
});

describe("the time for an answer", () => {
  it("is what calls have taken of late and half as much again, half a second while that is unknown", () => {
    const { desk, wait, depart, land } = open();
    const account = desk.rateAccount("k", rule);
    wait(account, ["1"]);
    const first = depart(0);
    expect([first.withinMs, rateAsks(first)[0]?.wish?.withinMs]).toEqual([500, 500]);
    land(first, { granted: 1, remaining: 50 }, 100);
    wait(account, ["2"]);
    const second = depart(200);
    expect([second.withinMs, rateAsks(second)[0]?.wish?.withinMs]).toEqual([150, 150]);
  });

  it("is told together with the longest for which one of those who wait may hold what came", () => {
    const { desk, wait, depart } = open();
    wait(desk.rateAccount("alone", rule), ["1"]);
    wait(desk.rateAccount("several", rule), ["2"]);
    wait(desk.rateAccount("several", rule), ["3"], { holdMs: 200 });
    const departure = depart(0);
    expect(departure.withinMs).toBe(500);
    expect(rateAsks(departure).map(({ wish }) => wish?.withinMs)).toEqual([500, 700]);
  });
});

describe("asking in advance", () => {
  it("does not happen when nothing was lent in advance", () => {
    const { desk, wait, depart, land } = open();
    const account = desk.rateAccount("k", rule);
    wait(account, ["1", "2"]);
    land(depart(0), { granted: 2, remaining: 50 }, 1);
    desk.press(account);
    const departure = depart(2);
    expect(rateAsks(departure)).toMatchObject([{ reports: [{ used: 2, done: true }] }]);
    expect(rateAsks(departure)[0]).not.toHaveProperty("wish");
  });

  it("does when most of what was lent so is gone", () => {
    const { desk, wait, depart, land } = open();
    const account = desk.rateAccount("k", rule);
    wait(account, ["1", "2", "3"]);
    land(depart(0), { granted: 5, validMs: 6_000, remaining: 50 }, 1);
    desk.press(account);
    const [ask] = rateAsks(depart(2));
    expect(ask?.wish?.waiting).toBe(0);
  });
});

describe("telling unasked", () => {
  it.each([1_000, rule.windowMs])("is never due for a window of %d ms when nothing was lent in advance", (windowMs) => {
    const { desk, wait, depart, land } = open();
    wait(desk.rateAccount("k", { ...rule, windowMs }), ["1"]);
    land(depart(0), { granted: 1, remaining: 50 }, 50);
    expect(desk.tellAtMs).toBeUndefined();
    expect(desk.compose(START + 100_000)).toBeUndefined();
  });

  it("gives spare tokens back in time, and is due for whichever key is first", () => {
    const { desk, wait, depart, land } = open();
    wait(desk.rateAccount("k", rule), ["1"]);
    land(depart(0), { granted: 5, validMs: 8_000, remaining: 50 }, 50);
    wait(desk.rateAccount("other", rule), ["2"]);
    land(depart(100), { granted: 5, validMs: 4_000, remaining: 50 }, 150);
    expect(desk.tellAtMs).toBe(START + 3_100);
    expect(rateAsks(depart(3_100)).map(({ key }) => key)).toEqual(["other"]);
    expect(desk.tellAtMs).toBe(START + 6_000);
  });

  it("renews slots in time", () => {
    const { desk, depart, land } = open();
    const account = desk.slotAccount("s", slotRule);
    account.wait({ id: "x", settle: () => undefined });
    desk.press(account);
    land(depart(0), {}, 0);
    expect(desk.tellAtMs).toBe(START + 10_000);
    expect(desk.compose(START + 9_999)).toBeUndefined();
    expect(slotAsks(depart(10_000))).toMatchObject([{ renewed: ["x"], wanted: [] }]);
  });
});

describe("a call", () => {
  it("speaks for 500 keys at most, and for the others the next does", () => {
    const { desk, wait, depart, land, outcomes } = open();
    for (let key = 0; key < ASKS_MAX + 20; key++) wait(desk.rateAccount(`k${key}`, rule), [`${key}`]);
    const first = depart(0);
    expect(first.call.asks).toHaveLength(ASKS_MAX);
    const second = depart(0);
    expect(rateAsks(second).map(({ key }) => key)).toEqual(Array.from({ length: 20 }, (_, at) => `k${ASKS_MAX + at}`));
    land(second, { granted: 1 }, 1);
    land(first, { granted: 1 }, 1);
    expect(outcomes).toHaveLength(ASKS_MAX + 20);
  });

  it("never names a lease twice", () => {
    const { desk, wait, depart, land } = open();
    const ids = new Set<string | undefined>();
    for (let turn = 0; turn < 50; turn++) {
      wait(desk.rateAccount(`k${turn % 3}`, rule), ["x"]);
      const departure = depart(turn * 2_000);
      ids.add(rateAsks(departure)[0]?.wish?.leaseId);
      if (turn % 4 === 0) desk.fail(departure);
      else land(departure, { granted: turn % 2 }, turn * 2_000);
    }
    expect(ids.size).toBe(50);
  });

  it("carries the rule in force", () => {
    const { desk, wait, depart } = open();
    desk.rateAccount("k", rule);
    wait(desk.rateAccount("k", { ...rule, limit: 7 }), ["1"]);
    expect(rateAsks(depart(0))).toMatchObject([{ rule: { limit: 7 } }]);
  });
});

describe("keys without number", () => {
  it("are forgotten, the oldest first, but not while somebody waits or holds a slot", () => {
    const { desk, wait, depart, land, outcomes } = open();
    const waited = desk.rateAccount("waited", rule);
    wait(waited, ["1"]);
    const departure = depart(0);
    const holding = desk.slotAccount("holding", slotRule);
    const slots: SlotOutcome[] = [];
    holding.wait({ id: "x", settle: (outcome) => slots.push(outcome) });
    const idle = desk.rateAccount("idle", rule);
    const last = [];
    for (let key = 0; key < ACCOUNTS_MAX; key++) last.push(desk.rateAccount(`k${key}`, rule));
    expect(desk.rateAccount("waited", rule)).toBe(waited);
    expect(desk.slotAccount("holding", slotRule)).toBe(holding);
    expect(desk.rateAccount("idle", rule)).not.toBe(idle);
    expect(desk.rateAccount(`k${ACCOUNTS_MAX - 1}`, rule)).toBe(last.at(-1));
    land(departure, { granted: 1 }, 1);
    expect(outcomes).toEqual([["1", "admitted"]]);
  });

  it("are all remembered up to 20,000", () => {
    const { desk } = open();
    const first = desk.rateAccount("k0", rule);
    for (let key = 1; key < ACCOUNTS_MAX; key++) desk.rateAccount(`k${key}`, rule);
    expect(desk.rateAccount("k0", rule)).toBe(first);
  });
});

describe("a clock that steps back", () => {
  it("ends all that is lent, also for keys somebody waits for", () => {
    const { desk, wait, depart, land } = open();
    const account = desk.rateAccount("k", rule);
    wait(account, ["1"]);
    land(depart(0), { granted: 5, validMs: 6_000, remaining: 50 }, 1);
    wait(account, ["2"], { cost: 50 });
    desk.dropLeases();
    expect(account.allowance.take(1, START - 100_000)).toBeUndefined();
    expect(desk.tellAtMs).toBeUndefined();
    expect(rateAsks(depart(-100_000))).toMatchObject([{ wish: { waiting: 50 } }]);
  });

  it("does not end slots: they are renewed at once", () => {
    const { desk, depart, land } = open();
    const account = desk.slotAccount("s", slotRule);
    account.wait({ id: "x", settle: () => undefined });
    desk.press(account);
    land(depart(0), {}, 0);
    desk.dropLeases();
    const departure = depart(-100_000);
    expect(slotAsks(departure)).toMatchObject([{ renewed: ["x"] }]);
    land(departure, {}, -100_000);
    expect(desk.tellAtMs).toBe(START - 90_000);
  });

  it("while a call is out ends what that call brings: who waits is asked for again", () => {
    const { desk, outcomes, wait, depart, land } = open();
    const account = desk.rateAccount("k", rule);
    wait(account, ["1"]);
    land(depart(0), { granted: 1, validMs: 6_000 }, -20_000);
    expect(outcomes).toEqual([]);
    expect(account.allowance.take(1, START - 20_000)).toBeUndefined();
    expect(rateAsks(depart(-20_000))).toMatchObject([{ wish: { waiting: 1 } }]);
  });
});
