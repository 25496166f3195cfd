// What operators read of pools, through the exported handler, after real requests; grouped by status.

import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";
import worker from "../../src/index.ts";
import { readStatuses } from "../../src/routes/balancer.ts";
import { poolOf } from "../policies/balancing/isolate-calls.ts";

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

type Sent = { readonly method?: string; readonly body?: unknown; readonly secret?: string };
type Answer = { readonly status: number; readonly text: string };

/** Reads the answer to its end: an instance is busy until then. */
async function send(path: string, { method = "GET", body, secret = env.ADMIN_SECRET }: Sent = {}): Promise<Answer> {
  const ctx = createExecutionContext();
  const headers = { "X-Admin-Secret": secret, Host: "localhost", "Content-Type": "application/json" };
  const init = { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) };
  const response = await worker.fetch(new Request(`http://localhost${path}`, init), env, ctx);
  const answer = { status: response.status, text: await response.text() };
  await waitOnExecutionContext(ctx);
  return answer;
}

const read = async (path: string): Promise<Record<string, unknown>> => JSON.parse((await send(path)).text);

beforeAll(async () => {
  expect((await send("/api/super/config", { method: "PUT", body: DOCUMENT })).status).toBe(200);
  for (let i = 0; i < 6; i++) expect((await send(`/page/${i}`)).status).toBe(200);
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
            inFlight: 0,
          },
          { id: "api-2", target: "http://127.0.0.1:9", weight: 1, features: [], status: "registered", inFlight: 0 },
        ],
      },
    ]);
    expect(JSON.stringify(pools)).not.toContain("test-backend-key");
  });

  it("GET /balancer/status tells what each pool's registry issued, and of a pool nobody used that it issued nothing", async () => {
    const { pools } = await read("/balancer/status");
    expect(pools).toMatchObject([
      { pool: "backends", strategy: "round-robin", used: 6, inFlight: {}, instances: [{}, {}] },
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
  /** The environment as it is, but with these pools' registries failing or silent. */
  const envWith = (moods: { readonly [pool: string]: () => Promise<never> }): Env => {
    const getByName = (name: string) => {
      const status = moods[name.slice(name.indexOf(":") + 1)];
      return status === undefined ? env.REGISTRY.getByName(name) : { status };
    };
    return { ...env, REGISTRY: { getByName } as unknown as Env["REGISTRY"] };
  };
  const pools = ["sound", "failing", "silent"].map((name) => poolOf(name, ["a"]));

  it("is reported as such and spoils nobody else's status", async () => {
    const silent = new Promise<never>(() => undefined);
    const broken = envWith({ failing: () => Promise.reject(new Error("down")), silent: () => silent });
    expect(await readStatuses(broken, pools)).toMatchObject([
      { pool: "sound", issued: 0 },
      { pool: "failing", error: "object_unavailable" },
      { pool: "silent", error: "object_unavailable" },
    ]);
  });
});

describe("401", () => {
  it.each(["/admin/workers", "/balancer/status", "/discovery/services"])(
    "GET %s without the admin secret",
    async (path) => {
      const { status, text } = await send(path, { secret: "wrong" });
      expect(status).toBe(401);
      expect(text).not.toContain("backends");
    },
  );
});
