// What the public is told of all workers: their names, and one word for all of them.

import { describe, expect, it } from "vitest";
import type { ProbeState } from "../../../src/contracts/health.ts";
import { type ReportedPool, reportWorkers } from "../../../src/policies/health/workers-report.ts";

const pool = (
  name: string,
  probed: { readonly [id: string]: ProbeState },
  { ids = Object.keys(probed), ejected = [] as string[], ms = 9 as number | null } = {},
): ReportedPool => ({
  name,
  instances: ids.map((id) => ({ id })),
  health: {
    ejected: ejected.map((instanceId) => ({ instanceId, times: 1, forMs: 1 })),
    probed: Object.entries(probed).map(([instanceId, state]) => ({ instanceId, state, ms })),
  },
});
const silent = (name: string, ids: readonly string[]): ReportedPool => ({
  name,
  instances: ids.map((id) => ({ id })),
  health: undefined,
});

describe("workers", () => {
  it("are named for their pool where they are alone in it, and for both where not", () => {
    const { workers } = reportWorkers([pool("api", { one: "healthy" }), pool("bot", { x: "degraded", y: "healthy" })]);
    expect(workers).toEqual({
      api: { status: "healthy", responseTime: 9 },
      "bot:x": { status: "degraded", responseTime: 9 },
      "bot:y": { status: "healthy", responseTime: 9 },
    });
  });

  it("that nobody probes are healthy as long as they are not ejected, and took no time", () => {
    const { workers } = reportWorkers([pool("api", {}, { ids: ["a", "b", "c"], ejected: ["b"] })]);
    expect(workers).toEqual({
      "api:a": { status: "healthy", responseTime: null },
      "api:b": { status: "unhealthy", responseTime: null },
      "api:c": { status: "healthy", responseTime: null },
    });
  });

  it("that are ejected are unhealthy, whatever probes find", () => {
    const { workers } = reportWorkers([pool("api", { a: "healthy" }, { ejected: ["a"] })]);
    expect(workers).toEqual({ api: { status: "unhealthy", responseTime: 9 } });
  });

  it("of a pool whose registry does not answer are unknown, and of no other", () => {
    const { workers } = reportWorkers([silent("api", ["a", "b"]), pool("bot", { x: "healthy" })]);
    expect(workers).toEqual({
      "api:a": { status: "unknown", responseTime: null },
      "api:b": { status: "unknown", responseTime: null },
      bot: { status: "healthy", responseTime: 9 },
    });
  });

  it("that probes know but the pool does not have are not told of", () => {
    expect(reportWorkers([pool("api", { old: "unhealthy", a: "healthy" }, { ids: ["a"] })])).toEqual({
      status: "healthy",
      workers: { api: { status: "healthy", responseTime: 9 } },
    });
  });
});

describe("all of them", () => {
  it.each<[string, readonly ReportedPool[], ProbeState]>([
    ["there are none", [], "healthy"],
    ["a pool has no instance", [pool("api", {})], "healthy"],
    ["one is degraded (D29's example)", [pool("api", { a: "healthy" }), pool("banking", { a: "degraded" })], "healthy"],
    ["one of a pool is unhealthy", [pool("api", { a: "healthy", b: "unhealthy" })], "degraded"],
    ["one is left, degraded", [pool("api", { a: "degraded", b: "unhealthy" })], "degraded"],
    ["one is ejected", [pool("api", {}, { ids: ["a", "b"], ejected: ["a"] })], "degraded"],
    [
      "one pool has nobody left",
      [pool("api", { a: "unhealthy", b: "unhealthy" }), pool("bot", { x: "healthy" })],
      "unhealthy",
    ],
    [
      "one is ejected and the other unhealthy",
      [pool("api", { a: "unhealthy", b: "healthy" }, { ejected: ["b"] })],
      "unhealthy",
    ],
    ["nothing is known of one pool", [silent("api", ["a"]), pool("bot", { x: "healthy" })], "degraded"],
    [
      "nothing is known of one pool and another has nobody left",
      [silent("api", ["a"]), pool("bot", { x: "unhealthy" })],
      "unhealthy",
    ],
  ])("when %s: %#", (_, pools, expected) => {
    expect(reportWorkers(pools).status).toBe(expected);
  });
});
