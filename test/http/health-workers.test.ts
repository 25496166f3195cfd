// How instances are, as anyone and as operators read it, through the exported handler; grouped by call.

import { env } from "cloudflare:workers";
import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import type { HealthTransition, ProbeState } from "../../src/contracts/health.ts";
import type { PoolHealth } from "../../src/contracts/registry.ts";
import { callRegistry } from "../../src/objects.ts";
import { configure, downObject, jsonOf, send, sendAsAdmin } from "./send.ts";

const DOCUMENT = {
  pools: {
    alone: { instances: [{ id: "only", url: "http://127.0.0.1:9/secret-place" }] },
    pair: {
      instances: [
        { id: "p1", binding: "AUTH_APP" },
        { id: "p2", binding: "CONSOLE_APP" },
      ],
    },
    probed: { instances: [{ id: "x", binding: "AUTH_APP" }], health: { intervalMs: 86_400_000 } },
  },
  routes: [{ id: "all", pool: "pair" }],
};
const STEP_MS = 1_000;

beforeAll(() => configure(DOCUMENT));
afterEach(() => {
  vi.useRealTimers();
});

/** The registries of these pools answer like this, the others as they are. */
const registries = (answers: { readonly [pool: string]: object }) => ({
  REGISTRY: {
    getByName: (name: string) => answers[name.slice(name.indexOf(":") + 1)] ?? env.REGISTRY.getByName(name),
  },
});
const knows = (probed: { readonly [id: string]: ProbeState }, ejected: readonly string[] = []) => ({
  health: async (): Promise<PoolHealth> => ({
    probed: Object.entries(probed).map(([instanceId, state], i) => ({ instanceId, state, ms: 10 * (i + 1) })),
    ejected: ejected.map((instanceId) => ({ instanceId, times: 1, forMs: 1 })),
  }),
});
const WELL = { alone: knows({}), pair: knows({}), probed: knows({ x: "healthy" }) };

let nowMs = Date.UTC(2040, 0, 1);
/** Far enough from what was asked before that it is found out anew. */
async function read(answers: { readonly [pool: string]: object } = WELL) {
  nowMs += STEP_MS;
  vi.useFakeTimers({ toFake: ["Date"], now: nowMs });
  const answer = await send("/health/workers", { vars: registries(answers) });
  expect([answer.status, answer.headers.get("Content-Type")]).toEqual([200, "application/json"]);
  return jsonOf(answer);
}

describe("GET /health/workers", () => {
  it("is D29's keys for every instance, and neither address nor binding, without any secret", async () => {
    const answers = { ...WELL, pair: knows({ p1: "degraded", p2: "healthy" }) };
    const told = await read(answers);
    expect(told).toEqual({
      status: "healthy",
      workers: {
        alone: { status: "healthy", responseTime: null },
        "pair:p1": { status: "degraded", responseTime: 10 },
        "pair:p2": { status: "healthy", responseTime: 20 },
        probed: { status: "healthy", responseTime: 10 },
      },
    });
    expect(JSON.stringify(told)).not.toMatch(/127\.0\.0\.1|secret-place|AUTH_APP|binding/);
  });

  it.each([
    ["degraded", { ...WELL, pair: knows({ p1: "unhealthy", p2: "healthy" }) }],
    ["degraded", { ...WELL, pair: knows({}, ["p2"]) }],
    ["unhealthy", { ...WELL, pair: knows({ p1: "unhealthy" }, ["p2"]) }],
    ["unhealthy", { ...WELL, alone: knows({ only: "unhealthy" }) }],
    ["healthy", { ...WELL, alone: knows({ only: "degraded" }) }],
  ])("is 200 also when what it tells is %s: %#", async (status, answers) => {
    expect((await read(answers)).status).toBe(status);
  });

  it("tells what the real registry was told by probes", async () => {
    const facts = [{ instanceId: "p1", state: "unhealthy" as const, ms: null }];
    await callRegistry(env, "pair", (registry) => registry.hearHealth({ facts, validMs: 60_000 }));
    const { pair: _, ...others } = WELL;
    const heard = async () => {
      const answer = await send("/health/workers", { vars: registries(others) });
      expect(jsonOf(answer)).toMatchObject({
        status: "degraded",
        workers: { "pair:p1": { status: "unhealthy", responseTime: null }, "pair:p2": { status: "healthy" } },
      });
    };
    await vi.waitFor(heard, { timeout: 5_000, interval: 50 });
    await callRegistry(env, "pair", (registry) => registry.hearHealth({ facts: [], validMs: 60_000 }));
  });

  it.each([
    ["fails", () => Promise.reject(new Error("down"))],
    ["is silent", () => new Promise<never>(() => undefined)],
  ])("says of a pool whose registry %s that it is unknown, and spoils nobody else's answer", async (_, health) => {
    expect(await read({ ...WELL, pair: { health } })).toMatchObject({
      status: "degraded",
      workers: {
        alone: { status: "healthy" },
        "pair:p1": { status: "unknown", responseTime: null },
        "pair:p2": { status: "unknown", responseTime: null },
      },
    });
  });

  it("asks registries once for all who ask at one time and within a second, and again after it", async () => {
    const health = vi.fn(knows({}).health);
    const answers = { ...WELL, pair: { health } };
    const first = await read(answers);
    const ask = () => send("/health/workers", { vars: registries(answers) });
    for (const told of await Promise.all(Array.from({ length: 10 }, ask))) expect(jsonOf(told)).toEqual(first);
    vi.setSystemTime(nowMs + STEP_MS - 1);
    await ask();
    expect(health).toHaveBeenCalledTimes(1);
    nowMs += STEP_MS;
    vi.setSystemTime(nowMs);
    await Promise.all(Array.from({ length: 10 }, ask));
    expect(health).toHaveBeenCalledTimes(2);
  });

  it("is 405 with Allow for another method", async () => {
    const answer = await send("/health/workers", { method: "POST" });
    expect([answer.status, answer.headers.get("Allow")]).toEqual([405, "HEAD, GET"]);
  });
});

describe("GET /api/super/health/{pool}/history", () => {
  const at = Date.UTC(2040, 0, 1);
  const ejections = async () => [{ instanceId: "x", times: 1, atMs: at + 1_000, untilMs: at + 31_000 }];
  const found: HealthTransition[] = [
    { instanceId: "x", from: "healthy", to: "unhealthy", atMs: at + 2_000, why: "no answer" },
    { instanceId: "x", from: "unknown", to: "healthy", atMs: at, why: "answered" },
  ];
  const monitor = (transitions: () => Promise<readonly HealthTransition[]>) => ({
    HEALTH: { getByName: () => ({ transitions }) },
  });
  const silent = () => new Promise<never>(() => undefined);
  const history = (pool: string, vars: { readonly [name: string]: unknown }) =>
    sendAsAdmin(`/api/super/health/${pool}/history`, { vars });

  it("has ejections and what probes found in one list, the newest first", async () => {
    const vars = { ...registries({ probed: { ejections } }), ...monitor(async () => found) };
    const answer = await history("probed", vars);
    expect([answer.status, jsonOf(answer)]).toEqual([
      200,
      {
        pool: "probed",
        transitions: [
          { at: "2040-01-01T00:00:02.000Z", instance: "x", state: "unhealthy", from: "healthy", why: "no answer" },
          {
            at: "2040-01-01T00:00:01.000Z",
            instance: "x",
            state: "ejected",
            times: 1,
            until: "2040-01-01T00:00:31.000Z",
          },
          { at: "2040-01-01T00:00:00.000Z", instance: "x", state: "healthy", from: "unknown", why: "answered" },
        ],
      },
    ]);
  });

  it.each([
    ["health monitor fails", { ...registries({ probed: { ejections } }), HEALTH: downObject() }],
    ["health monitor is silent", { ...registries({ probed: { ejections } }), ...monitor(silent) }],
    ["registry fails", { REGISTRY: downObject(), ...monitor(async () => found) }],
  ])("is 503 and no half of the list when the %s", async (_, vars) => {
    const answer = await history("probed", vars);
    expect([answer.status, jsonOf(answer).code]).toEqual([503, "object_unavailable"]);
    expect(answer.text).not.toContain("transitions");
  });

  it("asks the monitor also about a pool that is probed no more, and is empty where it never was", async () => {
    const answer = await history("pair", {});
    expect([answer.status, jsonOf(answer)]).toEqual([200, { pool: "pair", transitions: [] }]);
    expect((await history("pair", { HEALTH: downObject() })).status).toBe(503);
  });

  it("is 404 unknown_pool for a pool that is not, and 401 for who is no operator", async () => {
    const unknown = await history("nowhere", {});
    expect([unknown.status, jsonOf(unknown).code]).toEqual([404, "unknown_pool"]);
    const { status, text } = await send("/api/super/health/probed/history");
    expect([status, text.includes("transitions")]).toEqual([401, false]);
  });
});
