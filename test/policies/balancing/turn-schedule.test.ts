// The order in which weighted turns fall: exact shares per period, and the very order that nginx would make.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { turnSchedule } from "../../../src/policies/balancing/turn-schedule.ts";

/** nginx's smooth weighted round-robin, one request after another, on the weights as they are written. */
function nginxOrder(weights: readonly number[], requests: number): number[] {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const current = weights.map(() => 0);
  return Array.from({ length: requests }, () => {
    let best = 0;
    for (const [at, weight] of weights.entries()) {
      current[at] = (current[at] ?? 0) + weight;
      if ((current[at] ?? 0) > (current[best] ?? 0)) best = at;
    }
    current[best] = (current[best] ?? 0) - total;
    return best;
  });
}

const sharesOf = (schedule: Uint16Array, instances: number): number[] =>
  Array.from({ length: instances }, (_, at) => schedule.filter((one) => one === at).length);

describe("turnSchedule", () => {
  it("is nginx's order, period after period", () => {
    const weights = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(weights, (given) => {
        const schedule = turnSchedule(given) ?? Uint16Array.from(given.keys());
        const order = nginxOrder(given, 3 * schedule.length);
        expect(order).toEqual([...schedule, ...schedule, ...schedule]);
      }),
    );
  });

  it("spreads turns evenly: 5, 1, 1 never gives five in a row", () => {
    expect([...(turnSchedule([5, 1, 1]) ?? [])]).toEqual([0, 0, 1, 0, 2, 0, 0]);
  });

  it("gives exact shares per period, in lowest terms", () => {
    expect(sharesOf(turnSchedule([100, 300, 200]) ?? new Uint16Array(), 3)).toEqual([1, 3, 2]);
  });

  it("needs none where all weigh alike", () => {
    expect([turnSchedule([1, 1]), turnSchedule([7, 7, 7]), turnSchedule([])]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });

  it("is bounded: weights that have no short period are rounded, each to one turn at least", () => {
    const weights = Array.from({ length: 1_000 }, (_, at) => (at === 0 ? 1 : 1_000 - (at % 7)));
    const schedule = turnSchedule(weights) ?? new Uint16Array();
    expect(schedule.length).toBeLessThanOrEqual(2 * 4_096);
    const shares = sharesOf(schedule, weights.length);
    expect(Math.min(...shares)).toBe(1);
    expect(Math.max(...shares)).toBeLessThanOrEqual(5);
  });
});
