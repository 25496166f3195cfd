// A pool that fails, through four isolates of a real plane: its circuit opens for all of them as one, lets exactly the trials through, and
// closes again; and one that fails less than its share stays closed.

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import type { BreakerStatus } from "../../src/contracts/breaker.ts";
import type { RegistryStatus } from "../../src/contracts/registry.ts";
import { ADMIN_SECRET, type Plane, startPlane } from "./plane.ts";

const ISOLATES = [0, 1, 2, 3];
const OPEN_MS = 2_000;
const TRIALS = 3;
const WITHIN_MS = 20_000;
/** Until what the registry has decided is known everywhere. */
const KNOWN_MS = 1_000;

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  await Promise.all(ends.splice(0).map((end) => end()));
});

/** An origin that answers with what `answer` says just now. */
async function startFickle(answer: { status: number; every: number }) {
  let hits = 0;
  const server = createServer((_, response) => {
    const isBad = ++hits % answer.every === 0;
    response.writeHead(isBad ? answer.status : 200, { "Content-Length": 2 }).end("ok");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  ends.push(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, hits: () => hits };
}

async function start() {
  const answer = { status: 200, every: 1 };
  const origins = await Promise.all([startFickle(answer), startFickle(answer)]);
  const breaker = { minRequests: 10, openMs: OPEN_MS, trials: TRIALS };
  const plane = await startPlane({
    isolates: ISOLATES.length,
    config: {
      pools: { all: { breaker, instances: origins.map(({ url }, i) => ({ id: `origin-${i}`, url })) } },
      routes: [{ id: "all", pool: "all" }],
    },
  });
  ends.push(plane.stop);
  return { plane, answer, hits: () => origins.reduce((sum, origin) => sum + origin.hits(), 0) };
}

const admin = { "X-Admin-Secret": ADMIN_SECRET };

async function breakerOf(plane: Plane): Promise<BreakerStatus> {
  const response = await fetch(`${plane.url()}/balancer/status`, { headers: admin });
  const { pools } = (await response.json()) as { pools: RegistryStatus[] };
  const [pool] = pools;
  if (pool?.breaker === undefined) throw new Error("the pool has no breaker");
  return pool.breaker;
}

async function get(plane: Plane, isolate: number) {
  const response = await fetch(`${plane.url(isolate)}/x`);
  return { status: response.status, headers: response.headers, text: await response.text() };
}
const getAll = (plane: Plane) => Promise.all(ISOLATES.map((isolate) => get(plane, isolate)));

/** Sends through these isolates until the circuit is in that state. */
async function sendUntil(plane: Plane, state: BreakerStatus["state"], isolates = ISOLATES): Promise<void> {
  const deadline = Date.now() + WITHIN_MS;
  while ((await breakerOf(plane)).state !== state) {
    if (Date.now() > deadline) throw new Error(`the circuit is not ${state}`);
    await Promise.all(isolates.map((isolate) => get(plane, isolate)));
  }
}

const explain = async (plane: Plane) => {
  const body = JSON.stringify({ url: "http://any.test/x" });
  const headers = { ...admin, "Content-Type": "application/json" };
  const response = await fetch(`${plane.url(1)}/api/super/explain`, { method: "POST", headers, body });
  return (await response.json()) as { outcome: string; code?: string; circuit?: unknown };
};

describe("a pool that answers 500 to everything", () => {
  it("has its circuit opened for isolates that saw nothing of it too, is tried by three requests and no more, and is back for all once it has recovered", async () => {
    const { plane, answer, hits } = await start();
    for (let i = 0; i < 3; i++) expect((await getAll(plane)).map(({ status }) => status)).toEqual([200, 200, 200, 200]);

    answer.status = 500;
    await sendUntil(plane, "open", [0]);
    await delay(KNOWN_MS);
    const whileOpen = hits();
    for (const { status, headers, text } of await getAll(plane)) {
      expect([status, headers.get("Content-Type"), JSON.parse(text).code]).toEqual([
        503,
        "application/problem+json",
        "circuit_open",
      ]);
      expect(Number(headers.get("Retry-After"))).toBeGreaterThanOrEqual(1);
    }
    expect(await explain(plane)).toMatchObject({ outcome: "refuse", code: "circuit_open", circuit: { state: "open" } });
    expect(hits()).toBe(whileOpen);

    // All isolates at one time, from before its time is over until it has opened again.
    const deadline = Date.now() + WITHIN_MS;
    while ((await breakerOf(plane)).times < 2) {
      expect(Date.now()).toBeLessThan(deadline);
      await Promise.all([getAll(plane), getAll(plane), getAll(plane)]);
    }
    const tried = hits() - whileOpen;
    expect(tried).toBeGreaterThanOrEqual(1);
    expect(tried).toBeLessThanOrEqual(TRIALS);

    answer.status = 200;
    await sendUntil(plane, "closed");
    await delay(KNOWN_MS);
    expect((await getAll(plane)).map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    const { transitions } = await breakerOf(plane);
    expect(transitions.map(({ to }) => to)).toEqual(["closed", "half-open", "open", "half-open", "open"]);
    expect(transitions[2]?.times).toBe(2);
    expect(plane.stdout() + plane.stderr()).toContain('"msg":"circuit breaker"');
  });
});

describe("a pool that answers 500 to every third request", () => {
  it("stays closed", async () => {
    const { plane, answer, hits } = await start();
    Object.assign(answer, { status: 500, every: 3 });
    for (let i = 0; i < 30; i++) await getAll(plane);
    await delay(KNOWN_MS);
    expect(await breakerOf(plane)).toMatchObject({ state: "closed", transitions: [] });
    expect(hits()).toBeGreaterThanOrEqual(120);
    expect((await explain(plane)).outcome).toBe("forward");
  });
});
