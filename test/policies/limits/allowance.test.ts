// What an isolate may spend without asking: what it was lent, once, until its end, and no longer than its clock can be trusted.

import { describe, expect, it } from "vitest";
import type { RateAnswer, TokenWish } from "../../../src/contracts/limits.ts";
import { Allowance, type TokenHold } from "../../../src/policies/limits/allowance.ts";

const HOUR_MS = 3_600_000;
const START = 1_000_000;

function open(windowMs = HOUR_MS) {
  const allowance = new Allowance({ kind: "rate", limit: 1_000, windowMs });
  let leases = 0;
  const hear = (
    answer: Partial<RateAnswer>,
    wished: Partial<TokenWish> = {},
    times: { askedAtMs?: number; nowMs?: number } = {},
  ) => {
    const askedAtMs = START + (times.askedAtMs ?? 0);
    const wish = { leaseId: `lease-${++leases}`, waiting: 0, cost: 1, spare: 0, ...wished };
    const full: RateAnswer = {
      kind: "rate",
      granted: 0,
      validMs: 1_000,
      remaining: 500,
      releaseInMs: 9_000,
      ...answer,
    };
    return allowance.hear(full, {
      wish,
      askedAtMs,
      nowMs: START + (times.nowMs ?? times.askedAtMs ?? 0),
      isLate: false,
    });
  };
  const take = (nowMs: number, cost = 1): TokenHold | undefined => allowance.take(cost, START + nowMs);
  const spend = (nowMs: number, count: number): number => {
    let spent = 0;
    for (; spent < count; spent++) {
      const hold = take(nowMs);
      if (hold === undefined) return spent;
      allowance.spend(hold);
    }
    return spent;
  };
  const tellInMs = () => (allowance.tellAtMs ?? Number.NaN) - START;
  return { allowance, hear, take, spend, tellInMs };
}

describe("what is leased", () => {
  it("is spent once each and no more", () => {
    const { hear, spend } = open();
    hear({ granted: 3 }, { waiting: 3 });
    expect(spend(0, 10)).toBe(3);
    expect(spend(0, 10)).toBe(0);
  });

  it("counts as taken while it is set aside, and can be taken again when it is put back", () => {
    const { allowance, hear, take } = open();
    hear({ granted: 2 }, { waiting: 2 });
    const holds = [take(0), take(0)];
    expect(take(0)).toBeUndefined();
    const [first] = holds;
    if (first === undefined) throw new Error("nothing set aside");
    allowance.putBack(first);
    expect(take(0)).toBeDefined();
    expect(take(0)).toBeUndefined();
  });

  it("can be spent until its end, counted from before it was asked for", () => {
    const { hear, take } = open();
    hear({ granted: 5, validMs: 1_000 }, { waiting: 5 }, { askedAtMs: 0, nowMs: 700 });
    expect(take(999)).toBeDefined();
    expect(take(1_000)).toBeUndefined();
  });

  it("is lost when it comes after its end, and says so", () => {
    const { allowance, hear, take } = open();
    expect(hear({ granted: 5, validMs: 1_000 }, { waiting: 5 }, { askedAtMs: 0, nowMs: 1_000 })).toBe(5);
    expect(take(1_000)).toBeUndefined();
    expect(allowance.isEmpty).toBe(true);
    expect(hear({ granted: 5, validMs: 1_000 }, { waiting: 5 }, { askedAtMs: 2_000, nowMs: 2_999 })).toBe(0);
    expect(take(2_999)).toBeDefined();
  });

  it("is lost when the clock stepped back before it came", () => {
    const { hear, take } = open();
    expect(hear({ granted: 5 }, { waiting: 5 }, { askedAtMs: 5_000, nowMs: 4_999 })).toBe(5);
    expect(take(4_999)).toBeUndefined();
  });

  it("is lost when the clock is seen to step back, what is set aside too", () => {
    const { allowance, hear, take } = open();
    hear({ granted: 5 }, { waiting: 5 });
    const hold = take(0);
    expect(hold?.lease.untilMs).toBe(START + 1_000);
    allowance.drop();
    expect(hold?.lease.untilMs).toBeLessThan(0);
    expect(take(0)).toBeUndefined();
  });

  it("of a cost higher than what is left of one lease is taken from another", () => {
    const { hear, take } = open();
    hear({ granted: 3 }, { waiting: 3 });
    hear({ granted: 5 }, { waiting: 5 });
    expect(take(0, 5)?.lease.id).toBe("lease-2");
    expect(take(0, 4)).toBeUndefined();
    expect(take(0, 3)?.lease.id).toBe("lease-1");
  });
});

describe("a denial", () => {
  it("is remembered for a second at most", () => {
    const { allowance, hear } = open();
    hear({ granted: 0, remaining: 0, releaseInMs: 60_000 }, { waiting: 1 });
    expect(allowance.isDenied(START + 999)).toBe(true);
    expect(allowance.isDenied(START + 1_000)).toBe(false);
  });

  it("is forgotten when the next tokens come free", () => {
    const { allowance, hear } = open();
    hear({ granted: 1, remaining: 0, releaseInMs: 300 }, { waiting: 2 });
    expect(allowance.isDenied(START + 299)).toBe(true);
    expect(allowance.isDenied(START + 300)).toBe(false);
  });

  it("is none where all were served, or where enough is left for another", () => {
    const { allowance, hear } = open();
    hear({ granted: 2, remaining: 0 }, { waiting: 2 });
    expect(allowance.isDenied(START)).toBe(false);
    hear({ granted: 0, remaining: 5 }, { waiting: 10, cost: 5 });
    expect(allowance.isDenied(START)).toBe(false);
    hear({ granted: 0, remaining: 4 }, { waiting: 10, cost: 5 });
    expect(allowance.isDenied(START)).toBe(true);
    hear({ granted: 1, remaining: 0 }, { waiting: 1 });
    expect(allowance.isDenied(START)).toBe(false);
  });
});

describe("what remains", () => {
  it("is what the shard said and what is lent here, less what was spent", () => {
    const { allowance, hear, spend } = open();
    hear({ granted: 10, remaining: 500, validMs: 6_000, releaseInMs: 700 }, { waiting: 4, spare: 6 });
    spend(0, 3);
    expect(allowance.view(START + 200)).toEqual({ remaining: 507, releaseInMs: 500 });
  });

  it("holds nothing of a lease that has ended", () => {
    const { allowance, hear } = open();
    hear({ granted: 10, remaining: 0, validMs: 1_000 }, { waiting: 10 });
    expect(allowance.view(START + 999).remaining).toBe(10);
    expect(allowance.view(START + 1_000).remaining).toBe(0);
  });
});

describe("asking in advance", () => {
  it("begins when half of what was lent is gone", () => {
    const { allowance, hear, spend } = open();
    hear({ granted: 10, validMs: 6_000 }, { waiting: 0, spare: 10 });
    spend(0, 5);
    expect(allowance.isLow(START)).toBe(false);
    spend(0, 1);
    expect(allowance.isLow(START)).toBe(true);
    expect(allowance.isLow(START + 6_000)).toBe(false);
  });

  it("does not begin for a second after nothing was lent in advance", () => {
    const { allowance, hear, spend } = open();
    hear({ granted: 5, validMs: 6_000 }, { waiting: 5, spare: 10 });
    spend(0, 5);
    expect(allowance.isLow(START + 999)).toBe(false);
    expect(allowance.isLow(START + 1_000)).toBe(true);
    hear({ granted: 8, validMs: 6_000 }, { waiting: 5, spare: 10 }, { askedAtMs: 1_000 });
    spend(1_000, 8);
    expect(allowance.isLow(START + 1_000)).toBe(true);
  });

  it("is for what is spent here in a second, in multiples of the cost", () => {
    const { allowance, hear, spend } = open();
    const wishAt = (nowMs: number, cost = 1) => allowance.wish("next", 0, { cost, nowMs: START + nowMs });
    expect(wishAt(0)).toEqual({ leaseId: "next", waiting: 0, cost: 1, spare: 0 });
    hear({ granted: 100, validMs: 6_000 }, { waiting: 100 });
    spend(10, 50);
    expect(wishAt(500).spare).toBe(100);
    expect(wishAt(1_000).spare).toBe(0);
    spend(1_000, 50);
    expect(wishAt(1_500, 7).spare).toBe(98);
  });
});

describe("a report", () => {
  it("tells what is new, and nothing when nothing is", () => {
    const { allowance, hear, spend } = open();
    hear({ granted: 10, validMs: 6_000 }, { waiting: 4, spare: 6 });
    expect(allowance.report(START)).toEqual([]);
    spend(0, 4);
    expect(allowance.report(START)).toEqual([{ leaseId: "lease-1", used: 4, done: false }]);
    expect(allowance.report(START)).toEqual([]);
    spend(0, 6);
    expect(allowance.report(START)).toEqual([{ leaseId: "lease-1", used: 10, done: true }]);
    expect(allowance.isEmpty).toBe(true);
  });

  it("gives spare tokens back at three quarters of their time, and never spends them again", () => {
    const { allowance, hear, spend, tellInMs } = open();
    hear({ granted: 10, validMs: 6_000 }, { waiting: 4, spare: 6 });
    spend(0, 4);
    expect(tellInMs()).toBe(4_500);
    expect(allowance.report(START + 4_499)).toEqual([{ leaseId: "lease-1", used: 4, done: false }]);
    expect(allowance.report(START + 4_500)).toEqual([{ leaseId: "lease-1", used: 4, done: true }]);
    expect(spend(4_500, 1)).toBe(0);
  });

  it("does not give back what is set aside for a request", () => {
    const { allowance, hear, take } = open();
    hear({ granted: 10, validMs: 6_000 }, { waiting: 4, spare: 6 });
    const hold = take(0);
    if (hold === undefined) throw new Error("nothing set aside");
    expect(allowance.report(START + 5_000)).toEqual([]);
    allowance.spend(hold);
    expect(allowance.report(START + 5_000)).toEqual([{ leaseId: "lease-1", used: 1, done: true }]);
  });

  it("gives back at once what was lent to who waited and is put back, and in its own time what was lent in advance", () => {
    const putBack = (granted: number) => {
      const { allowance, hear, take } = open();
      hear({ granted, validMs: 6_000 }, { waiting: 2, spare: 10 });
      const hold = take(0);
      if (hold === undefined) throw new Error("nothing set aside");
      return [allowance.putBack(hold), allowance.report(START + 1)];
    };
    expect(putBack(2)).toEqual([true, [{ leaseId: "lease-1", used: 0, done: true }]]);
    expect(putBack(3)).toEqual([false, []]);
  });

  it("is due soon where the window is short, and with the next call where it is not", () => {
    const due = (windowMs: number): number | undefined => {
      const { allowance, hear } = open(windowMs);
      hear({ granted: 5, validMs: 1_000 }, { waiting: 5 });
      return allowance.tellAtMs === undefined ? undefined : allowance.tellAtMs - START;
    };
    expect(due(1_000)).toBe(20);
    expect(due(10_000)).toBe(200);
    expect(due(59_999)).toBeCloseTo(1_199.98);
    expect(due(60_000)).toBe(Number.POSITIVE_INFINITY);
  });

  it("is due for the lease that has to be told of first, and never for none", () => {
    const { allowance, hear, tellInMs } = open(10_000);
    expect(allowance.tellAtMs).toBeUndefined();
    hear({ granted: 5 }, { waiting: 5 }, { askedAtMs: 300 });
    hear({ granted: 5 }, { waiting: 5 }, { askedAtMs: 100 });
    expect(tellInMs()).toBe(300);
  });

  it("tells of a lease that has ended what was spent from it, and forgets it", () => {
    const { allowance, hear, spend } = open();
    hear({ granted: 5, validMs: 1_000 }, { waiting: 5 });
    spend(0, 3);
    expect(allowance.report(START + 1_000)).toEqual([{ leaseId: "lease-1", used: 3, done: false }]);
    expect(allowance.isEmpty).toBe(true);
  });
});
