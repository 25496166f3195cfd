// What an isolate may spend without asking: what it was lent, once, until its end, and no longer than its clock can be trusted.

import { describe, expect, it } from "vitest";
import type { RateAnswer, TokenWish } from "../../../src/contracts/limits.ts";
import { Allowance, type TokenHold } from "../../../src/policies/limits/allowance.ts";

const HOUR_MS = 3_600_000;
const START = 1_000_000;

const WITHIN_MS = 300;
/** For how long a request may hold what came for requests that wait. */
const HOLD_MS = 200;
/** Leases given back at a time, of those whose answers were late or lost. */
const MISSED_MAX = 8;

function open(windowMs = HOUR_MS) {
  const allowance = new Allowance({ kind: "rate", limit: 1_000, windowMs });
  let leases = 0;
  const hear = (
    answer: Partial<RateAnswer>,
    wished: Partial<TokenWish> = {},
    times: { askedAtMs?: number; nowMs?: number; isLate?: boolean } = {},
  ) => {
    const askedAtMs = START + (times.askedAtMs ?? 0);
    const wish = { leaseId: `lease-${++leases}`, waiting: 0, cost: 1, spare: 0, withinMs: WITHIN_MS, ...wished };
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
      isLate: times.isLate ?? false,
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

  it("in advance can be spent until its end, counted from before it was asked for", () => {
    const { hear, take } = open();
    hear({ granted: 5, validMs: 1_000 }, { waiting: 3, spare: 2 }, { askedAtMs: 0, nowMs: 700 });
    expect(take(999)).toBeDefined();
    expect(take(1_000)).toBeUndefined();
  });

  it("to requests that wait can be spent for as long as one of them may hold it, counted from when it came", () => {
    const { hear, take } = open();
    hear({ granted: 5, validMs: 700 }, { waiting: 5 }, { askedAtMs: 0, nowMs: 100 });
    expect(take(100 + HOLD_MS - 1)).toBeDefined();
    expect(take(100 + HOLD_MS)).toBeUndefined();
  });

  it("to requests that wait is lost when a timer says that it came late, whatever the clock says; in advance it is not", () => {
    const { hear, take } = open();
    expect(hear({ granted: 5 }, { waiting: 5 }, { nowMs: 1, isLate: true })).toBe(5);
    expect(take(1)).toBeUndefined();
    expect(hear({ granted: 6 }, { waiting: 5, spare: 1 }, { nowMs: 1, isLate: true })).toBe(0);
    expect(take(1)).toBeDefined();
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
    expect(hold?.lease.untilMs).toBe(START + HOLD_MS);
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
    hear({ granted: 10, remaining: 0, validMs: 1_000 }, { waiting: 4, spare: 6 });
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
    hear({ granted: 10, validMs: 6_000 }, { waiting: 0, spare: 10 });
    spend(0, 6);
    expect(allowance.isLow(START)).toBe(true);
    hear({ granted: 1, validMs: WITHIN_MS }, { waiting: 1, spare: 10 });
    allowance.closeAtOnce();
    allowance.report(START + HOLD_MS);
    expect(allowance.isLow(START + 999)).toBe(false);
    expect(allowance.isLow(START + 1_000)).toBe(true);
    hear({ granted: 8, validMs: 6_000 }, { waiting: 5, spare: 10 }, { askedAtMs: 1_000 });
    expect(allowance.isLow(START + 1_000)).toBe(false);
    spend(1_000, 12);
    expect(allowance.isLow(START + 1_000)).toBe(true);
  });

  it.each([
    { windowMs: 10_000, horizonMs: 500 },
    { windowMs: 60_000, horizonMs: 3_000 },
    { windowMs: HOUR_MS, horizonMs: 3_000 },
  ])(
    "is, in a window of $windowMs ms, for what is spent here in $horizonMs ms, in multiples of the cost",
    ({ windowMs, horizonMs }) => {
      for (const cost of [1, 7]) {
        const { spare } = afterSpending({ windowMs, cost, tokens: 70, everyMs: 100, times: 100 });
        expect(spare % cost).toBe(0);
        expect(Math.abs(spare - 0.7 * horizonMs)).toBeLessThanOrEqual(0.01 * horizonMs + cost);
      }
    },
  );

  it("is for nothing where that would be less than ten times the cost, however close together two requests came", () => {
    const rare = { windowMs: HOUR_MS, cost: 1, tokens: 1, everyMs: 1_000, times: 30 };
    expect(afterSpending(rare).spare).toBe(0);
    expect(afterSpending({ ...rare, times: 1 }, 1).spare).toBe(0);
    expect(afterSpending({ ...rare, tokens: 4 }).spare).toBeGreaterThanOrEqual(10);
    expect(afterSpending({ ...rare, tokens: 4, cost: 4 }).spare).toBe(0);
  });

  /** What is wished for after `tokens` were spent every `everyMs`, and once more after `lastMs`. */
  function afterSpending(
    { windowMs, cost, tokens, everyMs, times }: Record<"windowMs" | "cost" | "tokens" | "everyMs" | "times", number>,
    lastMs = everyMs,
  ) {
    const { allowance, hear, spend } = open(windowMs);
    hear({ granted: 10_000, validMs: 10_000_000 }, { waiting: 0, spare: 10_000 });
    const wishAt = (nowMs: number) => allowance.wish("next", 0, { cost, nowMs: START + nowMs, withinMs: 50 });
    wishAt(0);
    for (let time = 1; time < times; time++) {
      spend(time * everyMs, tokens);
      wishAt(time * everyMs);
    }
    const atMs = (times - 1) * everyMs + lastMs;
    spend(atMs, tokens);
    return wishAt(atMs);
  }
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

  it.each([1_000, 60_000, HOUR_MS])(
    "of what came for requests that wait is never due by itself in %d ms, only with the next call",
    (windowMs) => {
      const { hear, spend, allowance, tellInMs } = open(windowMs);
      hear({ granted: 5, validMs: WITHIN_MS }, { waiting: 5 });
      spend(0, 5);
      expect(tellInMs()).toBe(Number.POSITIVE_INFINITY);
      expect(allowance.report(START)).toEqual([{ leaseId: "lease-1", used: 5, done: true }]);
    },
  );

  it("is due for the lease that has to be told of first, and never for none", () => {
    const { allowance, hear, tellInMs } = open();
    expect(allowance.tellAtMs).toBeUndefined();
    hear({ granted: 5, validMs: 1_000 }, { waiting: 4 }, { askedAtMs: 300 });
    hear({ granted: 5, validMs: 1_000 }, { waiting: 4 }, { askedAtMs: 100 });
    expect(tellInMs()).toBe(850);
  });

  it("tells of a lease that has ended what was spent from it, and forgets it", () => {
    const { allowance, hear, spend } = open();
    hear({ granted: 5, validMs: 1_000 }, { waiting: 5 });
    spend(0, 3);
    expect(allowance.report(START + 1_000)).toEqual([{ leaseId: "lease-1", used: 3, done: false }]);
    expect(allowance.isEmpty).toBe(true);
  });
});

describe("a lease whose answer came too late or not at all", () => {
  const unspent = (leaseId: string) => ({ leaseId, used: 0, done: true });
  const late = { askedAtMs: 0, nowMs: 1, isLate: true };

  it("is given back with the next report, once; one that came in time is not", () => {
    const { allowance, hear } = open();
    hear({ granted: 5 }, { waiting: 5 }, late);
    hear({ granted: 5 }, { waiting: 5 }, { ...late, isLate: false });
    expect(allowance.report(START + 1)).toEqual([unspent("lease-1")]);
    expect(allowance.report(START + 1)).toEqual([]);
  });

  it("is given back likewise when the clock says so, and when nothing was heard at all", () => {
    const { allowance, hear } = open();
    hear({ granted: 5, validMs: 1_000 }, { waiting: 3 }, { nowMs: 1_000 });
    const wish = allowance.wish("unheard", 5, { cost: 1, nowMs: START, withinMs: WITHIN_MS });
    allowance.miss(wish);
    expect(allowance.report(START + 1_000)).toEqual([unspent("lease-1"), unspent("unheard")]);
  });

  it("is nothing to give back when nothing was granted", () => {
    const { allowance, hear } = open();
    hear({ granted: 0 }, { waiting: 5 }, late);
    expect(allowance.report(START + 1)).toEqual([]);
  });

  it("is told of beside the leases that are spent from", () => {
    const { allowance, hear, spend } = open();
    hear({ granted: 5 }, { waiting: 5 });
    spend(0, 5);
    hear({ granted: 5 }, { waiting: 5 }, late);
    expect(allowance.report(START + 1)).toEqual([{ leaseId: "lease-1", used: 5, done: true }, unspent("lease-2")]);
  });

  it("lapses by itself beyond so many, and is remembered again once those are told", () => {
    const { allowance, hear } = open();
    for (let lease = 0; lease < MISSED_MAX + 2; lease++) hear({ granted: 5 }, { waiting: 5 }, late);
    expect(allowance.report(START + 1)).toHaveLength(MISSED_MAX);
    hear({ granted: 5 }, { waiting: 5 }, late);
    expect(allowance.report(START + 1)).toEqual([unspent(`lease-${MISSED_MAX + 3}`)]);
  });
});
