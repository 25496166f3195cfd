// What answers tell of the instance that gives them: slow ones, failing ones, and those that fail so quickly that they look idle.

import { describe, expect, it } from "vitest";
import type { Strategy } from "../../../src/contracts/balancing-config.ts";
import { type Gauge, openGauge } from "../../../src/policies/balancing/gauge.ts";
import { PoolPace } from "../../../src/policies/balancing/instance-pace.ts";
import { pickTwoChoices } from "../../../src/policies/balancing/pick-two-choices.ts";
import { instanceOf } from "./isolate-calls.ts";
import { loadOf, pickOf } from "./snapshot-loads.ts";

function pairOf(strategy: Strategy): { readonly one: Gauge; readonly other: Gauge } {
  const pace = new PoolPace();
  const [one, other] = [openGauge(strategy, pace), openGauge(strategy, pace)];
  if (one === undefined || other === undefined) throw new Error(`${strategy} has no gauge`);
  return { one, other };
}

/** Each answers 40 times within 2 s. */
function answering({ one, other }: ReturnType<typeof pairOf>, oneMs: number, otherMs: number): [number, number] {
  for (let nowMs = 0; nowMs < 2_000; nowMs += 50) {
    one.hear(oneMs, nowMs);
    other.hear(otherMs, nowMs);
  }
  return [one.at(2_000), other.at(2_000)];
}

describe("every gauge", () => {
  it.each(["least-connections", "health-aware", "peak-ewma"] as const)(
    "of %s makes requests on a slow instance count for more",
    (strategy) => {
      const [slow, quick] = answering(pairOf(strategy), 80, 10);
      expect(slow).toBeGreaterThan(1.3 * quick);
    },
  );

  it.each(["least-connections", "health-aware", "peak-ewma"] as const)(
    "of %s finds no difference where there is none",
    (strategy) => {
      const [one, other] = answering(pairOf(strategy), 10, 10);
      expect(one).toBe(other);
    },
  );

  it.each(["least-connections", "health-aware", "peak-ewma"] as const)(
    "of %s makes requests on an instance that fails at once count for more, and forgets it in time",
    (strategy) => {
      const pair = pairOf(strategy);
      answering(pair, 10, 10);
      for (let nowMs = 2_000; nowMs < 3_000; nowMs += 50) {
        pair.one.fail(nowMs);
        pair.other.hear(10, nowMs);
      }
      expect(pair.one.at(3_000)).toBeGreaterThan(1.3 * pair.other.at(3_000));
      expect(pair.one.at(200_000)).toBeCloseTo(pair.other.at(200_000), 1);
    },
  );

  it.each(["round-robin", "weighted", "hash"] as const)(
    "is missing where the strategy does not go by answers: %s",
    (strategy) => {
      expect(openGauge(strategy, new PoolPace())).toBeUndefined();
    },
  );
});

describe("least-connections", () => {
  it("lets a slow instance's requests count double at most, and one slow answer say little", () => {
    const pair = pairOf("least-connections");
    const [slow] = answering(pair, 10_000, 10);
    expect(slow).toBeGreaterThan(1.9);
    expect(slow).toBeLessThanOrEqual(2);
    const calm = pairOf("least-connections");
    answering(calm, 10, 10);
    expect(calm.one.hear(40, 2_050)).toBeLessThan(1.5);
  });
});

describe("health-aware", () => {
  it("goes by what probes and the fleet say of an instance it has seen nothing of", () => {
    const pair = pairOf("health-aware");
    pair.other.hear(10, 0);
    const told = (word: object) => pair.one.learn({ ms: 0, failedShare: 0, degraded: false, ...word }, 10);
    expect(told({})).toBe(1);
    expect(told({ degraded: true })).toBe(4);
    expect(told({ failedShare: 0.5 })).toBe(11);
    expect(told({ ms: 30 })).toBeCloseTo(3);
    expect(told({})).toBe(1);
  });
});

describe("peak-ewma", () => {
  it("believes a slower answer at once and a quicker one slowly, over 10 s", () => {
    const { one } = pairOf("peak-ewma");
    expect(one.hear(10, 0)).toBe(10);
    expect(one.hear(100, 100)).toBe(100);
    expect(one.hear(10, 200)).toBeGreaterThan(98);
    expect(one.hear(10, 10_200)).toBeCloseTo(10 + 89.1 * Math.exp(-1), 0);
  });

  it("counts a failure as a second, however quickly it came", () => {
    const { one } = pairOf("peak-ewma");
    one.hear(10, 0);
    expect(one.fail(1)).toBe(1_000);
  });

  it("takes the fleet's word where it is worse", () => {
    const { one } = pairOf("peak-ewma");
    one.hear(10, 0);
    expect(one.learn({ ms: 50, failedShare: 0, degraded: false }, 0)).toBe(50);
    expect(one.learn({ ms: 20, failedShare: 0, degraded: false }, 0)).toBe(50);
    expect(one.learn({ ms: 20, failedShare: 0.5, degraded: false }, 0)).toBe(500);
  });
});

describe("pickTwoChoices", () => {
  const draws = (...numbers: readonly number[]) => {
    let at = 0;
    return () => numbers[at++] ?? 0;
  };

  it("takes the better of two different ones", () => {
    const loads = [loadOf("a", { inFlight: 3 }), loadOf("b", { inFlight: 1 }), loadOf("c")];
    expect(pickTwoChoices(loads, pickOf({ random: draws(0, 0) }))).toBe(1);
    expect(pickTwoChoices(loads, pickOf({ random: draws(0, 0.9) }))).toBe(2);
    expect(pickTwoChoices(loads, pickOf({ random: draws(0.9, 0) }))).toBe(2);
  });

  it("multiplies what is under way by how long it takes", () => {
    const loads = [loadOf("a", { slowness: 100 }), loadOf("b", { inFlight: 8, slowness: 10 })];
    expect(pickTwoChoices(loads, pickOf({ random: draws(0, 0) }))).toBe(1);
    const busier = [loadOf("a", { slowness: 100 }), loadOf("b", { inFlight: 10, slowness: 10 })];
    expect(pickTwoChoices(busier, pickOf({ random: draws(0, 0) }))).toBe(0);
  });

  it("passes over who is out, and finds nobody when all are", () => {
    const loads = [loadOf("a", { outUntilMs: 9 }), loadOf("b"), loadOf("c", { outUntilMs: 9 })];
    for (const first of [0, 0.4, 0.9]) expect(pickTwoChoices(loads, pickOf({ random: draws(first, 0.9) }))).toBe(1);
    const tried = ["a", "b", "c"].map(instanceOf);
    expect(pickTwoChoices(loads, pickOf({ barring: { tried, outAfterMs: 0 } }))).toBe(-1);
  });
});
