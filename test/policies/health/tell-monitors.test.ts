// Whom the control plane tells of a new version, and when again.

import { expect, it } from "vitest";
import { poolsWithHealth, tellAgainMs } from "../../../src/policies/health/tell-monitors.ts";

it("only pools with health are told", () => {
  expect(poolsWithHealth({ pools: { a: { health: {} }, b: {}, c: { health: { retries: 1 } } } })).toEqual(["a", "c"]);
  expect(poolsWithHealth({})).toEqual([]);
});

it("whoever could not be told is told again ever more rarely, once a minute at least", () => {
  expect([0, 1, 2, 5, 6, 1_000].map(tellAgainMs)).toEqual([1_000, 2_000, 4_000, 32_000, 60_000, 60_000]);
});
