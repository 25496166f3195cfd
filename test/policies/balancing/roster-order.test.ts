// Which roster holds, and when positions keep their meaning.

import { describe, expect, it } from "vitest";
import { compareRosterKeys, isSameOrder } from "../../../src/policies/balancing/roster-order.ts";
import { rosterOfIds } from "./isolate-calls.ts";

describe("compareRosterKeys", () => {
  it.each([
    [[2, 0], [1, 9], 1],
    [[1, 9], [2, 0], -1],
    [[1, 9], [1, 8], 1],
    [[1, 8], [1, 9], -1],
    [[1, 9], [1, 9], 0],
  ] as const)("%j against %j", ([va, da], [vb, db], sign) => {
    const order = compareRosterKeys({ configVersion: va, deployedAt: da }, { configVersion: vb, deployedAt: db });
    expect(Math.sign(order)).toBe(sign);
  });
});

describe("isSameOrder", () => {
  const roster = rosterOfIds(["a", "b"]);
  it("holds when only addresses and weights differ", () => {
    const moved = { ...roster, instances: roster.instances.map(({ id }) => ({ id, target: "elsewhere", weight: 9 })) };
    expect(isSameOrder(moved, roster)).toBe(true);
  });

  it.each([
    ["an instance more", rosterOfIds(["a", "b", "c"])],
    ["an instance less", rosterOfIds(["a"])],
    ["another order", rosterOfIds(["b", "a"])],
    ["another instance", rosterOfIds(["a", "x"])],
    ["another strategy", rosterOfIds(["a", "b"], { strategy: "least-connections" })],
  ])("does not with %s", (_, other) => {
    expect(isSameOrder(other, roster)).toBe(false);
  });
});
