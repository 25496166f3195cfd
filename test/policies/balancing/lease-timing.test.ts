// How times grow with the fleet: the object's budget holds, and nothing lapses between two calls.

import { describe, expect, it } from "vitest";
import { leaseTiming } from "../../../src/policies/balancing/lease-timing.ts";

describe("leaseTiming", () => {
  it.each([
    [0, 100, 10_000, 12_000, 15_000],
    [1, 100, 10_000, 12_000, 15_000],
    [2, 100, 10_000, 12_000, 15_000],
    [3, 150, 10_000, 12_000, 15_000],
    [4, 200, 10_000, 12_000, 15_000],
    [16, 800, 10_000, 12_000, 15_000],
    [17, 833, 10_000, 12_000, 15_000],
    [250, 834, 10_000, 12_000, 15_000],
    [1_500, 5_000, 10_000, 12_000, 15_000],
    [1_501, 5_004, 10_008, 12_008, 15_012],
    [10_000, 33_334, 66_668, 68_668, 100_002],
  ])("with %i isolates renews after %i ms, is valid %i ms, lapses after %i and %i ms", (isolates, ...expected) => {
    const { renewAfterMs, validMs, rangeLapseMs, isolateLapseMs } = leaseTiming(isolates);
    expect([renewAfterMs, validMs, rangeLapseMs, isolateLapseMs]).toEqual(expected);
  });

  it("never lets a fleet of any size call more than 300 times a second", () => {
    for (let isolates = 1; isolates <= 10_000; isolates += 7) {
      expect((isolates * 1_000) / leaseTiming(isolates).renewAfterMs).toBeLessThanOrEqual(300);
    }
  });
});
