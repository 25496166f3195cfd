// When an instance that answers is too slow to be called healthy.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isDegraded, medianOf } from "../../../src/policies/health/degraded.ts";

describe("an answer", () => {
  it.each([
    [5_001, 5_000, true],
    [5_000, 5_000, false],
    [301, 100, true],
    [300, 100, false],
    [250, 10, true],
    [249, 10, false],
    [40, 1, false],
    [0, 0, false],
  ])("of %d ms in a pool whose median is %d ms is degraded: %s", (ms, medianMs, degraded) => {
    expect(isDegraded(ms, medianMs)).toBe(degraded);
  });
});

describe("the median", () => {
  it.each([
    [[], undefined],
    [[7], 7],
    [[400, 10], 10],
    [[10, 400, 20], 20],
    [[9, 100, 20, 3], 9],
  ])("of %j is %s", (values, median) => {
    expect(medianOf(values)).toBe(median);
  });

  it("has no more than half of the values below it, and less than or exactly half above", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(50), { minLength: 1 }), (values) => {
        const median = medianOf(values) ?? -1;
        expect(values).toContain(median);
        expect(values.filter((value) => value < median).length).toBeLessThan(values.length / 2);
        expect(values.filter((value) => value > median).length).toBeLessThanOrEqual(values.length / 2);
      }),
    );
  });
});
