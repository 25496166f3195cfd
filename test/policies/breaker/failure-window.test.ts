// What a rolling window of outcomes holds, against a list of all there ever were.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { countOutcomes, countsIn, type FailureWindow } from "../../../src/policies/breaker/failure-window.ts";

const windowMs = 10_000;
const STEP_MS = windowMs / 10;

describe("a failure window", () => {
  it("holds an outcome until its whole step is a window old, and not longer", () => {
    const window: FailureWindow = [];
    countOutcomes(window, { answered: 2, failed: 1 }, { nowMs: 50_000, windowMs });
    expect(countsIn(window, { nowMs: 59_999, windowMs })).toEqual({ answered: 2, failed: 1 });
    expect(countsIn(window, { nowMs: 60_000, windowMs })).toEqual({ answered: 0, failed: 0 });
  });

  it("holds at most ten steps, however much is counted", () => {
    const window: FailureWindow = [];
    for (let nowMs = 0; nowMs < 100_000; nowMs += 10)
      countOutcomes(window, { answered: 1, failed: 1 }, { nowMs, windowMs });
    expect(window.length).toBeLessThanOrEqual(10);
    expect(countsIn(window, { nowMs: 99_999, windowMs })).toEqual({ answered: 1_000, failed: 1_000 });
  });

  it("forgets what was counted on a clock that has stepped back since, and nothing before it", () => {
    const window: FailureWindow = [];
    countOutcomes(window, { answered: 1, failed: 0 }, { nowMs: 50_000, windowMs });
    countOutcomes(window, { answered: 0, failed: 9 }, { nowMs: 58_000, windowMs });
    expect(countsIn(window, { nowMs: 51_000, windowMs })).toEqual({ answered: 1, failed: 0 });
  });

  it("agrees with a list of all outcomes whose steps are recent", () => {
    const outcome = fc.record({ gapMs: fc.nat(4_000), answered: fc.nat(5), failed: fc.nat(5) });
    fc.assert(
      fc.property(fc.array(outcome, { maxLength: 40 }), (outcomes) => {
        const window: FailureWindow = [];
        const all: { atMs: number; answered: number; failed: number }[] = [];
        let nowMs = 1_000_000;
        for (const { gapMs, ...counts } of outcomes) {
          nowMs += gapMs;
          countOutcomes(window, counts, { nowMs, windowMs });
          all.push({ atMs: nowMs, ...counts });
          const stepOf = (ms: number) => Math.floor(ms / STEP_MS);
          const recent = all.filter(({ atMs }) => stepOf(atMs) > stepOf(nowMs) - 10);
          expect(countsIn(window, { nowMs, windowMs })).toEqual({
            answered: recent.reduce((sum, one) => sum + one.answered, 0),
            failed: recent.reduce((sum, one) => sum + one.failed, 0),
          });
        }
      }),
    );
  });
});
