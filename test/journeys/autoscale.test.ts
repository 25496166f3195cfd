// Pools whose number of instances follows their load, through four isolates of a real plane: by an instance on standby, and by a webhook that
// registers one. No request is lost on the way.

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import type { AutoscaleStatus } from "../../src/contracts/autoscale.ts";
import { type Origin, startOrigin } from "./origin.ts";
import { ADMIN_SECRET, type Plane, startPlane } from "./plane.ts";

const ISOLATES = [0, 1, 2, 3];
const WITHIN_MS = 30_000;

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  await Promise.all(ends.splice(0).map((end) => end()));
});

/** Four requests in flight are what an instance bears; windows as short as they may be. */
const AUTOSCALE = { min: 1, max: 2, target: { inFlight: 4 }, stableMs: 3_000, panicMs: 1_000, downDelayMs: 1_000 };

async function start() {
  const [always, standby] = await Promise.all([startOrigin("always"), startOrigin("spare")]);
  ends.push(always.kill, standby.kill);
  const plane = await startPlane({
    isolates: ISOLATES.length,
    config: {
      pools: {
        all: {
          instances: [
            { id: "always", url: always.url },
            { id: "spare", url: standby.url, standby: true },
          ],
          autoscale: AUTOSCALE,
        },
      },
      routes: [{ id: "all", pool: "all" }],
    },
  });
  ends.push(plane.stop);
  return { plane, always, standby };
}

async function statusOf(plane: Plane): Promise<AutoscaleStatus> {
  const response = await fetch(`${plane.url()}/api/super/autoscale/all`, {
    headers: { "X-Admin-Secret": ADMIN_SECRET },
  });
  expect(response.status).toBe(200);
  return (await response.json()) as AutoscaleStatus;
}

const get = async (plane: Plane, path: string, isolate = 0): Promise<number> => {
  const response = await fetch(`${plane.url(isolate)}${path}`);
  await response.text();
  return response.status;
};

/** So many requests under way at every time, over all isolates, until `isOver`; their statuses. */
async function loadUntil(plane: Plane, lanes: number, isOver: () => Promise<boolean>): Promise<Set<number>> {
  const statuses = new Set<number>();
  const deadline = Date.now() + WITHIN_MS;
  let over = false;
  const lane = async (at: number) => {
    while (!over) statuses.add(await get(plane, "/slow/200", ISOLATES[at % ISOLATES.length]));
  };
  const watch = async () => {
    while (!(await isOver())) {
      if (Date.now() > deadline) break;
      await delay(100);
    }
    over = true;
  };
  await Promise.all([watch(), ...Array.from({ length: lanes }, (_, at) => lane(at))]);
  expect(await isOver()).toBe(true);
  return statuses;
}

describe("an instance on standby", () => {
  it("gets nothing until there is load, its share then, and nothing again when the load has gone; what it works on is finished", async () => {
    const { plane, always, standby } = await start();
    for (let i = 0; i < 20; i++) await get(plane, "/x", i % ISOLATES.length);
    expect([always.hits(), standby.hits()]).toEqual([20, 0]);
    expect((await statusOf(plane)).standby).toEqual([{ instanceId: "spare", state: "standby", inFlight: 0 }]);

    const served = await loadUntil(plane, 20, async () => standby.hits() >= 20);
    expect(served).toEqual(new Set([200]));
    const grown = await statusOf(plane);
    expect(grown).toMatchObject({ scaledBy: "standby", active: 2, desired: 2 });
    expect(grown.decisions[0]).toMatchObject({ from: 1, to: 2 });
    expect(["load", "panic"]).toContain(grown.decisions[0]?.reason);

    // A few that one instance can bear, one of them on the spare: it is given back while it still works.
    const before = standby.hits();
    const long: Promise<number>[] = [];
    while (standby.hits() === before && long.length < 8) {
      long.push(get(plane, "/slow/9000"));
      await delay(100);
    }
    const stateOf = async () => (await statusOf(plane)).standby[0]?.state;
    await expect.poll(stateOf, { timeout: WITHIN_MS, interval: 100 }).toBe("draining");
    expect(new Set(await Promise.all(long))).toEqual(new Set([200]));
    await expect.poll(stateOf, { timeout: WITHIN_MS, interval: 100 }).toBe("standby");

    const hits = standby.hits();
    for (let i = 0; i < 20; i++) await get(plane, "/x", i % ISOLATES.length);
    expect(standby.hits()).toBe(hits);
    const { decisions } = await statusOf(plane);
    expect(decisions.map(({ from, to }) => [from, to])).toEqual([
      [2, 1],
      [1, 2],
    ]);
    expect(decisions[0]).toMatchObject({ reason: "quiet" });
  });
});

type Heard = { readonly id: string; readonly from: number; readonly to: number };

/** Whoever scales the pool: deaf to the first call, then it registers `added`, or takes it away again. */
async function startScaler(added: Origin, registry: () => string) {
  const heard: Heard[] = [];
  const server = createServer(async (request, response) => {
    let text = "";
    for await (const chunk of request) text += String(chunk);
    const call = JSON.parse(text) as Heard;
    heard.push(call);
    if (heard.length === 1) return response.writeHead(503).end();
    const headers = { "X-Admin-Secret": ADMIN_SECRET, "Content-Type": "application/json" };
    const body = JSON.stringify({ url: added.url, ttlMs: 600_000 });
    const init = call.to > 1 ? { method: "PUT", headers, body } : { method: "DELETE", headers };
    const { status } = await fetch(`${registry()}/added`, init);
    return response.writeHead(status).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  ends.push(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/scale`, heard };
}

describe("a scale webhook", () => {
  it("that failed is called again, brings an instance under load, and takes it away when the load has gone", async () => {
    const [always, added] = await Promise.all([startOrigin("always"), startOrigin("added")]);
    ends.push(always.kill, added.kill);
    let planeUrl = "";
    const scaler = await startScaler(added, () => `${planeUrl}/api/super/registry/all`);
    const autoscale = { ...AUTOSCALE, stableMs: 8_000, webhook: { url: scaler.url } };
    const instances = [{ id: "always", url: always.url }];
    const plane = await startPlane({
      isolates: ISOLATES.length,
      config: { pools: { all: { instances, autoscale } }, routes: [{ id: "all", pool: "all" }] },
    });
    planeUrl = plane.url();
    ends.push(plane.stop);
    expect(await loadUntil(plane, 20, async () => added.hits() >= 20)).toEqual(new Set([200]));
    const [first, second] = scaler.heard;
    expect([first, second?.id]).toMatchObject([{ from: 1, to: 2 }, first?.id]);
    await expect.poll(async () => (await statusOf(plane)).active, { timeout: WITHIN_MS, interval: 100 }).toBe(1);
    expect(scaler.heard.at(-1)).toMatchObject({ from: 2, to: 1 });
    const { decisions } = await statusOf(plane);
    expect(decisions.at(-1)).toMatchObject({ to: 2, delivery: { state: "delivered", attempts: 2 } });
  });
});
