// How a place in a document is written.

import { expect, it } from "vitest";
import { pathTo } from "../../src/contracts/problems.ts";

it.each([
  [[], ""],
  [["routes", 3, "pool"], "routes[3].pool"],
  [["pools", "my.pool", "instances", 0, "url"], 'pools["my.pool"].instances[0].url'],
  [["pools", "a-b_1"], "pools.a-b_1"],
  [["a b", 'c"d'], '["a b"]["c\\"d"]'],
])("the place %j is written %s", (keys, path) => {
  expect(pathTo(...keys)).toBe(path);
});
