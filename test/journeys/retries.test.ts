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
  /** Requests taken back, or broken off, before they were answered. */
  cut: number;
};

/** Instead of a status. */
const HANG = 0;
const RESET = 1;

const POOLS = ["plain", "patient", "stubborn", "sick", "backoff", "once", "worse", "hung", "tight", "roomy"] as const;
/** Of a route: how long each of its tries may take, and all of them. */
const TIMES: { readonly [pool: string]: object } = {
  hung: { tryTimeoutMs: 300, timeoutMs: 2_000 },
  tight: { tryTimeoutMs: 400, timeoutMs: 480 },
  roomy: { tryTimeoutMs: 400, timeoutMs: 1_000 },
};
let plane: Plane;
const origins: Scripted[] = [];

async function startScripted(id: string): Promise<Scripted> {
  const server = createServer((request, response) => {
    scripted.hits.push(Date.now());
    response.once("close", () => {
      if (!response.writableEnded) scripted.cut++;
    });
    if (scripted.status === HANG) return;
    if (scripted.status === RESET) return void request.socket.destroy();
    response.writeHead(scripted.status, scripted.headers).end(id);
  });
  const scripted: Scripted = { server, id, status: 200, headers: {}, hits: [], cut: 0 };
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
      pools: {
        ...Object.fromEntries(POOLS.map((pool) => [pool, { instances, ...retryOf(pool) }])),
        worse: { instances: instances.slice(0, 2) },
      },
      routes: POOLS.map((pool) => ({ id: pool, path: `/${pool}/*`, pool, limits: [], ...TIMES[pool] })),
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
  for (const origin of origins) Object.assign(origin, { status: 200, headers: {}, hits: [], cut: 0 });
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

describe("an answer that was not passed on", () => {
  it("is the client's after all, whole, when every later try breaks", async () => {
    script("a", 503, { "X-Why": "upgrade" });
    script("b", RESET);
    // Two instances, of which the one that breaks is passed over at first, once it has.
    for (let sent = 0; sent < 4; sent++) {
      const { status, by, headers } = await ask("/worse/x");
      expect([status, by, headers.get("X-Why")]).toEqual([503, "a", "upgrade"]);
    }
    expect([origins[0]?.hits.length, origins[1]?.hits.length]).toEqual([4, 4]);
  });

  it("is not, when a later try is answered", async () => {
    script("a", 503);
    for (let sent = 0; sent < 4; sent++) expect((await ask("/worse/x")).by).toBe("b");
  });
});

describe("a try that is given up", () => {
  it("is taken back from its instance, from the second on, while its request goes on", async () => {
    script("abcd", HANG);
    const cut = () => origins.reduce((sum, origin) => sum + origin.cut, 0);
    const settled = ask("/hung/x").then(({ status }) => status);
    await expect.poll(cut).toBe(1);
    expect(await Promise.race([settled, "goes on"])).toBe("goes on");
    await expect.poll(hits).toBe(3);
    expect(await settled).toBe(504);
    await expect.poll(cut).toBe(2);
  });

  it("has no successor that would get less than a tenth of a second, and one that gets more", async () => {
    script("abcd", HANG);
    const { status } = await ask("/tight/x");
    expect([status, hits()]).toEqual([504, 1]);
    expect((await ask("/roomy/x")).status).toBe(504);
    expect(hits()).toBeGreaterThanOrEqual(1 + 2);
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
    expect(ms).toBeLessThan(10_000);
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
