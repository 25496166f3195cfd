// What operators are told of a pool's scaling, and which documents are refused, through the exported handler; grouped by status.

import { beforeAll, describe, expect, it } from "vitest";
import { configure, jsonOf, send, sendAsAdmin } from "./send.ts";

const bounds = { min: 1, max: 2 };
const worker = { id: "worker", binding: "AUTH_APP" };

beforeAll(async () => {
  await configure({
    pools: {
      plain: { instances: [worker] },
      workers: { instances: [worker], autoscale: bounds },
      spare: { instances: [worker, { id: "spare", binding: "CONSOLE_APP", standby: true }], autoscale: bounds },
      idle: { instances: [worker, { id: "spare", binding: "CONSOLE_APP", standby: true }], autoscale: bounds },
    },
    routes: [
      { id: "spare", path: "/spare/*", pool: "spare" },
      { id: "rest", pool: "plain" },
    ],
  });
});

const read = (pool: string) => sendAsAdmin(`/api/super/autoscale/${pool}`);

describe("200", () => {
  it("GET /api/super/autoscale/{pool} says of plain Workers that the platform scales them", async () => {
    const answer = await jsonOf(await read("workers"));
    expect(answer).toMatchObject({ pool: "workers", scaledBy: "platform", min: 1, max: 2 });
    expect(answer).not.toHaveProperty("decisions");
  });

  it("of a pool with an instance on standby, who serves and what was decided; requests go to the other one", async () => {
    const apps = await Promise.all(Array.from({ length: 6 }, async () => (await jsonOf(await send("/spare/x"))).app));
    expect(new Set(apps)).toEqual(new Set(["motr-auth"]));
    expect(await jsonOf(await read("spare"))).toMatchObject({
      scaledBy: "standby",
      active: 1,
      desired: 1,
      signals: { isPanic: false },
      standby: [{ instanceId: "spare", state: "standby", inFlight: 0 }],
      decisions: [],
    });
  });

  it("of a pool that no request has come for, its bounds", async () => {
    expect(await jsonOf(await read("idle"))).toMatchObject({ scaledBy: "standby", min: 1, max: 2 });
  });
});

describe("400", () => {
  const origin = { id: "origin", url: "http://127.0.0.1:9" };
  const validate = async (pool: object) => {
    const document = { pools: { api: pool }, routes: [] };
    const response = await sendAsAdmin("/api/super/config/validate", { body: document });
    const { problems = [], warnings = [] } = (await jsonOf(response)) as Found;
    return { problems: problems.map(({ path }) => path), warnings: warnings.map(({ path }) => path) };
  };
  type Found = { problems?: { path: string }[]; warnings?: { path: string }[] };

  it.each([
    ["nobody can scale it", { instances: [origin], autoscale: bounds }, "pools.api.autoscale"],
    ["max is below min", { instances: [worker], autoscale: { min: 3, max: 2 } }, "pools.api.autoscale.max"],
    ["standby is not asked for", { instances: [{ ...worker, standby: true }] }, "pools.api.instances[0].standby"],
    [
      "the webhook is no address",
      { instances: [origin], autoscale: { ...bounds, webhook: { url: "ftp://x" } } },
      "pools.api.autoscale.webhook.url",
    ],
    [
      "it has standby instances and a webhook",
      { instances: [{ ...origin, standby: true }], autoscale: { ...bounds, webhook: { url: "https://x.example/" } } },
      "pools.api.autoscale.webhook",
    ],
    [
      "the webhook's key is one of our own secrets",
      {
        instances: [origin],
        autoscale: { ...bounds, webhook: { url: "https://x.example/", apiKeyEnv: "ADMIN_SECRET" } },
      },
      "pools.api.autoscale.webhook.apiKeyEnv",
    ],
    ["a share is above 1", { instances: [worker], breaker: { failureShare: 1.5 } }, "pools.api.breaker.failureShare"],
    ["no trial is allowed", { instances: [worker], breaker: { trials: 0 } }, "pools.api.breaker.trials"],
    ["a field is unknown", { instances: [worker], breaker: { open: 1 } }, "pools.api.breaker.open"],
  ])("a pool is refused where %s", async (_, pool, path) => {
    expect((await validate(pool)).problems).toEqual([path]);
  });

  it("and not where it can be scaled; where the platform does it, a warning says so", async () => {
    expect(await validate({ instances: [worker], autoscale: bounds })).toEqual({
      problems: [],
      warnings: ["pools.api.autoscale"],
    });
    const scaled = { instances: [origin, { ...origin, id: "b", standby: true }], autoscale: bounds, breaker: {} };
    expect(await validate(scaled)).toEqual({ problems: [], warnings: [] });
  });
});

describe("404", () => {
  it("no_autoscale for a pool that has none, unknown_pool for one there is not", async () => {
    const [none, unknown] = [await read("plain"), await read("nowhere")];
    expect([none.status, (await jsonOf(none)).code]).toEqual([404, "no_autoscale"]);
    expect([unknown.status, (await jsonOf(unknown)).code]).toEqual([404, "unknown_pool"]);
  });
});

describe("401", () => {
  it("without the admin secret", async () => {
    expect((await send("/api/super/autoscale/spare")).status).toBe(401);
  });
});
