// The limits of the control surface by the numbers that ship (D62 to D64), and who keeps guessing the admin secret.

import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { asAdmin, configureExactly, downObject, jsonOf, type Sent, send } from "./send.ts";

const DOCUMENT = {
  configFreshnessMs: 50,
  pools: { app: { instances: [{ id: "app", binding: "AUTH_APP" }] } },
  routes: [
    { id: "operators", path: "/operators/*", pool: "app", auth: "admin", limits: [] },
    { id: "guessed", path: "/guessed/*", pool: "app", auth: "admin", limits: ["guessed"] },
    { id: "anyone", path: "/anyone/*", pool: "app" },
  ],
  limits: { guessed: { key: "ip", limit: 1, windowMs: 60_000 } },
};
beforeAll(() => configureExactly(DOCUMENT));

beforeEach(() => {
  for (const level of ["log", "info", "warn", "error"] as const)
    vi.spyOn(console, level).mockImplementation(() => undefined);
});
afterEach(() => {
  vi.restoreAllMocks();
});

let clients = 0;
const newClient = (): string => `10.0.0.${++clients}:4321`;
const wrong = { "X-Admin-Secret": "wrong" };

const statusOf = async (path: string, sent: Sent): Promise<number> => (await send(path, sent)).status;
async function statuses(count: number, path: string, sent: Sent): Promise<number[]> {
  const seen: number[] = [];
  for (let i = 0; i < count; i++) seen.push(await statusOf(path, sent));
  return seen;
}
const times = (count: number, status: number): number[] => Array<number>(count).fill(status);

describe.each([
  ["/health", {}, 60, 200, "health"],
  ["/health/workers", {}, 60, 200, "health"],
  ["/metrics", {}, 30, 404, "metrics"],
  ["/admin/workers", asAdmin, 10, 200, "admin"],
])("%s", (path, headers, limit, status, name) => {
  it("is limited per address, and the refusal says how", async () => {
    const sent = { peer: newClient(), headers };
    expect(await statuses(limit, path, sent)).toEqual(times(limit, status));
    const refused = await send(path, sent);
    expect([refused.status, jsonOf(refused)]).toMatchObject([
      429,
      { code: "rate_limited", error: "Rate limit exceeded", limit, remaining: 0, detail: `limit ${name}` },
    ]);
    expect(Number(refused.headers.get("Retry-After"))).toBeGreaterThan(0);
    expect(refused.headers.get("RateLimit-Policy")).toBe(`"${name}";q=${limit};w=60`);
    expect(refused.headers.get("X-RateLimit-Limit")).toBe(String(limit));
    expect(await statusOf(path, { ...sent, peer: newClient() })).toBe(status);
  });
});

describe("limits of one path", () => {
  it("leave every other path alone", async () => {
    const sent = { peer: newClient(), headers: asAdmin };
    await statuses(11, "/admin/workers", sent);
    expect(await statusOf("/admin/workers", sent)).toBe(429);
    for (const path of ["/health", "/version", "/balancer/status", "/discovery/services", "/api/super/config"])
      expect(await statusOf(path, sent)).toBe(200);
    expect(await statusOf("/anyone/x", sent)).toBe(200);
  });

  it("count a HEAD as the GET it is, and paths that are not there", async () => {
    const sent = { peer: newClient(), headers: asAdmin };
    expect(await statuses(5, "/admin/workers", { ...sent, method: "HEAD" })).toEqual(times(5, 200));
    expect(await statuses(6, "/admin/x", sent)).toEqual([...times(5, 404), 429]);
  });

  it("count the client behind a proxy that ends TLS, whatever scheme it used", async () => {
    const vars = { TRUSTED_HOPS: "1" };
    const secure = { "X-Forwarded-Proto": "https" };
    const at = (address: string) => ({ vars, headers: { ...asAdmin, ...secure, "X-Forwarded-For": address } });
    expect(await statuses(11, "/admin/workers", at("198.51.100.1"))).toEqual([...times(10, 200), 429]);
    expect(await statusOf("/admin/workers", at("198.51.100.2"))).toBe(200);
    // Who came past the proxy is known by the socket alone.
    const past = { vars, peer: newClient(), headers: { ...asAdmin, ...secure } };
    expect(await statuses(11, "/admin/workers", past)).toEqual([...times(10, 200), 429]);
    expect(await statusOf("/admin/workers", { ...past, peer: newClient() })).toBe(200);
  });

  it("are not touched by whoever has not shown the secret", async () => {
    const peer = newClient();
    expect(await statuses(12, "/admin/workers", { peer })).toEqual(times(12, 401));
    expect(await statuses(10, "/admin/workers", { peer, headers: asAdmin })).toEqual(times(10, 200));
  });
});

describe("/api/super/*", () => {
  it("is unlimited for an operator", async () => {
    const sent = { peer: newClient(), headers: asAdmin };
    expect(await statuses(150, "/api/super/config", sent)).toEqual(times(150, 200));
  });

  it("is limited once the configuration has a limit named super, and not after it is gone", async () => {
    const sent = { peer: newClient(), headers: asAdmin };
    const limits = { ...DOCUMENT.limits, super: { key: "ip", limit: 3, windowMs: 60_000, headers: true } };
    await configureExactly({ ...DOCUMENT, limits });
    const [first] = [await send("/api/super/config", sent)];
    expect([first.status, first.headers.get("X-RateLimit-Remaining")]).toEqual([200, "2"]);
    expect(await statuses(3, "/api/super/config", sent)).toEqual([200, 200, 429]);
    await configureExactly(DOCUMENT);
    expect(await statuses(5, "/api/super/config", sent)).toEqual(times(5, 200));
  });
});

describe("wrong admin secrets", () => {
  it("are counted by HEAD too", async () => {
    const peer = newClient();
    const head = { peer, method: "HEAD", headers: wrong };
    expect(await statuses(11, "/api/super/config", head)).toEqual([...times(10, 401), 429]);
    expect(await statusOf("/api/super/config", { ...head, peer: newClient(), headers: asAdmin })).toBe(200);
    expect(await statusOf("/api/super/config", { peer, headers: asAdmin })).toBe(429);
  });

  it("are ten a minute per address; the next is 429, and so is the right one, until then", async () => {
    const peer = newClient();
    expect(await statuses(11, "/api/super/config", { peer, headers: wrong })).toEqual([...times(10, 401), 429]);
    const right = await send("/api/super/config", { peer, headers: asAdmin });
    expect([right.status, jsonOf(right)]).toMatchObject([
      429,
      { code: "rate_limited", error: "Rate limit exceeded", detail: "limit admin-failures", limit: 10, remaining: 0 },
    ]);
    expect(Number(right.headers.get("Retry-After"))).toBeGreaterThan(0);
    expect(await statusOf("/api/super/config", { peer: newClient(), headers: asAdmin })).toBe(200);
  });

  it("count together on every operator's path, in every header and on routes of operators", async () => {
    const peer = newClient();
    const places = ["/api/super/config", "/admin/workers", "/balancer/status", "/discovery/services", "/operators/x"];
    const headers = [{ "X-Admin-Secret": "a" }, { Authorization: "Bearer b" }];
    for (const path of places)
      for (const offer of headers) expect(await statusOf(path, { peer, headers: offer })).toBe(401);
    for (const path of places)
      for (const offer of [...headers, { "X-API-Key": "c" }, asAdmin])
        expect(await statusOf(path, { peer, headers: offer })).toBe(429);
    expect(await statusOf("/operators/x", { peer: newClient(), headers: asAdmin })).toBe(200);
  });

  it("can't be tried in parallel: of fifty at once ten are judged", async () => {
    const sent = { peer: newClient(), headers: wrong };
    const seen = await Promise.all(
      Array.from({ length: 50 }, (_, n) => statusOf(n % 2 === 0 ? "/api/super/config" : "/operators/x", sent)),
    );
    expect([seen.filter((status) => status === 401).length, seen.filter((status) => status === 429).length]).toEqual([
      10, 40,
    ]);
  });

  it("of a network's many IPv6 addresses are those of one", async () => {
    const at = (host: number) => `[2001:db8:7:7::${host}]:4321`;
    for (let i = 1; i <= 10; i++) expect(await statusOf("/admin/workers", { peer: at(i), headers: wrong })).toBe(401);
    expect(await statusOf("/admin/workers", { peer: at(11), headers: wrong })).toBe(429);
  });

  it("are not those that were never offered: a missing one is no attempt", async () => {
    const peer = newClient();
    for (const path of ["/api/super/config", "/operators/x"])
      expect(await statuses(15, path, { peer })).toEqual(times(15, 401));
    expect(await statusOf("/api/super/config", { peer, headers: asAdmin })).toBe(200);
  });

  it("cost right ones nothing, nor do right ones count", async () => {
    const peer = newClient();
    expect(await statuses(9, "/api/super/config", { peer, headers: wrong })).toEqual(times(9, 401));
    expect(await statuses(15, "/api/super/config", { peer, headers: asAdmin })).toEqual(times(15, 200));
    expect(await statuses(15, "/operators/x", { peer, headers: asAdmin })).toEqual(times(15, 200));
    expect(await statuses(2, "/operators/x", { peer, headers: wrong })).toEqual([401, 429]);
  });

  it("spend none of a route's own limits", async () => {
    const peer = newClient();
    expect(await statuses(2, "/guessed/x", { peer, headers: wrong })).toEqual([401, 401]);
    expect(await statuses(2, "/guessed/x", { peer, headers: asAdmin })).toEqual([200, 429]);
  });

  it("are none where visitors are not asked for one", async () => {
    const peer = newClient();
    expect(await statuses(15, "/anyone/x", { peer, headers: wrong })).toEqual(times(15, 200));
    expect(await statusOf("/api/super/config", { peer, headers: asAdmin })).toBe(200);
  });

  it("are none while the server has no secret: its absence is named however often", async () => {
    const sent = { peer: newClient(), headers: wrong, vars: { ADMIN_SECRET: undefined } };
    for (const path of ["/api/super/config", "/operators/x"])
      expect(await statuses(12, path, sent)).toEqual(times(12, 503));
    expect(await statusOf("/api/super/config", { peer: sent.peer, headers: asAdmin })).toBe(200);
  });

  it("are counted by each isolate alone while the limiter is down, which keeps no operator out", async () => {
    const peer = newClient();
    const vars = { RATE_LIMITER: downObject() };
    expect(await statuses(11, "/api/super/config", { peer, vars, headers: wrong })).toEqual([...times(10, 401), 429]);
    expect(await statusOf("/api/super/config", { peer, vars, headers: asAdmin })).toBe(200);
  });
});
