// What discovery tells of the backends it found, and when it has nothing new to tell.

import { describe, expect, it } from "vitest";
import type { CompiledPool } from "../../../src/policies/routing/compiled-config.ts";
import { newlyDiscovered } from "../../../src/policies/routing/newly-discovered.ts";
import { poolOf } from "../balancing/isolate-calls.ts";

const found = (name: string, ...ids: string[]): CompiledPool => ({ ...poolOf(name, ids), discovered: true });
const config = (...pools: CompiledPool[]) => ({ pools: new Map(pools.map((pool) => [pool.name, pool])) });

describe("discovery tells", () => {
  it("of every pool when nothing was known, also of one that found none", () => {
    expect(newlyDiscovered(config(found("p", "B_1", "B_3"), found("q")), undefined)).toEqual([
      { pool: "p", workers: ["B_1", "B_3"] },
      { pool: "q", workers: [] },
    ]);
  });

  it.each([
    [found("p", "B_1")],
    [found("p", "B_1", "B_2", "B_3")],
    [found("p", "B_1", "B_3")],
    [poolOf("p", ["B_1", "B_2"])],
    [found("q", "B_1", "B_2")],
  ])("of a pool that was not as it is: %j", (before) => {
    expect(newlyDiscovered(config(found("p", "B_1", "B_2")), config(before))).toEqual([
      { pool: "p", workers: ["B_1", "B_2"] },
    ]);
  });

  it("nothing of a pool that is as it was, nor of one whose instances are configured", () => {
    expect(newlyDiscovered(config(found("p", "B_1")), config(found("p", "B_1")))).toEqual([]);
    expect(newlyDiscovered(config(poolOf("p", ["a"])), undefined)).toEqual([]);
  });
});
