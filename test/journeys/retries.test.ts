// Which answers are worth another instance, after how long, and how much of it a pool in trouble bears: through real processes.

import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Plane, startPlane } from "./plane.ts";

type Scripted = {
  readonly server: Server;
  readonly id: string;
  status: number;
  headers: Record<string, string>;
  hits: number[];
};

const POOLS = ["plain", "patient", "stubborn", "sick", "backoff", "once"] as const;
let plane: Plane;
const origins: Scripted[] = [];

async function startScripted(id: string): Promise<Scripted> {
  const server = createServer((_, response) => {
    scripted.hits.push(Date.now());
    response.writeHead(scripted.status, scripted.headers).end(id);
  });
  const scripted: Scripted = { server, id, status: 200, headers: {}, hits: [] };
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return scripted;
}

beforeAll(async () => {
  for (const id of ["a", "b", "c", "d"]) origins.push(await startScripted(id));
  const instances = origins.map(({ id, server }) => ({
    id,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
  }));
  const retryOf = (pool: string) => (pool === "backoff" ? { retry: { profile: "client-backoff" } } : {});
  plane = await startPlane({
    config: {
      log: { sampleRate: 0 },
      pools: Object.fromEntries(POOLS.map((pool) => [pool, { instances, ...retryOf(pool) }])),
      routes: POOLS.map((pool) => ({ id: pool, path: `/${pool}/*`, pool, limits: [] })),
    },
  });
});
afterAll(async () => {
  await plane?.stop();
  for (const { server } of origins) {
    server.closeAllConnections();
    server.close();
  }
});
beforeEach(() => {
  for (const origin of origins) Object.assign(origin, { status: 200, headers: {}, hits: [] });
});

const script = (ids: string, status: number, headers: Record<string, string> = {}): void => {
  for (const origin of origins) if (ids.includes(origin.id)) Object.assign(origin, { status, headers });
};
const hits = (): number => origins.reduce((sum, origin) => sum + origin.hits.length, 0);
const ask = async (path: string, init: RequestInit = {}) => {
  const startedAt = Date.now();
  const response = await fetch(`${plane.url()}${path}`, init);
  return { status: response.status, by: await response.text(), headers: response.headers, ms: Date.now() - startedAt };
};

describe("an answer of 502, 503 or 504", () => {
  it.each([502, 503, 504])("%d of one instance is not what the client gets, another is asked", async (status) => {
    script("a", status);
    for (let sent = 0; sent < 8; sent++) expect((await ask("/plain/x")).status).toBe(200);
  });

  it("is passed on where the request may not be sent twice, and is sent once", async () => {
    script("abcd", 503);
    const { status, by } = await ask("/once/x", { method: "POST", body: "pay" });
    expect([status, by.length, hits()]).toEqual([503, 1, 1]);
  });

  it("is passed on when every instance allowed says so, each asked once", async () => {
    script("abcd", 503);
    expect((await ask("/once/x")).status).toBe(503);
    expect(hits()).toBe(3);
    expect(Math.max(...origins.map((origin) => origin.hits.length))).toBe(1);
  });

  it("500 is no such answer", async () => {
    script("abcd", 500);
    expect((await ask("/once/x")).status).toBe(500);
    expect(hits()).toBe(1);
  });
});

describe("Retry-After", () => {
  it("is waited for before another instance is asked", async () => {
    script("a", 503, { "Retry-After": "1" });
    const seen = [];
    for (let sent = 0; sent < 4; sent++) seen.push(await ask("/patient/x"));
    expect(seen.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    // In turn, so that one of the four came to it first.
    expect(origins[0]?.hits.length).toBe(1);
    expect(seen.filter(({ ms }) => ms >= 1_000).length).toBe(1);
  });

  it("of more than 2 s is believed: the answer is the client's", async () => {
    script("abcd", 503, { "Retry-After": "60" });
    const { status, headers, ms } = await ask("/stubborn/x");
    expect([status, headers.get("Retry-After"), hits()]).toEqual([503, "60", 1]);
    expect(ms).toBeLessThan(1_000);
  });
});

describe("the profile client-backoff (L61)", () => {
  it("asks again after 1 and 2 s, on any 5xx", async () => {
    script("abcd", 500);
    setTimeout(() => script("abcd", 200), 1_500);
    const { status, ms } = await ask("/backoff/x");
    expect([status, hits()]).toEqual([200, 3]);
    expect(ms).toBeGreaterThanOrEqual(3_000);
  });
});

describe("a pool in trouble", () => {
  it("is sent at most a fifth more than is asked of it, once what a quiet time had saved is spent", async () => {
    script("abcd", 503);
    const ASKED = 200;
    const startedAt = Date.now();
    const lanes = Array.from({ length: 10 }, async () => {
      for (let sent = 0; sent < ASKED / 10; sent++) expect((await ask("/sick/x")).status).toBe(503);
    });
    await Promise.all(lanes);
    const seconds = (Date.now() - startedAt) / 1_000;
    expect(hits()).toBeLessThanOrEqual(ASKED * 1.2 + 15 + 3 * seconds);
    // And no less is tried than may be.
    expect(hits()).toBeGreaterThanOrEqual(ASKED * 1.2);
  });
});
