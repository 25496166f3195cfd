// How many requests of a pool may be tried again: a fifth, and 3 a second where there are few.

import { describe, expect, it } from "vitest";
import { RetryBudget } from "../../../src/policies/forwarding/retry-budget.ts";

type Load = { requests: number; seconds: number; from?: number };

/** How many of `requests` in `seconds` are tried again when all of them would like to be. */
function retried(budget: RetryBudget, { requests, seconds, from = 0 }: Load): number {
  let retries = 0;
  for (let request = 0; request < requests; request++) {
    const nowMs = from + (request * seconds * 1_000) / requests;
    budget.earn(nowMs);
    if (budget.spend(nowMs)) retries++;
  }
  return retries;
}

/** Requests that all succeed. */
function served(budget: RetryBudget, { requests, seconds, from = 0 }: Load): void {
  for (let request = 0; request < requests; request++) budget.earn(from + (request * seconds * 1_000) / requests);
}

const burst = (budget: RetryBudget, nowMs: number): number =>
  Array.from({ length: 5_000 }, () => budget.spend(nowMs)).filter(Boolean).length;

const shared = (isolates: number, triesMax = 3): RetryBudget => {
  const budget = new RetryBudget();
  budget.share(isolates, triesMax);
  return budget;
};

describe("RetryBudget", () => {
  it("lets a fifth of many requests be tried again, beyond what it began with", () => {
    const retries = retried(new RetryBudget(), { requests: 10_000, seconds: 1 });
    expect(retries).toBeGreaterThanOrEqual(2_000);
    expect(retries).toBeLessThanOrEqual(2_000 + 15 + 3);
  });

  it("lets 3 a second be tried again where requests are few", () => {
    expect(retried(new RetryBudget(), { requests: 300, seconds: 100 })).toBe(300);
    expect(retried(new RetryBudget(), { requests: 600, seconds: 100 })).toBeLessThanOrEqual(300 + 15);
  });

  it("shares the 3 among the isolates of the pool", () => {
    const retries = retried(shared(100), { requests: 1_000, seconds: 10_000 });
    expect(retries).toBeLessThanOrEqual(300 + 3);
    expect(retries).toBeGreaterThanOrEqual(300);
  });

  it("saves up no more than 15 in quiet times, and a clock that steps back earns nothing", () => {
    const budget = new RetryBudget();
    expect(burst(budget, 0)).toBe(15);
    expect(burst(budget, 3_600_000)).toBe(15);
    expect(burst(budget, 0)).toBe(0);
    expect(burst(budget, 1_000)).toBe(3);
  });

  it("is spent no more once a quiet time has earned some, as whoever asks before he spends is told", () => {
    const budget = new RetryBudget();
    expect([budget.isSpent, burst(budget, 0), budget.isSpent]).toEqual([false, 15, true]);
    budget.earn(0);
    expect(budget.isSpent).toBe(true);
    budget.earn(60_000);
    expect(budget.isSpent).toBe(false);
    expect(burst(budget, 60_000)).toBe(15);
  });

  it.each([
    [1, 3, 15],
    [4, 3, 15],
    [6, 3, 10],
    [20, 3, 3],
    [1_000, 3, 3],
    [1_000, 16, 15],
  ])("of %i isolates, for requests of %i tries, begins with %i", (isolates, triesMax, expected) => {
    const budget = shared(isolates, triesMax);
    expect(burst(budget, 0)).toBe(expected);
    expect(burst(budget, 36_000_000)).toBe(expected);
  });

  it("takes nothing back that was spent before the fleet's size was known, nor gives it again", () => {
    const budget = new RetryBudget();
    for (let spent = 0; spent < 13; spent++) budget.spend(0);
    budget.share(1_000, 3);
    expect(burst(budget, 0)).toBe(2);
  });

  it("a busy pool has saved up the fifth of ten seconds for an instance that dies, and no more", () => {
    const budget = shared(4);
    served(budget, { requests: 10_000, seconds: 20 });
    expect(burst(budget, 20_000)).toBe(1_000);
    served(budget, { requests: 100, seconds: 1, from: 20_000 });
    expect(burst(budget, 21_000)).toBeLessThanOrEqual(20 + 1);
  });

  it("one that was busy and is quiet since has not", () => {
    const budget = shared(4);
    served(budget, { requests: 10_000, seconds: 20 });
    budget.earn(60_000);
    expect(burst(budget, 60_000)).toBeLessThanOrEqual(15);
  });
});
