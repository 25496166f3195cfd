// After how long a request is joined by a second one, and how many may be: against exact quantiles and plain counting.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { HedgeBudget } from "../../../src/policies/forwarding/hedge-budget.ts";
import { ANSWERS_MIN, HedgeDelay, SPAN_ANSWERS, STEP } from "../../../src/policies/forwarding/hedge-delay.ts";

const heard = (...times: readonly number[]): HedgeDelay => {
  const delay = new HedgeDelay();
  for (const ms of times) delay.hear(ms);
  return delay;
};

describe("the delay", () => {
  it("is unknown before twenty answers, unless the route says how long", () => {
    const few = heard(...Array.from({ length: ANSWERS_MIN - 1 }, () => 10));
    expect([few.delayMs(undefined), few.delayMs(50)]).toEqual([undefined, 50]);
    few.hear(10);
    expect(few.delayMs(undefined)).toBeGreaterThanOrEqual(10);
  });

  it("is no less than the route says, and more where answers take longer", () => {
    const delay = heard(...Array.from({ length: 100 }, () => 40));
    expect(delay.delayMs(200)).toBe(200);
    expect(delay.delayMs(5)).toBeGreaterThanOrEqual(40);
  });

  it("is never below the exact p95 of the answers, and at most a fifth above it", () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0, max: 900_000, noNaN: true }), { minLength: ANSWERS_MIN, maxLength: 450 }),
        (times) => {
          const sorted = times.toSorted((a, b) => a - b);
          const exact = sorted[Math.ceil(0.95 * times.length) - 1] ?? 0;
          const estimate = heard(...times).delayMs(undefined) ?? 0;
          expect(estimate).toBeGreaterThanOrEqual(exact * (1 - 1e-6));
          expect(estimate).toBeLessThanOrEqual(Math.max(1, exact) * STEP * (1 + 1e-6));
        },
      ),
    );
  });

  it("follows a route that has become quicker, once two spans have passed and not before", () => {
    const delay = heard(...Array.from({ length: SPAN_ANSWERS }, () => 1_000));
    for (let i = 0; i < SPAN_ANSWERS - 1; i++) delay.hear(10);
    expect(delay.delayMs(undefined)).toBeGreaterThanOrEqual(1_000);
    delay.hear(10);
    expect(delay.delayMs(undefined)).toBeLessThan(13);
  });
});

describe("the budget", () => {
  it("begins with none, has one after fifty requests at a share of a fiftieth, and saves up ten at most", () => {
    const budget = new HedgeBudget(0.02);
    for (let i = 0; i < 49; i++) budget.earn();
    expect(budget.isSpent).toBe(true);
    budget.earn();
    expect(budget.isSpent).toBe(false);
    for (let i = 0; i < 100_000; i++) budget.earn();
    let spent = 0;
    for (; !budget.isSpent; spent++) budget.spend();
    expect(spent).toBe(10);
  });

  it("never lets more through than the share of all requests so far, whenever they are slow", () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0.001, max: 0.02, noNaN: true }),
        fc.array(fc.boolean(), { maxLength: 3_000 }),
        (share, slow) => {
          const budget = new HedgeBudget(share);
          let sent = 0;
          slow.forEach((isSlow, i) => {
            budget.earn();
            if (isSlow && !budget.isSpent) {
              budget.spend();
              sent++;
            }
            expect(sent).toBeLessThanOrEqual(share * (i + 1) + 1e-6);
          });
        },
      ),
    );
  });
});
