// How a pool is probed: what the document may leave out.

import { describe, expect, it } from "vitest";
import { compileProbeSettings, reportValidMs } from "../../../src/policies/health/probe-settings.ts";
import { compileConfig } from "../../../src/policies/routing/compile-config.ts";

const instances = [{ id: "a", url: "http://127.0.0.1:1" }];
const compile = (pool: object) =>
  compileConfig({ version: 1, document: { pools: { p: { instances, ...pool } } }, bindings: new Map() });

describe("a pool's probes", () => {
  it("that it says nothing of but `health` are document 004's (D47–D50), at /version, then /health", () => {
    const { config, warnings } = compile({ health: {} });
    expect(config.pools.get("p")?.health).toEqual({
      paths: ["/version", "/health"],
      intervalMs: 30_000,
      timeoutMs: 5_000,
      retries: 3,
      successes: 2,
      alertThreshold: 2,
    });
    expect(warnings).toEqual([]);
  });

  it("are as it says, and at no path but its own", () => {
    const said = { intervalMs: 1_000, timeoutMs: 200, retries: 1, successes: 4, alertThreshold: 7 };
    expect(compileProbeSettings({ ...said, path: "/up" })).toEqual({ ...said, paths: ["/up"] });
  });

  it("are none where it says nothing", () => {
    expect(compile({}).config.pools.get("p")).not.toHaveProperty("health");
  });
});

it("a report counts for three rounds", () => {
  expect(reportValidMs(compileProbeSettings({}))).toBe(105_000);
});
