// What operators read of pools, through the exported handler, after real requests; grouped by status.

import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it, vi } from "vitest";
import type { HealthFact } from "../../src/contracts/health.ts";
import type { RegistryStatus } from "../../src/contracts/registry.ts";
import { callRegistry } from "../../src/objects.ts";
import { configure, jsonOf, send, sendAsAdmin } from "./send.ts";

const DOCUMENT = {
  pools: {
    backends: { discover: "BACKEND_SERVICE" },
    api: {
      strategy: "least-connections",
      exposed: true,
      instances: [
        { id: "api-1", binding: "AUTH_APP", weight: 2, region: "US Chicago", type: "worker", features: ["WebSocket"] },
        { id: "api-2", url: "http://127.0.0.1:9", apiKeyEnv: "BACKEND_API_KEY" },
      ],
    },
  },
  routes: [{ id: "all", pool: "backends" }],
};

const read = async (path: string, vars?: { readonly [name: string]: unknown }) =>
  jsonOf(await sendAsAdmin(path, vars && { vars }));

beforeAll(async () => {
  await configure(DOCUMENT);
  for (let i = 0; i < 6; i++) expect((await send(`/page/${i}`)).status).toBe(200);
  // The registry hears of the last request's end a moment later.
  const heard = async () => {
    const [backends] = (await read("/balancer/status")).pools as RegistryStatus[];
    expect([backends?.used, backends?.inFlight]).toEqual([6, {}]);
  };
  await vi.waitFor(heard, { timeout: 5_000, interval: 20 });
});

describe("200", () => {
  it("GET /admin/workers lists every instance with what is known of it, and no secret", async () => {
    const { pools } = await read("/admin/workers");
    expect(pools).toEqual([
      {
        name: "backends",
        strategy: "round-robin",
        exposed: false,
        discovered: true,
        instances: ["BACKEND_SERVICE_1", "BACKEND_SERVICE_2"].map((id) => ({
          id,
          target: `rpc:${id}`,
          weight: 1,
          features: [],
          status: "registered",
          responseTime: null,
          inFlight: 0,
        })),
      },
      {
        name: "api",
        strategy: "least-connections",
        exposed: true,
        discovered: false,
        instances: [
          {
            id: "api-1",
            target: "binding:AUTH_APP",
            weight: 2,
            region: "US Chicago",
            type: "worker",
            features: ["WebSocket"],
            status: "registered",
            responseTime: null,
            inFlight: 0,
          },
          {
            id: "api-2",
            target: "http://127.0.0.1:9",
            weight: 1,
            features: [],
            status: "registered",
            responseTime: null,
            inFlight: 0,
          },
        ],
      },
    ]);
    expect(JSON.stringify(pools)).not.toContain("test-backend-key");
  });

  it("GET /admin/workers and /balancer/status tell how probes find instances, until the report has lapsed or says otherwise", async () => {
    const report = (...facts: HealthFact[]) =>
      callRegistry(env, "backends", (registry) => registry.hearHealth({ facts, validMs: 60_000 }));
    const states = async () => {
      const { pools } = (await read("/admin/workers")) as { pools: { instances: Record<string, unknown>[] }[] };
      return pools[0]?.instances.map(({ status, responseTime }) => [status, responseTime]);
    };
    const [first, second] = ["BACKEND_SERVICE_1", "BACKEND_SERVICE_2"];
    await report(
      { instanceId: first, state: "unhealthy", ms: null },
      { instanceId: second, state: "degraded", ms: 6_000 },
    );
    expect(await states()).toEqual([
      ["unhealthy", null],
      ["degraded", 6_000],
    ]);
    expect((await read("/balancer/status")).pools).toMatchObject([
      { unhealthy: [first], degraded: [second], panic: false },
      { unhealthy: [], degraded: [], panic: false },
    ]);
    await report({ instanceId: first, state: "healthy", ms: 3 });
    expect(await states()).toEqual([
      ["healthy", 3],
      ["registered", null],
    ]);
    await report();
    expect(await states()).toEqual([
      ["registered", null],
      ["registered", null],
    ]);
  });

  it("GET /balancer/status tells what each pool's registry issued, and of a pool nobody used that it issued nothing", async () => {
    const { pools } = await read("/balancer/status");
    expect(pools).toMatchObject([
      { pool: "backends", strategy: "round-robin", used: 6, instances: [{}, {}] },
      { pool: "api", strategy: "least-connections", issued: 0, rosterVersion: 0, instances: [] },
    ]);
  });

  it("GET /discovery/services names services, discovered backends and exposed pools, and no value of a binding", async () => {
    const listing = await read("/discovery/services");
    expect(listing).toMatchObject({
      discovered: [{ pool: "backends", prefix: "BACKEND_SERVICE", instances: [{ binding: "BACKEND_SERVICE_1" }, {}] }],
      exposed: ["api"],
    });
    expect(listing.services).toContainEqual({ binding: "AUTH_APP", pools: ["api"] });
    expect(JSON.stringify(listing)).not.toMatch(/ADMIN_SECRET|SESSION_KEYS|API_KEY|test-/);
  });
});

describe("a registry that does not answer", () => {
  /** The registries as they are, but that of one pool, which answers like this. */
  const registryOf = (failing: string, status: () => Promise<never>) => ({
    REGISTRY: {
      getByName: (name: string) => (name.endsWith(`:${failing}`) ? { status } : env.REGISTRY.getByName(name)),
    },
  });

  it.each<[string, () => Promise<never>]>([
    ["fails", () => Promise.reject(new Error("down"))],
    ["is silent", () => new Promise<never>(() => undefined)],
  ])("and %s is reported as such, and spoils nobody else's status", async (_, status) => {
    const vars = registryOf("api", status);
    expect((await read("/balancer/status", vars)).pools).toMatchObject([
      { pool: "backends", used: 6 },
      { pool: "api", error: "object_unavailable" },
    ]);
    const { pools } = (await read("/admin/workers", vars)) as { pools: { instances: { inFlight: unknown }[] }[] };
    expect(pools.map(({ instances }) => instances.map(({ inFlight }) => inFlight))).toEqual([
      [0, 0],
      [null, null],
    ]);
  });
});

describe("401", () => {
  it.each(["/admin/workers", "/balancer/status", "/discovery/services"])(
    "GET %s without the admin secret",
    async (path) => {
      const { status, text } = await send(path, { headers: { "X-Admin-Secret": "wrong" } });
      expect(status).toBe(401);
      expect(text).not.toContain("backends");
    },
  );
});
