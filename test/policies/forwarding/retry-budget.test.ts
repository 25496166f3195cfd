// How many requests of a pool may be tried again: a fifth, and 3 a second where there are few.

import { describe, expect, it } from "vitest";
import { RetryBudget } from "../../../src/policies/forwarding/retry-budget.ts";

/** How many of `requests` in `seconds` are tried again when all of them would like to be. */
function retried(
  budget: RetryBudget,
  {
    requests,
    seconds,
    isolates = 1,
    from = 0,
  }: { requests: number; seconds: number; isolates?: number; from?: number },
): number {
  let retries = 0;
  for (let request = 0; request < requests; request++) {
    budget.earn();
    if (budget.spend(isolates, from + (request * seconds * 1_000) / requests)) retries++;
  }
  return retries;
}

describe("RetryBudget", () => {
  it("lets a fifth of many requests be tried again, beyond what it began with", () => {
    const retries = retried(new RetryBudget(), { requests: 10_000, seconds: 1 });
    expect(retries).toBeGreaterThanOrEqual(2_000);
    expect(retries).toBeLessThanOrEqual(2_000 + 15 + 3);
  });

  it("lets 3 a second be tried again where requests are few", () => {
    expect(retried(new RetryBudget(), { requests: 300, seconds: 100 })).toBe(300);
    expect(retried(new RetryBudget(), { requests: 600, seconds: 100 })).toBeLessThanOrEqual(120 + 300 + 15);
  });

  it("shares the 3 among the isolates of the pool", () => {
    const retries = retried(new RetryBudget(), { requests: 1_000, seconds: 1_000, isolates: 100 });
    expect(retries).toBeLessThanOrEqual(200 + 30 + 15);
    expect(retries).toBeGreaterThanOrEqual(200 + 30);
  });

  it("saves up no more than 15, and a clock that steps back earns nothing", () => {
    const budget = new RetryBudget();
    const burst = (nowMs: number) => Array.from({ length: 50 }, () => budget.spend(1, nowMs)).filter(Boolean).length;
    expect(burst(0)).toBe(15);
    expect(burst(3_600_000)).toBe(15);
    expect(burst(0)).toBe(0);
    expect(burst(1_000)).toBe(3);
  });
});
