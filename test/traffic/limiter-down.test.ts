// A limiter that does not answer: each limit's `onError` decides, and whatever it decides is never called a 429 of the caller's.

import { beforeAll, describe, expect, it } from "vitest";
import { captureLines } from "../captured-lines.ts";
import { asAdmin, configure, downObject, jsonOf, type Sent, send } from "../http/send.ts";

const perMinute = (limit: number, more: object = {}) => ({ key: "ip", limit, windowMs: 60_000, ...more });
const LIMITS = {
  open: perMinute(1, { onError: "open" }),
  closed: perMinute(100, { onError: "closed" }),
  local: perMinute(2, { onError: "local" }),
  unsaid: perMinute(1),
  shadow: perMinute(1, { onError: "closed", shadow: true }),
  "slot-open": { key: "ip", concurrency: 1, leaseMs: 1_000, onError: "open" },
  "slot-closed": { key: "ip", concurrency: 1, leaseMs: 1_000, onError: "closed" },
};

beforeAll(() =>
  configure({
    pools: { app: { instances: [{ id: "app", binding: "AUTH_APP" }] } },
    limits: { ...LIMITS, health: perMinute(2), admin: perMinute(2, { onError: "closed" }) },
    routes: [
      ...Object.keys(LIMITS).map((name) => ({ id: name, path: `/${name}/*`, pool: "app", limits: [name] })),
      { id: "local-then-closed", path: "/local-then-closed/*", pool: "app", limits: ["local", "closed"] },
    ],
  }),
);

const lines = captureLines();

let clients = 0;
const newClient = (): string => `10.0.0.${++clients}:4321`;

const overloaded = downObject(Object.assign(new Error("too much"), { overloaded: true }));
const silent = { getByName: () => new Proxy({}, { get: () => () => new Promise(() => undefined) }) };

const outcomeOf = async (path: string, sent: Sent) => {
  const answer = await send(path, sent);
  return answer.status === 200 ? 200 : [answer.status, jsonOf(answer).code];
};
const UNAVAILABLE = [503, "limiter_unavailable"];

describe.each([
  ["is down", downObject()],
  ["is overloaded", overloaded],
  ["says nothing", silent],
])("an object that %s", (_, RATE_LIMITER) => {
  const vars = { RATE_LIMITER };

  it.each(["open", "unsaid", "slot-open"])("lets everyone through under %s", async (name) => {
    const peer = newClient();
    for (let i = 0; i < 3; i++) expect(await outcomeOf(`/${name}/x`, { peer, vars })).toBe(200);
  });

  it.each(["closed", "slot-closed"])("lets nobody through under %s, and that is our fault", async (name) => {
    const answer = await send(`/${name}/x`, { peer: newClient(), vars });
    expect([answer.status, jsonOf(answer).code, jsonOf(answer).detail]).toEqual([...UNAVAILABLE, `limit ${name}`]);
    expect(answer.headers.get("RateLimit")).toBeNull();
  });

  it("leaves this isolate to count alone under local, each client by itself", async () => {
    const peer = newClient();
    for (const expected of [200, 200, [429, "rate_limited"]])
      expect(await outcomeOf("/local/x", { peer, vars })).toEqual(expected);
    expect(await outcomeOf("/local/x", { peer: newClient(), vars })).toBe(200);
  });

  it("makes no limit in shadow refuse", async () => {
    expect(await outcomeOf("/shadow/x", { peer: newClient(), vars })).toBe(200);
  });
});

describe("the control surface while the limiter is down", () => {
  const vars = { RATE_LIMITER: downObject() };

  it("answers what is open: health, the configuration", async () => {
    const sent = { peer: newClient(), vars };
    for (let i = 0; i < 4; i++) expect((await send("/health", sent)).status).toBe(200);
    expect((await send("/api/super/config", { ...sent, headers: asAdmin })).status).toBe(200);
  });

  it("keeps /admin closed, which is no 429", async () => {
    expect(await outcomeOf("/admin/workers", { peer: newClient(), vars, headers: asAdmin })).toEqual(UNAVAILABLE);
  });
});

describe("a limiter that answers again", () => {
  it("counts what it is asked from then on, and says in the log that it was away", async () => {
    const peer = newClient();
    await expect.poll(() => outcomeOf("/closed/x", { peer }), { timeout: 5_000 }).toBe(200);
    expect(await outcomeOf("/closed/x", { peer, vars: { RATE_LIMITER: downObject() } })).toEqual(UNAVAILABLE);
    expect(lines.filter((line) => line.includes("limiter did not answer"))).toHaveLength(1);
    await expect.poll(() => outcomeOf("/closed/x", { peer }), { timeout: 5_000 }).toBe(200);
    expect(await outcomeOf("/open/x", { peer })).toBe(200);
    expect(await outcomeOf("/open/x", { peer })).toEqual([429, "rate_limited"]);
  });
});
