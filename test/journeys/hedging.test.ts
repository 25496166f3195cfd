// Requests of a route that hedges, to origins of which each is slow for one request in fifty: most slow ones are answered by the other origin,
// for at most two second tries in a hundred, and what is given up is broken off.

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { RegistryStatus } from "../../src/contracts/registry.ts";
import { ADMIN_SECRET, type Plane, startPlane } from "./plane.ts";

const REQUESTS = 800;
const LANES = 4;
const SLOW_MS = 2_000;
const SLOW_EVERY = 50;

const ends: (() => Promise<unknown>)[] = [];
afterAll(async () => {
  await Promise.all(ends.splice(0).map((end) => end()));
});

/** Slow for every fiftieth request to `/hedged` and `/plain`; each answer says who gave it. `cut`: those whose connection was closed before. */
async function startOrigin(id: string) {
  const seen = { hits: 0, slow: 0, cut: 0 };
  const server = createServer((_, response) => {
    const answer = () => response.writeHead(200, { "Content-Type": "text/plain", "Content-Length": id.length }).end(id);
    if (++seen.hits % SLOW_EVERY !== 0) return answer();
    seen.slow++;
    const timer = setTimeout(answer, SLOW_MS);
    response.once("close", () => {
      clearTimeout(timer);
      if (!response.writableFinished) seen.cut++;
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  ends.push(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const read = () => ({ ...seen });
  return { instance: { id, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }, read };
}

let plane: Plane;
let origins: Awaited<ReturnType<typeof startOrigin>>[];
beforeAll(async () => {
  origins = await Promise.all(["a", "b"].map(startOrigin));
  const [only] = origins;
  plane = await startPlane({
    config: {
      pools: { both: { instances: origins.map(({ instance }) => instance) }, one: { instances: [only?.instance] } },
      routes: [
        { id: "hedged", path: "/hedged/*", pool: "both", hedge: { afterMs: 500 } },
        { id: "alone", path: "/alone/*", pool: "one", hedge: { afterMs: 500 } },
        { id: "plain", pool: "both" },
      ],
    },
  });
  ends.push(plane.stop);
});

const total = () => {
  const seen = origins.map(({ read }) => read());
  const sum = (of: (one: (typeof seen)[number]) => number) => seen.reduce((all, one) => all + of(one), 0);
  return { hits: sum(({ hits }) => hits), slow: sum(({ slow }) => slow), cut: sum(({ cut }) => cut) };
};

/** Sends so many requests, a few at one time; how many answers took as long as a slow origin does, and what the origins saw. */
async function load(path: string, { requests = REQUESTS, init = {} as RequestInit } = {}) {
  const before = total();
  let slowAnswers = 0;
  const lane = async () => {
    for (let i = 0; i < requests / LANES; i++) {
      const startedAtMs = performance.now();
      const response = await fetch(`${plane.url()}${path}`, init);
      expect([response.status, ["a", "b", ""]]).toEqual([200, expect.arrayContaining([await response.text()])]);
      if (performance.now() - startedAtMs >= SLOW_MS) slowAnswers++;
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  const after = total();
  return { slowAnswers, hits: after.hits - before.hits, slow: after.slow - before.slow, cut: after.cut - before.cut };
}

const inFlight = async () => {
  const response = await fetch(`${plane.url()}/balancer/status`, { headers: { "X-Admin-Secret": ADMIN_SECRET } });
  const { pools } = (await response.json()) as { pools: RegistryStatus[] };
  return pools.map((pool) => pool.inFlight);
};

describe("a route that hedges", () => {
  it("is answered by the other origin for most of its slow requests, at no more than two second tries in a hundred, and the slow ones are broken off", async () => {
    const { slowAnswers, hits, slow, cut } = await load("/hedged/x");
    expect(hits).toBeGreaterThan(REQUESTS);
    expect(hits).toBeLessThanOrEqual(REQUESTS * 1.02);
    expect(slow).toBeGreaterThanOrEqual(10);
    expect(slowAnswers).toBeLessThanOrEqual(slow / 2);
    expect(cut).toBe(slow - slowAnswers);
    expect(plane.stdout()).toContain('"hedge":"won"');
    await expect.poll(inFlight, { timeout: 10_000 }).toEqual([{}, {}]);
  });

  it("sends nothing a second time that is no GET or HEAD, or whose pool has nobody else", async () => {
    const posted = await load("/hedged/x", { requests: 100, init: { method: "POST", body: "once" } });
    expect([posted.hits, posted.cut]).toEqual([100, 0]);
    const alone = await load("/alone/x", { requests: 100 });
    expect([alone.hits, alone.cut]).toEqual([100, 0]);
  });
});

describe("a route that does not", () => {
  it("waits for every slow answer, and sends each request once", async () => {
    const { slowAnswers, hits, slow, cut } = await load("/plain/x", { requests: 200 });
    expect([hits, cut]).toEqual([200, 0]);
    expect(slow).toBeGreaterThanOrEqual(3);
    expect(slowAnswers).toBe(slow);
  });
});
