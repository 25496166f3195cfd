// Who comes in or back gets a tenth of its share at first; who serves at all while others are not enough.

import { describe, expect, it } from "vitest";
import { arrivalsNow, noteArrivals, openArrivals } from "../../../src/policies/balancing/arrivals.ts";
import { withinTiers } from "../../../src/policies/balancing/instance-availability.ts";
import { servingTier, tierOf } from "../../../src/policies/balancing/serving-tier.ts";
import { relativeShares, slowStartShare, takesTurn } from "../../../src/policies/balancing/slow-start.ts";
import { loadOf } from "./snapshot-loads.ts";

describe("slow start", () => {
  it.each([
    [0, 0.1],
    [1_000, 0.1],
    [3_000, 0.1],
    [15_000, 0.5],
    [29_999, 1],
    [30_000, 1],
    [undefined, 1],
  ])("after %s ms of 30 s gives %d of its share", (agoMs, share) => {
    expect(slowStartShare(agoMs, 30_000)).toBeCloseTo(share, 3);
  });

  it("gives all of it at once where nobody asks for it", () => {
    expect(slowStartShare(0, 0)).toBe(1);
  });

  it("counts for nothing where all that are in are new", () => {
    expect(relativeShares([0.1, 0.2])).toEqual([0.5, 1]);
    expect(relativeShares([0.1, 1])).toEqual([0.1, 1]);
  });

  it("takes the part of the turns that is its share", () => {
    const taken = (share: number) =>
      Array.from({ length: 1_000 }, (_, turn) => takesTurn(share, turn)).filter(Boolean).length;
    expect([0.1, 0.25, 0.5, 1].map(taken)).toEqual([100, 250, 500, 1_000]);
  });
});

describe("arrivals", () => {
  const member = (id: string, target = `t ${id}`) => ({ id, target });

  it("are who was not there before, and not those a pool begins with", () => {
    const book = openArrivals();
    noteArrivals(book, [member("a"), member("b")], 1_000);
    expect(arrivalsNow(book, 1_000)).toEqual([]);
    noteArrivals(book, [member("a"), member("b"), member("c")], 2_000);
    expect(arrivalsNow(book, 5_000)).toEqual([["c", 3_000]]);
  });

  it("are who comes back from being out, or leads elsewhere than before", () => {
    const book = openArrivals();
    for (const [nowMs, members] of [
      [0, [member("a"), member("b")]],
      [10, [member("a")]],
      [20, [member("a", "elsewhere"), member("b")]],
    ] as const)
      noteArrivals(book, members, nowMs);
    expect(new Map(arrivalsNow(book, 25))).toEqual(
      new Map([
        ["a", 5],
        ["b", 5],
      ]),
    );
  });

  it("are forgotten in time, and while they are away", () => {
    const book = openArrivals();
    noteArrivals(book, [member("a")], 0);
    noteArrivals(book, [member("a"), member("b")], 1);
    noteArrivals(book, [member("a")], 2);
    expect(arrivalsNow(book, 2)).toEqual([]);
    noteArrivals(book, [member("a"), member("b")], 3);
    expect(arrivalsNow(book, 4)).toEqual([["b", 1]]);
    noteArrivals(book, [member("a"), member("b")], 300_003);
    expect(arrivalsNow(book, 300_003)).toEqual([]);
  });
});

describe("tiers", () => {
  it("stand in the order of priority, backups behind all of them", () => {
    const given = [{}, { priority: 1 }, { priority: 100 }, { backup: true }, { backup: true, priority: 1 }];
    const tiers = given.map(tierOf);
    expect(tiers).toEqual(tiers.toSorted((a, b) => a - b));
    expect(new Set(tiers).size).toBe(given.length);
  });

  const serving = (tiers: readonly number[], available: readonly number[]) =>
    servingTier(
      tiers.map((tier, at) => ({ tier, at })),
      ({ at }) => available.includes(at),
    );

  it.each([
    ["the first alone while half of it is there", [0, 0, 1], [0, 2], 0],
    ["the next as well when less than half of it is", [0, 0, 0, 1], [0, 3], 1],
    ["the one after that when the next has nobody", [0, 1, 2], [2], 2],
    ["all when none is enough", [0, 0, 0, 1, 1, 1], [0, 3], Number.POSITIVE_INFINITY],
  ])("serve: %s", (_, tiers, available, expected) => {
    expect(serving(tiers, available)).toBe(expected);
  });

  it("that do not serve are passed over, and those before them that can go on serving", () => {
    const loads = (outUntilMs: number) => [
      loadOf("a"),
      loadOf("b", { outUntilMs }),
      loadOf("c", { outUntilMs }),
      loadOf("d", { tier: 1 }),
    ];
    const barring = { tried: [], outAfterMs: 5 };
    expect(withinTiers(loads(0), barring).tierMax).toBe(0);
    expect(withinTiers(loads(9), barring).tierMax).toBe(1);
  });
});
