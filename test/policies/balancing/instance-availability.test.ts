// Whom an isolate passes over after failures, and how positions that fall on them are spent.

import { describe, expect, it } from "vitest";
import {
  afterFailure,
  barringAt,
  isBarred,
  scanAvailable,
  whileTried,
} from "../../../src/policies/balancing/instance-availability.ts";
import { spendPosition } from "../../../src/policies/balancing/spend-position.ts";
import { instanceOf } from "./isolate-calls.ts";

const available = (id: string, outUntilMs = 0, ejectedUntilMs = 0) => ({
  instance: instanceOf(id),
  failures: 0,
  outUntilMs,
  ejectedUntilMs,
  closed: false,
  tier: 0,
  ramp: 1,
});

describe("afterFailure", () => {
  it("puts an instance out for 0.5 s, then twice as long each time up to 30 s", () => {
    let state = { failures: 0, outUntilMs: 0 };
    const outFor = Array.from({ length: 8 }, () => {
      const nowMs = state.outUntilMs + 1;
      state = afterFailure(state, nowMs);
      return state.outUntilMs - nowMs;
    });
    expect(outFor).toEqual([500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
  });

  it("counts requests that fail together once", () => {
    const first = afterFailure({ failures: 0, outUntilMs: 0 }, 100);
    expect(afterFailure(first, 599)).toEqual(first);
    expect(afterFailure(first, 600)).toEqual({ failures: 2, outUntilMs: 1_600 });
  });
});

describe("whileTried", () => {
  it("keeps others away for a second, and never shortens what failures have brought", () => {
    expect(whileTried({ outUntilMs: 0 }, 100)).toBe(1_100);
    expect(whileTried({ outUntilMs: 4_000 }, 100)).toBe(4_000);
  });
});

describe("barringAt", () => {
  it("bars what is out, until its time", () => {
    const all = [available("a", 1_000), available("b")];
    expect(all.map((one) => isBarred(one, barringAt(all, [], 999)))).toEqual([true, false]);
    expect(all.map((one) => isBarred(one, barringAt(all, [], 1_000)))).toEqual([false, false]);
  });

  it("bars what the registry has put out as it bars what failed here, until its time", () => {
    const all = [available("a", 0, 1_000), available("b")];
    expect(all.map((one) => isBarred(one, barringAt(all, [], 999)))).toEqual([true, false]);
    expect(all.map((one) => isBarred(one, barringAt(all, [], 1_000)))).toEqual([false, false]);
  });

  it("bars nobody when one half is out here and the other in the whole fleet", () => {
    const all = [available("a", 1_000), available("b", 0, 1_000)];
    expect(all.map((one) => isBarred(one, barringAt(all, [], 999)))).toEqual([false, false]);
  });

  it("bars nobody for being out when all that were not tried are out, and still bars the tried", () => {
    const all = [available("a", 1_000), available("b", 1_000), available("c")];
    const barring = barringAt(all, [instanceOf("c")], 500);
    expect(all.map((one) => isBarred(one, barring))).toEqual([false, false, true]);
  });
});

describe("scanAvailable", () => {
  it("finds the first from its start on, going round, and none when all are barred", () => {
    const all = [available("a"), available("b", 1_000), available("c")];
    expect(scanAvailable(all, 1, { tried: [], outAfterMs: 0 })).toBe(2);
    expect(scanAvailable(all, 4, { tried: [instanceOf("c")], outAfterMs: 0 })).toBe(0);
    expect(scanAvailable(all, 0, { tried: [instanceOf("a"), instanceOf("c")], outAfterMs: 0 })).toBe(-1);
    expect(scanAvailable([], 0, { tried: [], outAfterMs: 0 })).toBe(-1);
  });
});

describe("spendPosition", () => {
  const all = [available("a"), available("b", 1_000), available("c")];
  const barring = { tried: [], outAfterMs: 0 };

  it("means position modulo instances", () => {
    const range = { from: 5, count: 3, used: 0 };
    const plain = { tried: [], outAfterMs: Number.POSITIVE_INFINITY };
    expect([1, 2, 3, 4].map(() => spendPosition(range, { all, schedule: undefined }, plain))).toEqual([2, 0, 1, -1]);
    expect(range.used).toBe(3);
  });

  it("spends positions that fall on a barred instance", () => {
    const range = { from: 1, count: 3, used: 0 };
    expect(spendPosition(range, { all, schedule: undefined }, barring)).toBe(2);
    expect(range.used).toBe(2);
  });

  it("spends at most one position per instance when all are barred", () => {
    const range = { from: 0, count: 100, used: 0 };
    const tried = ["a", "b", "c"].map(instanceOf);
    expect(spendPosition(range, { all, schedule: undefined }, { tried, outAfterMs: 0 })).toBe(-1);
    expect(range.used).toBe(3);
  });

  it("follows a schedule, position after position, and means the same in every isolate", () => {
    const plain = { tried: [], outAfterMs: Number.POSITIVE_INFINITY };
    const schedule = Uint16Array.from([0, 1, 0, 2]);
    const spend = (from: number) => {
      const range = { from, count: 4, used: 0 };
      return [1, 2, 3, 4].map(() => spendPosition(range, { all, schedule }, plain));
    };
    expect(spend(0)).toEqual([0, 1, 0, 2]);
    expect(spend(8_001)).toEqual([1, 0, 2, 0]);
  });

  it("gives one that starts slowly its part of the turns, the rest to those after it", () => {
    const starting = [{ ...available("a"), ramp: 0.25 }, available("b")];
    const range = { from: 0, count: 400, used: 0 };
    const counts = [0, 0];
    while (range.used < range.count) {
      const at = spendPosition(range, { all: starting, schedule: undefined }, barring);
      if (at >= 0) counts[at] = (counts[at] ?? 0) + 1;
    }
    expect(counts).toEqual([50, 200]);
  });
});
