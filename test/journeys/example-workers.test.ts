// The six wallet Workers (D02–D07) behind a real plane: each at its own job under its own path on the configuration `npm start`
// begins with, and banking's transfers as the case in which sending a request twice would cost money.

import { readFileSync } from "node:fs";
import { parse } from "jsonc-parser";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { ADMIN_SECRET, type Plane, startPlane } from "./plane.ts";
import { ask } from "./raw-http.ts";

const WORKERS = ["main-bot", "api", "banking", "security", "frontend", "analytics"] as const;
/** Pools of two instances of which both are the one banking Worker: it counts what either is sent. One pool per case, so that none is ejected in another. */
const GUARDED = [
  "broken-post",
  "failing-post",
  "broken-get",
  "failing-get",
  "keyed",
  "keyed-failing",
  "careless",
] as const;

type Told = Record<string, unknown>;
let plane: Plane;

beforeAll(async () => {
  const example = parse(readFileSync("examples/signalbox.jsonc", "utf8"));
  const instances = [1, 2].map((n) => ({ id: `banking-${n}`, binding: "BANKING_WORKER" }));
  const guarded = GUARDED.map((pool) => [pool, { instances }]);
  const routes = GUARDED.map((pool) => ({
    ...{ id: pool, host: "@", path: `/${pool}/*`, pool, stripPrefix: true },
    retry: { nonIdempotent: pool === "careless" },
  }));
  plane = await startPlane({
    config: {
      ...example,
      log: { sampleRate: 0 },
      pools: { ...example.pools, ...Object.fromEntries(guarded) },
      routes: [...example.routes, ...routes],
    },
  });
});
afterAll(async () => {
  await plane?.stop();
});

async function call(path: string, init: RequestInit = {}) {
  const response = await fetch(`${plane.url()}${path}`, init);
  const text = await response.text();
  const isJson = response.headers.get("Content-Type")?.includes("json") === true && text !== "";
  return { status: response.status, headers: response.headers, text, told: (isJson ? JSON.parse(text) : {}) as Told };
}
const post = (path: string, body: unknown, headers: Record<string, string> = {}) =>
  call(path, {
    method: "POST",
    headers: { "Content-Type": "application/json", ...headers },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });

describe("each of the six", () => {
  it.each(WORKERS)("%s tells its version and its health under its own path", async (name) => {
    const { status, told } = await call(`/${name}/version`);
    expect([status, told]).toEqual([
      200,
      { service: name, version: "1.0.0", uptime: expect.any(Number), timestamp: expect.any(String) },
    ]);
    const health = await call(`/${name}/health`);
    expect(health.status).toBe(200);
    expect(health.told).toMatchObject({ status: "healthy", service: name, version: "1.0.0" });
    const laterMs = (await call(`/${name}/health`)).told.uptime as number;
    expect(laterMs).toBeGreaterThanOrEqual((told.uptime as number) * 1_000);
  });

  it.each(WORKERS)("%s is found on any host by its name (D36), and by no longer one", async (name) => {
    const elsewhere = await ask(plane.port, `/${name}/version`, { host: "other.example" });
    expect([elsewhere.status, (JSON.parse(elsewhere.body) as Told).service]).toEqual([200, name]);
    expect((await ask(plane.port, `/${name}s/version`, { host: "other.example" })).status).toBe(404);
  });

  it.each(WORKERS)("%s answers as online when the plane asks every instance", async (name) => {
    const { told } = await call("/api/workers/status", { headers: { "X-Admin-Secret": ADMIN_SECRET } });
    const worker = (told.workers as Told[]).find(({ pool }) => pool === name);
    expect(worker).toMatchObject({ status: "online", version: "1.0.0" });
  });

  it("is probed unasked, and told of by its name in GET /health/workers (D29)", async () => {
    const wallet = async () => {
      const workers = (await call("/health/workers")).told.workers as Told;
      return Object.fromEntries(WORKERS.map((name) => [name, workers[name]]));
    };
    const probed = { status: "healthy", responseTime: expect.any(Number) };
    await expect
      .poll(wallet, { timeout: 10_000, interval: 100 })
      .toEqual(Object.fromEntries(WORKERS.map((name) => [name, probed])));
  });

  it.each(WORKERS)("%s says 404 of a path it has not, and 405 with what it has of a method", async (name) => {
    expect(await call(`/${name}/nothing`)).toMatchObject({ status: 404, told: { error: "not_found" } });
    const { status, headers } = await call(`/${name}/version`, { method: "DELETE" });
    expect([status, headers.get("Allow")]).toEqual([405, "GET, HEAD"]);
    expect((await call(`/${name}/version`, { method: "HEAD" })).status).toBe(200);
  });
});

describe("main-bot", () => {
  const update = (message: object) => ({ update_id: 1, message });

  it("says back what it is told, to the chat it came from", async () => {
    const { status, told } = await post("/main-bot/webhook", update({ chat: { id: 42 }, text: "hello" }));
    expect([status, told]).toEqual([200, { method: "sendMessage", chat_id: 42, text: "hello" }]);
  });

  it("leaves alone what is no text, and refuses what is no update", async () => {
    expect(await post("/main-bot/webhook", update({ chat: { id: 42 }, photo: [] }))).toMatchObject({ status: 200 });
    expect((await post("/main-bot/webhook", update({ chat: { id: 42 }, photo: [] }))).told).toEqual({});
    for (const body of [{}, [], "nothing of JSON", `{"update_id": 1, "x": "${"x".repeat(65_536)}"}`])
      expect((await post("/main-bot/webhook", body)).status).toBe(400);
  });
});

describe("api", () => {
  it("makes, tells, replaces and removes a wallet", async () => {
    const made = await post("/api/wallets", { owner: "alice" });
    expect(made).toMatchObject({ status: 201, told: { owner: "alice", currency: "THB" } });
    const where = made.headers.get("Location") ?? "";
    expect(where).toBe(`/api/wallets/${made.told.id}`);
    const put = { method: "PUT", body: JSON.stringify({ owner: "bob", currency: "USD" }) };
    expect(await call(where, put)).toMatchObject({ status: 200, told: { id: made.told.id, owner: "bob" } });
    expect((await call(where)).told).toEqual({ id: made.told.id, owner: "bob", currency: "USD" });
    expect((await call("/api/wallets")).told.wallets).toContainEqual((await call(where)).told);
    expect((await call(where, { method: "DELETE" })).status).toBe(204);
    expect((await call(where)).status).toBe(404);
    expect((await call(where, put)).status).toBe(404);
    expect((await call(where, { method: "DELETE" })).status).toBe(404);
  });

  it.each([{}, { owner: "" }, { owner: 1 }, { owner: "alice", currency: "dollars" }])("refuses %j", async (body) => {
    expect((await post("/api/wallets", body)).status).toBe(400);
  });
});

describe("security", () => {
  async function signIn(userId: string): Promise<string> {
    const admin = { "X-Admin-Secret": ADMIN_SECRET };
    const opened = await post("/api/super/sessions", { userId, username: userId }, admin);
    expect(opened.status).toBe(201);
    return opened.headers.getSetCookie()[0]?.split(";")[0] ?? "";
  }

  it("hands a token to who is signed in, and knows it again", async () => {
    const issued = await post("/security/tokens", {}, { Cookie: await signIn("u1") });
    expect(issued).toMatchObject({ status: 201, told: { userId: "u1" } });
    const checked = await post("/security/tokens/check", { token: issued.told.token });
    expect(checked.told).toEqual({ active: true, userId: "u1", expiresAt: issued.told.expiresAt });
  });

  it("hands none to anyone else, whatever they say they are, and knows none it has not made", async () => {
    const claimed = { "X-Session-Authenticated": "true", "X-Session-User-Id": "u1" };
    for (const headers of [{}, claimed]) expect((await post("/security/tokens", {}, headers)).status).toBe(401);
    expect((await post("/security/tokens/check", { token: "made-up" })).told).toEqual({ active: false });
    expect((await post("/security/tokens/check", {})).status).toBe(400);
  });
});

describe("frontend", () => {
  it("is a page that leads to the others", async () => {
    const { status, headers, text } = await call("/frontend/", { headers: { Accept: "text/html" } });
    expect([status, headers.get("Content-Type")]).toEqual([200, "text/html; charset=utf-8"]);
    const links = [...text.matchAll(/<a href="([^"]+)"/g)].map(([, href = ""]) => href);
    expect(links.length).toBeGreaterThanOrEqual(5);
    for (const href of links) expect([href, (await call(href)).status]).toEqual([href, 200]);
  });
});

describe("analytics", () => {
  it("counts events by name and sums up their values, all of a post or nothing", async () => {
    const sent = {
      events: [{ name: "paid", value: 5 }, { name: "paid", value: 1 }, { name: "paid" }, { name: "seen" }],
    };
    expect(await post("/analytics/events", sent)).toMatchObject({ status: 202, told: { counted: 4, dropped: 0 } });
    for (const wrong of [{ name: "" }, { name: "paid", value: "5" }, null])
      expect((await post("/analytics/events", { events: [{ name: "paid", value: 9 }, wrong] })).status).toBe(400);
    expect((await call("/analytics/summary")).told.events).toEqual([
      { name: "paid", count: 3, sum: 6, min: 1, max: 5, mean: 3 },
      { name: "seen", count: 1, sum: 0, min: null, max: null, mean: null },
    ]);
  });
});

describe("banking", () => {
  const TRANSFER = { from: "alice", to: "bob", amount: 100 };
  type Ledger = { received: { GET: number; POST: number }; carriedOut: number; transfers: Told[] };
  /** Reading it is counted too. */
  const ledger = async () => (await call("/banking/transfers")).told as unknown as Ledger;
  let before: Ledger;
  beforeEach(async () => {
    before = await ledger();
  });
  /** How often what was asked since then reached the Worker, and how many transfers came of it. */
  const sinceThen = async () => {
    const { received, carriedOut } = await ledger();
    const gets = received.GET - before.received.GET - 1;
    return { GET: gets, POST: received.POST - before.received.POST, carriedOut: carriedOut - before.carriedOut };
  };

  it("carries out what it is told, once", async () => {
    const { status, told } = await post("/banking/transfers", TRANSFER);
    expect([status, told]).toEqual([201, { id: expect.any(String), ...TRANSFER }]);
    expect(await sinceThen()).toEqual({ GET: 0, POST: 1, carriedOut: 1 });
    expect((await ledger()).transfers[0]).toEqual(told);
  });

  it.each([{ amount: 0 }, { amount: -1 }, { amount: 1.5 }, { amount: "1" }, { from: "" }, { from: "bob" }])(
    "refuses a transfer with %j",
    async (wrong) => {
      expect((await post("/banking/transfers", { ...TRANSFER, ...wrong })).status).toBe(400);
      expect((await sinceThen()).carriedOut).toBe(0);
    },
  );

  it("is not sent a POST twice when the connection breaks after the money has moved", async () => {
    const { status, told } = await post("/broken-post/transfers?fail=broken", TRANSFER);
    expect([status, told.code]).toEqual([502, "upstream_failed"]);
    expect(await sinceThen()).toEqual({ GET: 0, POST: 1, carriedOut: 1 });
  });

  it("is not sent a POST twice when it answers 503: the client gets that answer", async () => {
    const { status, told } = await post("/failing-post/transfers?fail=unavailable", TRANSFER);
    expect([status, told]).toEqual([503, { error: "unavailable" }]);
    expect(await sinceThen()).toEqual({ GET: 0, POST: 1, carriedOut: 1 });
  });

  it("is sent it twice by a route that says it may, and the money moves twice", async () => {
    await post("/careless/transfers?fail=broken", TRANSFER);
    expect(await sinceThen()).toEqual({ GET: 0, POST: 2, carriedOut: 2 });
  });

  it.each([
    ["broken", "broken-get", 502],
    ["unavailable", "failing-get", 503],
  ])("is sent a GET again, once to each instance, when it is %s", async (fail, pool, passedOn) => {
    const { status } = await call(`/${pool}/transfers?fail=${fail}`);
    expect([status, await sinceThen()]).toEqual([passedOn, { GET: 2, POST: 0, carriedOut: 0 }]);
  });

  it.each([
    ["broken", "keyed"],
    ["unavailable", "keyed-failing"],
  ])("is sent a POST again that has an Idempotency-Key when it is %s, and moves the money once", async (fail, pool) => {
    const key = { "Idempotency-Key": `key of ${pool}` };
    const { status, told } = await post(`/${pool}/transfers?fail=${fail}`, TRANSFER, key);
    expect([status, told]).toEqual([200, { id: expect.any(String), ...TRANSFER }]);
    expect(await sinceThen()).toEqual({ GET: 0, POST: 2, carriedOut: 1 });
    const other = await post("/banking/transfers", { ...TRANSFER, amount: 200 }, key);
    expect([other.status, other.told]).toEqual([422, { error: "idempotency_key_reused" }]);
    expect((await sinceThen()).carriedOut).toBe(1);
  });
});
