// How many positions an isolate asks for at which rate.

import { describe, expect, it } from "vitest";
import { fadeRecent, isPrefetchDue, positionsWanted } from "../../../src/policies/balancing/range-size.ts";

const demand = { recentRequests: 0, waiting: 0, skipped: 0, held: 0 };

describe("positionsWanted", () => {
  it.each([
    ["a lone request asks for one", { waiting: 1 }, 1],
    ["so does one at a slow rate", { waiting: 1, recentRequests: 0.7 }, 1],
    ["a fast isolate asks for two renewals' worth", { waiting: 1, recentRequests: 20 }, 40],
    ["at least for those who wait", { waiting: 50, recentRequests: 1 }, 50],
    ["with one more for each instance it skips", { waiting: 1, skipped: 2 }, 3],
    ["at most 256", { waiting: 1, recentRequests: 1_000 }, 256],
    ["at most 256 however many wait", { waiting: 700 }, 256],
    ["nobody waiting and slow: none", { recentRequests: 1.7 }, 0],
    ["nobody waiting, fast and running low: the next range", { recentRequests: 20, held: 19 }, 40],
    ["nobody waiting, fast and well supplied: none", { recentRequests: 20, held: 20 }, 0],
  ])("%s", (_, given, expected) => {
    expect(positionsWanted({ ...demand, ...given })).toBe(expected);
  });
});

describe("isPrefetchDue", () => {
  it("is never so at a rate where a range would be hoarded", () => {
    expect(isPrefetchDue(1.7, 0)).toBe(false);
    expect(isPrefetchDue(1.8, 0)).toBe(true);
  });
});

describe("fadeRecent", () => {
  it("forgets by e in every renewAfterMs, and nothing while time stands still or runs back", () => {
    expect(fadeRecent(10, 100, 100)).toBeCloseTo(10 / Math.E);
    expect(fadeRecent(10, 0, 100)).toBe(10);
    expect(fadeRecent(10, -5, 100)).toBe(10);
    expect(fadeRecent(10, Number.POSITIVE_INFINITY, 100)).toBe(0);
  });
});
