// The re-issue list against a plain set of positions.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  addFree,
  FREE_RANGES_MAX,
  type FreePositions,
  takeFree,
} from "../../../src/policies/balancing/free-positions.ts";

const positionsOf = (free: FreePositions): number[] =>
  free.flatMap(({ from, count }) => Array.from({ length: count }, (_, i) => from + i));

describe("addFree", () => {
  it("joins a range with both its neighbours", () => {
    const free: FreePositions = [
      { from: 0, count: 2 },
      { from: 5, count: 1 },
    ];
    addFree(free, { from: 2, count: 3 });
    expect(free).toEqual([{ from: 0, count: 6 }]);
  });

  it("keeps ranges with a gap between them apart", () => {
    const free: FreePositions = [{ from: 10, count: 2 }];
    addFree(free, { from: 13, count: 1 });
    addFree(free, { from: 8, count: 1 });
    expect(free).toEqual([
      { from: 8, count: 1 },
      { from: 10, count: 2 },
      { from: 13, count: 1 },
    ]);
  });

  it("ignores an empty range", () => {
    const free: FreePositions = [];
    addFree(free, { from: 3, count: 0 });
    expect(free).toEqual([]);
  });

  it("forgets the shortest range once there are more than the maximum, and only that", () => {
    const free: FreePositions = [];
    for (let i = 0; i < FREE_RANGES_MAX; i++) addFree(free, { from: i * 10, count: 3 });
    expect(free).toHaveLength(FREE_RANGES_MAX);
    addFree(free, { from: 5, count: 1 });
    expect(free).toHaveLength(FREE_RANGES_MAX);
    expect(free[0]).toEqual({ from: 0, count: 3 });
    expect(free[1]).toEqual({ from: 10, count: 3 });
  });
});

describe("takeFree", () => {
  it("serves the earliest positions first, at most as many as are wanted", () => {
    const free: FreePositions = [
      { from: 4, count: 3 },
      { from: 9, count: 1 },
    ];
    expect(takeFree(free, 2)).toEqual({ from: 4, count: 2 });
    expect(takeFree(free, 2)).toEqual({ from: 6, count: 1 });
    expect(takeFree(free, 2)).toEqual({ from: 9, count: 1 });
    expect(takeFree(free, 2)).toBeUndefined();
  });
});

describe("the re-issue list", () => {
  it("holds exactly the positions put in and not taken, sorted, disjoint and joined", () => {
    const step = fc.oneof(
      fc.record({ do: fc.constant("add" as const), from: fc.nat(200), count: fc.integer({ min: 1, max: 20 }) }),
      fc.record({ do: fc.constant("take" as const), want: fc.integer({ min: 1, max: 15 }) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const free: FreePositions = [];
        const model = new Set<number>();
        for (const one of steps) {
          if (one.do === "add") {
            const added = Array.from({ length: one.count }, (_, i) => one.from + i);
            // A position is never given back twice: the ledger sees to that.
            if (added.some((position) => model.has(position))) continue;
            addFree(free, one);
            for (const position of added) model.add(position);
          } else {
            const lowest = [...model].sort((a, b) => a - b)[0];
            const taken = takeFree(free, one.want);
            expect(taken?.from).toBe(lowest);
            for (const position of positionsOf(taken === undefined ? [] : [taken])) model.delete(position);
          }
        }
        expect(positionsOf(free)).toEqual([...model].sort((a, b) => a - b));
        for (let i = 1; i < free.length; i++) {
          expect((free[i - 1]?.from ?? 0) + (free[i - 1]?.count ?? 0)).toBeLessThan(free[i]?.from ?? 0);
        }
      }),
    );
  });
});
