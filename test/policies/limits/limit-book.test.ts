// One key as its shard keeps it: what an ask changes, what a mere question does not, and what survives a limit of another kind.

import { describe, expect, it } from "vitest";
import type { LimiterAsk, RateAsk, SlotAsk } from "../../../src/contracts/limits.ts";
import {
  describeState,
  type LimitState,
  refundState,
  resetState,
  serveAsk,
  stateUnder,
} from "../../../src/policies/limits/limit-book.ts";

const START = 1_000_000;
const rateRule = { kind: "rate", limit: 10, windowMs: 60_000 } as const;
const slotRule = { kind: "slots", limit: 2, leaseMs: 30_000 } as const;

const rateAsk = (more: Partial<RateAsk> = {}): RateAsk => ({
  kind: "rate",
  key: "k",
  rule: rateRule,
  reports: [],
  ...more,
});
const wishFor = (leaseId: string, waiting: number) => ({ leaseId, waiting, cost: 1, spare: 0, withinMs: 500 });
const slotAsk = (more: Partial<SlotAsk> = {}): SlotAsk => ({
  kind: "slots",
  key: "k",
  rule: slotRule,
  released: [],
  renewed: [],
  wanted: [],
  ...more,
});

function open() {
  let state: LimitState | undefined;
  const serve = (ask: LimiterAsk, nowMs = 0) => {
    const { answer, change } = serveAsk(ask, "a", { state, nowMs: START + nowMs });
    if (change !== undefined) state = JSON.parse(JSON.stringify(change.state));
    return { answer, isChanged: change !== undefined };
  };
  const stored = (): LimitState => {
    if (state === undefined) throw new Error("nothing stored");
    return state;
  };
  return { serve, stored, used: (nowMs = 0) => describeState(stored(), START + nowMs).used };
}

describe("serveAsk", () => {
  it("settles reports before it grants, so that what comes back can be granted at once", () => {
    const { serve } = open();
    serve(rateAsk({ wish: wishFor("x", 10) }));
    const reports = [{ leaseId: "x", used: 4, done: true }];
    expect(serve(rateAsk({ reports, wish: wishFor("y", 10) })).answer).toMatchObject({ granted: 6, remaining: 0 });
  });

  it("stores nothing for a question, and does for a report", () => {
    const { serve } = open();
    expect(serve(rateAsk())).toMatchObject({ isChanged: false, answer: { granted: 0, remaining: 10 } });
    serve(rateAsk({ wish: wishFor("x", 4) }));
    expect(serve(rateAsk()).isChanged).toBe(false);
    expect(serve(rateAsk({ reports: [{ leaseId: "x", used: 4, done: true }] })).isChanged).toBe(true);
  });
});

describe("a limit that has become one of another kind", () => {
  it("begins anew for who wants something", () => {
    const { serve, used } = open();
    serve(slotAsk({ wanted: ["s"] }));
    expect(serve(rateAsk({ wish: wishFor("x", 10) })).answer).toMatchObject({ kind: "rate", granted: 10 });
    expect(serve(slotAsk({ wanted: ["t"] })).answer).toMatchObject({ kind: "slots", held: ["t"], remaining: 1 });
    expect(used()).toBe(1);
  });

  it("keeps its window when slots of the old kind are renewed or released", () => {
    const { serve, used } = open();
    serve(slotAsk({ wanted: ["s"] }));
    serve(rateAsk({ wish: wishFor("x", 10) }));
    expect(serve(slotAsk({ renewed: ["s"] }))).toMatchObject({ isChanged: false, answer: { held: [] } });
    expect(serve(slotAsk({ released: ["s"] }))).toMatchObject({ isChanged: false, answer: { held: [] } });
    expect(used()).toBe(10);
    expect(serve(rateAsk({ wish: wishFor("y", 1) })).answer).toMatchObject({ granted: 0 });
  });

  it("keeps its slots when leases of the old kind are reported", () => {
    const { serve, used } = open();
    serve(rateAsk({ wish: wishFor("x", 5) }));
    serve(slotAsk({ wanted: ["s", "t"] }));
    const reports = [{ leaseId: "x", used: 5, done: true }];
    expect(serve(rateAsk({ reports }))).toMatchObject({ isChanged: false, answer: { granted: 0 } });
    expect(used()).toBe(2);
  });
});

describe("what an operator does", () => {
  it("to a window: resets what was spent, not what is leased", () => {
    const { serve, stored } = open();
    serve(rateAsk({ wish: wishFor("x", 4) }));
    serve(rateAsk({ reports: [{ leaseId: "x", used: 4, done: true }], wish: wishFor("y", 3) }));
    expect(describeState(stored(), START)).toMatchObject({ used: 7, leases: [{ leaseId: "y", tokens: 3, used: 0 }] });
    expect(describeState(resetState(stored(), START).state, START)).toMatchObject({
      used: 3,
      leases: [{ leaseId: "y" }],
    });
  });

  it("to a window: refunds once for one id, and again for another", () => {
    const { serve, stored } = open();
    serve(rateAsk({ wish: wishFor("x", 6) }));
    serve(rateAsk({ reports: [{ leaseId: "x", used: 6, done: true }] }));
    const once = refundState(stored(), { id: "r", tokens: 2 }, START);
    expect(once.refunded).toBe(2);
    const twice = refundState(once.state, { id: "r", tokens: 2 }, START);
    expect([twice.refunded, describeState(twice.state, START).used]).toEqual([2, 4]);
    const other = refundState(twice.state, { id: "s", tokens: 100 }, START);
    expect([other.refunded, describeState(other.state, START).used]).toEqual([4, 0]);
  });

  it("to slots: resets and refunds none, for they are held", () => {
    const { serve, stored } = open();
    serve(slotAsk({ wanted: ["s"] }));
    expect(describeState(resetState(stored(), START).state, START).used).toBe(1);
    const { refunded, state } = refundState(stored(), { id: "r", tokens: 1 }, START);
    expect([refunded, describeState(state, START).used]).toEqual([0, 1]);
  });

  it("is shown by the rule in force: nothing of the other kind, and a shorter window's tokens alone", () => {
    const { serve, stored } = open();
    serve(rateAsk({ wish: wishFor("x", 4) }));
    serve(rateAsk({ reports: [{ leaseId: "x", used: 4, done: true }] }));
    const under = (rule: typeof rateRule | typeof slotRule | { kind: "rate"; limit: number; windowMs: number }) =>
      describeState(stateUnder(rule, stored(), START + 10_000), START + 10_000);
    expect(under(slotRule)).toMatchObject({ kind: "slots", used: 0 });
    expect(under(rateRule)).toMatchObject({ kind: "rate", used: 4 });
    expect(under({ kind: "rate", limit: 10, windowMs: 5_000 })).toMatchObject({ used: 0 });
    expect(describeState(stateUnder(rateRule, undefined, START), START)).toMatchObject({ used: 0, leases: [] });
  });
});
