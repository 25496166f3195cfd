// A pool with an instance on standby, through four isolates of a real plane: load brings it in, and it is given back when the load has gone,
// without a request lost on the way.

import { setTimeout as delay } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import type { AutoscaleStatus } from "../../src/contracts/autoscale.ts";
import { startOrigin } from "./origin.ts";
import { ADMIN_SECRET, type Plane, startPlane } from "./plane.ts";

const ISOLATES = [0, 1, 2, 3];
const WITHIN_MS = 30_000;

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  await Promise.all(ends.splice(0).map((end) => end()));
});

/** Two requests in flight are what an instance bears; windows as short as they may be. */
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
          autoscale: { min: 1, max: 2, target: { inFlight: 2 }, stableMs: 3_000, panicMs: 1_000, downDelayMs: 1_000 },
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
    for (let i = 0; i < 5; i++) await Promise.all(ISOLATES.map((isolate) => get(plane, "/x", isolate)));
    expect([always.hits(), standby.hits()]).toEqual([20, 0]);
    expect((await statusOf(plane)).standby).toEqual([{ instanceId: "spare", state: "standby", inFlight: 0 }]);

    const served = await loadUntil(plane, 12, async () => standby.hits() >= 20);
    expect(served).toEqual(new Set([200]));
    const grown = await statusOf(plane);
    expect(grown).toMatchObject({ scaledBy: "standby", active: 2, desired: 2 });
    expect(grown.decisions[0]).toMatchObject({ from: 1, to: 2 });
    expect(["load", "panic"]).toContain(grown.decisions[0]?.reason);

    // One on each: as much as one instance bears, so the spare one is given back while it still works.
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
    for (let i = 0; i < 5; i++) await Promise.all(ISOLATES.map((isolate) => get(plane, "/x", isolate)));
    expect(standby.hits()).toBe(hits);
    const { decisions } = await statusOf(plane);
    expect(decisions.map(({ from, to }) => [from, to])).toEqual([
      [2, 1],
      [1, 2],
    ]);
    expect(decisions[0]).toMatchObject({ reason: "quiet" });
  });
});
