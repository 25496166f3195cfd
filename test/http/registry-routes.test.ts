// Instances that register themselves, through the exported handler; grouped by what is answered.

import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";
import { callRegistry } from "../../src/objects.ts";
import { REGISTERED_MAX } from "../../src/policies/lifecycle/member-book.ts";
import { configure, jsonOf, type Sent, send, sendAsAdmin } from "./send.ts";

const PRIVATE = { ALLOW_PRIVATE_ORIGINS: "true" };

beforeAll(() =>
  configure({
    pools: {
      fixed: { instances: [{ id: "taken", binding: "AUTH_APP" }] },
      open: { registration: { ttlMs: 60_000 } },
      full: { registration: {} },
    },
    routes: [{ id: "open", path: "/open/*", pool: "open" }],
  }),
);

const at = (pool: string, instance: string) => `/api/super/registry/${pool}/${instance}`;
const put = (pool: string, instance: string, body: unknown = { url: "https://one.example" }, more: Sent = {}) =>
  sendAsAdmin(at(pool, instance), { method: "PUT", body, ...more });
const listed = async (pool: string) =>
  (jsonOf(await sendAsAdmin(`/api/super/registry/${pool}`)).instances as { id: string }[]).map(({ id }) => id);

describe("PUT /api/super/registry/{pool}/{instance}", () => {
  it("is 201 once, 200 again, and tells how long it holds: as said, else as the pool says, else 30 s", async () => {
    const first = await put("open", "one", { url: "https://one.example/v1/", weight: 2, features: ["WebSocket"] });
    expect([first.status, jsonOf(first)]).toMatchObject([
      201,
      { pool: "open", id: "one", url: "https://one.example/v1", weight: 2, ttlMs: 60_000 },
    ]);
    expect((await put("open", "one", { url: "https://one.example", ttlMs: 5_000 })).status).toBe(200);
    expect(jsonOf(await put("fixed", "two")).ttlMs).toBe(30_000);
    expect(await listed("open")).toEqual(["one"]);
  });

  it("adds to what operators are shown, and goes with DELETE, once", async () => {
    await put("open", "one");
    const { pools } = jsonOf(await sendAsAdmin("/admin/workers")) as { pools: { name: string; instances: object[] }[] };
    expect(pools.find(({ name }) => name === "open")?.instances).toMatchObject([
      { id: "one", target: "https://one.example", status: "registered" },
    ]);
    const asked = { body: { url: "http://localhost/open/x" } };
    expect(jsonOf(await sendAsAdmin("/api/super/explain", asked))).toMatchObject({
      outcome: "forward",
      pool: { instances: [{ id: "one", base: "https://one.example" }] },
    });
    expect(jsonOf(await sendAsAdmin("/discovery/services")).registered).toContainEqual({
      pool: "open",
      instances: [{ id: "one", url: "https://one.example" }],
    });
    const remove = () => sendAsAdmin(at("open", "one"), { method: "DELETE" });
    const gone = await remove();
    expect([gone.status, jsonOf(gone)]).toEqual([200, { id: "one" }]);
    expect(jsonOf(await remove())).toMatchObject({ status: 404, code: "unknown_instance" });
    expect(jsonOf(await sendAsAdmin("/api/super/explain", asked))).toMatchObject({
      outcome: "refuse",
      code: "no_instance",
    });
  });

  it.each([
    [404, "unknown_pool", "nowhere", "one", { url: "https://one.example" }],
    [409, "instance_configured", "fixed", "taken", { url: "https://one.example" }],
    [400, "bad_path", "open", "a%2Fb", { url: "https://one.example" }],
    [400, "bad_path", "open", "a:b", { url: "https://one.example" }],
    [400, "bad_path", "open", "%E0%A4%A", { url: "https://one.example" }],
    [400, "invalid_body", "open", "one", {}],
    [400, "invalid_body", "open", "one", []],
    [400, "invalid_body", "open", "one", { url: "https://one.example", surprise: 1 }],
    [400, "invalid_body", "open", "one", { url: "https://one.example", weight: -1 }],
    [400, "invalid_body", "open", "one", { url: "https://one.example", ttlMs: 999 }],
    [400, "invalid_body", "open", "one", { url: "https://one.example", ttlMs: 3_600_001 }],
    [400, "invalid_body", "open", "one", { url: "https://one.example", apiKeyEnv: "ADMIN_SECRET" }],
    [400, "invalid_body", "open", "one", { url: "ftp://one.example" }],
    [400, "invalid_body", "open", "one", { url: "https://user:word@one.example" }],
    [400, "invalid_body", "open", "one", { url: "https://one.example/#part" }],
    [400, "private_origin", "open", "one", { url: "http://127.0.0.1:3000" }],
    [400, "private_origin", "open", "one", { url: "http://0x7f.1" }],
    [400, "private_origin", "open", "one", { url: "http://[::ffff:10.0.0.1]" }],
    [400, "private_origin", "open", "one", { url: "http://169.254.169.254/latest" }],
    [400, "private_origin", "open", "one", { url: "https://one.example", restartUrl: "http://localhost/restart" }],
    [400, "malformed_json", "open", "one", "{"],
    [415, "unsupported_media_type", "open", "one", { url: "https://one.example" }],
  ])("is %i %s for %s/%s, %j, and writes nothing", async (status, code, pool, instance, body) => {
    const headers = status === 415 ? { headers: { "Content-Type": "application/xml" } } : {};
    const refused = await put(pool, instance, body, headers);
    expect([refused.status, jsonOf(refused).code]).toEqual([status, code]);
    expect(await listed("open")).toEqual([]);
  });

  it("lets private addresses in where the deployment says so", async () => {
    expect((await put("open", "near", { url: "http://127.0.0.1:3000" }, { vars: PRIVATE })).status).toBe(201);
    await sendAsAdmin(at("open", "near"), { method: "DELETE" });
  });

  it("is 409 registry_full for one more than a pool can have", async () => {
    for (let i = 0; i < REGISTERED_MAX; i++) {
      const instance = { id: `i${i}`, url: "https://one.example" };
      await callRegistry(env, "full", (registry) => registry.register(instance, 60_000));
    }
    expect(jsonOf(await put("full", "more"))).toMatchObject({ status: 409, code: "registry_full" });
    expect((await put("full", "i0")).status).toBe(200);
  });
});

describe("POST /api/super/registry/{pool}/{instance}/heartbeat", () => {
  const beat = (pool: string, instance: string, body?: unknown) =>
    sendAsAdmin(`${at(pool, instance)}/heartbeat`, { method: "POST", ...(body !== undefined && { body }) });

  it("renews what is registered, with or without a body, and keeps the load that was told", async () => {
    await put("open", "one", { url: "https://one.example", ttlMs: 60_000 });
    const renewed = await beat("open", "one", { cpu: 0.25 });
    expect([renewed.status, jsonOf(renewed)]).toEqual([200, { ttlMs: 60_000, expiresAtMs: expect.any(Number) }]);
    expect((await beat("open", "one")).status).toBe(200);
    const { instances } = jsonOf(await sendAsAdmin("/api/super/registry/open"));
    expect(instances).toMatchObject([{ id: "one", cpu: 0.25 }]);
    await sendAsAdmin(at("open", "one"), { method: "DELETE" });
  });

  it.each([
    [404, "unknown_instance", "open", "nobody", {}],
    [404, "unknown_pool", "nowhere", "one", {}],
    [409, "instance_configured", "fixed", "taken", {}],
    [400, "invalid_body", "open", "nobody", { cpu: 1.1 }],
    [400, "invalid_body", "open", "nobody", { cpu: "0.5" }],
  ])("is %i %s for %s/%s, %j", async (status, code, pool, instance, body) => {
    const refused = await beat(pool, instance, body);
    expect([refused.status, jsonOf(refused).code]).toEqual([status, code]);
  });
});

describe("whoever is no operator", () => {
  it.each([
    ["PUT", at("open", "one")],
    ["DELETE", at("open", "one")],
    ["GET", "/api/super/registry/open"],
    ["POST", `${at("open", "one")}/heartbeat`],
  ])("is 401 for %s %s", async (method, path) => {
    expect((await send(path, { method, headers: { "X-Admin-Secret": "wrong" } })).status).toBe(401);
  });

  it("is told the methods there are, once he is one", async () => {
    const refused = await sendAsAdmin(at("open", "one"), { method: "POST", body: {} });
    expect([refused.status, refused.headers.get("Allow")]).toEqual([405, "PUT, DELETE"]);
    expect((await sendAsAdmin("/api/super/registry/nowhere")).status).toBe(404);
  });
});
