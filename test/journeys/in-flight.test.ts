// What the registry knows of requests under way, through real processes: who gets fewer of them, and that every one is given back,
// however it ends.

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import WebSocket from "ws";
import type { RegistryStatus } from "../../src/contracts/registry.ts";
import { type Origin, startOrigin } from "./origin.ts";
import { ADMIN_SECRET, type Plane, startPlane } from "./plane.ts";

/** The registry hears within renewAfterMs; an isolate that is gone lapses after 15 s. None of these may need that. */
const HEARD_MS = 5_000;

let plane: Plane;
let quick: Origin;
let slow: Origin;
let mortal: Origin;

beforeAll(async () => {
  quick = await startOrigin("quick");
  slow = await startOrigin("slow", { lagMs: 200 });
  mortal = await startOrigin("mortal");
  const instances = (...origins: Origin[]) => origins.map(({ id, url }) => ({ id, url }));
  const pools = ["sockets", "streams", "late"].map((name) => [name, { instances: instances(quick) }]);
  plane = await startPlane({
    config: {
      log: { sampleRate: 0 },
      pools: {
        least: { strategy: "least-connections", instances: instances(quick, slow) },
        turns: { instances: instances(quick, mortal) },
        mortal: { instances: instances(mortal) },
        ...Object.fromEntries(pools),
      },
      routes: ["least", "turns", "mortal", "sockets", "streams", "late"].map((pool) => ({
        id: pool,
        path: `/${pool}/*`,
        pool,
        stripPrefix: true,
      })),
    },
  });
});
afterAll(async () => {
  await plane?.stop();
  for (const origin of [quick, slow, mortal]) await origin?.kill();
});

async function statusOf(pool: string): Promise<RegistryStatus> {
  const response = await fetch(`${plane.url()}/balancer/status`, { headers: { "X-Admin-Secret": ADMIN_SECRET } });
  const { pools } = (await response.json()) as { pools: RegistryStatus[] };
  const status = pools.find((one) => one.pool === pool);
  if (status === undefined) throw new Error(`no status of pool ${pool}`);
  return status;
}

const inFlightOf = async (pool: string): Promise<number> =>
  Object.values((await statusOf(pool)).inFlight).reduce((sum, requests) => sum + requests, 0);
const expectInFlight = (pool: string) => expect.poll(() => inFlightOf(pool), { timeout: HEARD_MS, interval: 20 });

async function get(path: string): Promise<string> {
  const response = await fetch(`${plane.url()}${path}`);
  expect(response.status).toBe(200);
  return await response.text();
}

describe("least-connections", () => {
  it("gives a slow instance clearly fewer requests, a quick one the rest, and each of them back", async () => {
    const lanes = Array.from({ length: 10 }, async () => {
      for (let sent = 0; sent < 20; sent++) await get("/least/x");
    });
    await Promise.all(lanes);
    expect(quick.hits() + slow.hits()).toBe(200);
    expect(slow.hits()).toBeGreaterThan(0);
    expect(slow.hits()).toBeLessThan(60);
    await expectInFlight("least").toBe(0);
  });
});

describe("GET /balancer/status", () => {
  it("tells which positions are out, to whom, how many were used and how old all that is", async () => {
    for (let sent = 0; sent < 20; sent++) await get("/turns/x");
    await expect.poll(async () => (await statusOf("turns")).used, { timeout: HEARD_MS }).toBe(20);
    await expectInFlight("turns").toBe(0);
    const status = await statusOf("turns");
    expect(status).toMatchObject({ strategy: "round-robin", rosterVersion: 1, uncounted: 0 });
    expect(status.inFlight).toEqual({});
    expect(status.issued - status.reissued).toBeGreaterThanOrEqual(20);
    expect(status.instances.map(({ id }) => id)).toEqual(["quick", "mortal"]);
    expect(status.isolates).toEqual([{ isolateId: expect.any(String), ageMs: expect.any(Number), inFlight: 0 }]);
    const [isolate] = status.isolates;
    for (const range of status.outstanding) {
      expect(range).toMatchObject({ isolateId: isolate?.isolateId, rosterVersion: 1 });
      expect(range.leaseId).toMatch(/^\d+\.\d+$/);
      expect(range.used).toBeLessThanOrEqual(range.count);
      expect(range.ageMs).toBeGreaterThanOrEqual(0);
    }
    const unspent = status.outstanding.reduce((sum, { count, used }) => sum + count - used, 0);
    const awaiting = status.awaitingReissue.reduce((sum, { count }) => sum + count, 0);
    expect(status.issued - status.reissued).toBe(status.used + unspent + awaiting);
    expect(status.staleness.renewAfterMs).toBeGreaterThanOrEqual(100);
    expect(status.staleness.oldestReportMs).toBe(isolate?.ageMs);
  });
});

describe("a request under way", () => {
  it("is counted while a slow instance has it, answered, and given back", async () => {
    const answered = get("/late/slow/700");
    await expectInFlight("late").toBe(1);
    expect(await answered).toBe("slow");
    await expectInFlight("late").toBe(0);
  });

  it("is given back when the client of an event stream leaves", async () => {
    const leaving = new AbortController();
    const stream = await fetch(`${plane.url()}/streams/sse/10000`, { signal: leaving.signal });
    await stream.body?.getReader().read();
    await expectInFlight("streams").toBe(1);
    leaving.abort();
    await expectInFlight("streams").toBe(0);
  });

  it("stays counted while its instance works on it for a client that has left, and is given back after that", async () => {
    const leaving = new AbortController();
    const cut = fetch(`${plane.url()}/late/slow/1500`, { signal: leaving.signal }).catch(() => "cut");
    await expectInFlight("late").toBe(1);
    leaving.abort();
    expect(await cut).toBe("cut");
    await expectInFlight("late").toBe(0);
  });

  it("is given back when its instance dies in the middle of the body, which the client sees", async () => {
    const response = await fetch(`${plane.url()}/mortal/stall`);
    await expectInFlight("mortal").toBe(1);
    await mortal.kill();
    await expect(response.arrayBuffer()).rejects.toThrow();
    await expectInFlight("mortal").toBe(0);
    await mortal.revive();
  });
});

describe("WebSockets that are passed through", () => {
  const SOCKETS = 200;

  it("are told apart from what is in flight, all of them, and live side by side", async () => {
    const sockets = await Promise.all(
      Array.from({ length: SOCKETS }, async () => {
        const socket = new WebSocket(`${plane.url().replace("http", "ws")}/sockets/x`);
        await new Promise((resolve, reject) => socket.once("message", resolve).once("error", reject));
        return socket;
      }),
    );
    await expect.poll(async () => (await statusOf("sockets")).uncounted, { timeout: HEARD_MS }).toBe(SOCKETS);
    await expectInFlight("sockets").toBe(0);
    const echoes = sockets.map(async (socket, index) => {
      const echo = new Promise((resolve) => socket.once("message", (data) => resolve(data.toString())));
      socket.send(`socket ${index}`);
      return await echo;
    });
    expect(await Promise.all(echoes)).toEqual(sockets.map((_, index) => `socket ${index}`));
    for (const socket of sockets) socket.close();
  });
});
