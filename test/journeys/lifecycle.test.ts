// Instances that come, go, and are taken out, through four isolates of a real plane under load: nothing is lost, and whoever is out gets
// not one request more, also after the plane was killed half way.

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { type Origin, startOrigin } from "./origin.ts";
import { ADMIN_SECRET, makeScratchDir, type Plane, startPlane } from "./plane.ts";
import { type Client, openSocket } from "./socket-client.ts";
import { startSocketOrigin } from "./socket-origin.ts";

const ISOLATES = [0, 1, 2, 3];

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function startOrigins(ids: readonly string[]): Promise<Origin[]> {
  const origins = await Promise.all(ids.map((id) => startOrigin(id, { lagMs: 5 })));
  ends.push(...origins.map(({ kill }) => kill));
  return origins;
}

/** `stateDir` outlives the plane. */
async function start(pool: object, stateDir = makeScratchDir()): Promise<Plane> {
  const config = { log: { sampleRate: 0 }, pools: { all: pool }, routes: [{ id: "all", pool: "all" }] };
  const plane = await startPlane({ isolates: ISOLATES.length, config, stateDir });
  ends.push(plane.kill9);
  return plane;
}

type Told = { readonly status: number; readonly body: Record<string, unknown> };
async function call(plane: Plane, method: string, path: string, body?: object): Promise<Told> {
  const response = await fetch(`${plane.url()}${path}`, {
    method,
    headers: { "X-Admin-Secret": ADMIN_SECRET, "Content-Type": "application/json" },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: (await response.json()) as Told["body"] };
}
const change = (plane: Plane, worker: string, action: string, body?: object) =>
  call(plane, "POST", `/admin/workers/${worker}/${action}`, body);
const outcomesOf = ({ body }: Told) => body.workers as { worker: string; state: string; drained: boolean }[];

const instancesOf = (origins: readonly { id: string; url: string }[]) => origins.map(({ id, url }) => ({ id, url }));
const hitsOf = (origins: readonly Origin[]) => origins.map(({ hits }) => hits());

/** Sends through every isolate without a pause until told to end; the statuses of all answers. */
function underLoad(plane: Plane, lanes = 3) {
  const statuses = new Map<number, number>();
  let isOver = false;
  const lane = async (isolate: number): Promise<void> => {
    while (!isOver) {
      const response = await fetch(`${plane.url(isolate)}/x`);
      await response.arrayBuffer();
      statuses.set(response.status, (statuses.get(response.status) ?? 0) + 1);
    }
  };
  const running = Promise.all(ISOLATES.flatMap((isolate) => Array.from({ length: lanes }, () => lane(isolate))));
  return {
    answered: () => [...statuses.values()].reduce((sum, count) => sum + count, 0),
    end: async () => {
      isOver = true;
      await running;
      return Object.fromEntries(statuses);
    },
  };
}
/** Until so many more have been answered. */
const more = (load: ReturnType<typeof underLoad>, count: number) => {
  const target = load.answered() + count;
  return expect.poll(load.answered, { timeout: 20_000 }).toBeGreaterThanOrEqual(target);
};

describe("instances that register themselves", () => {
  const TTL_MS = 3_000;

  it("serve through all isolates as long as they are heard of, and not one request longer; a kill -9 forgets none", async () => {
    const origins = await startOrigins(["a", "b"]);
    const [a, b] = origins as [Origin, Origin];
    const plane = await start({ registration: {} });
    expect((await fetch(`${plane.url(1)}/x`)).status).toBe(503);
    const at = ({ id }: Origin) => `/api/super/registry/all/${id}`;
    expect((await call(plane, "PUT", at(a), { url: a.url, ttlMs: 600_000 })).status).toBe(201);
    expect((await call(plane, "PUT", at(b), { url: b.url, ttlMs: TTL_MS })).status).toBe(201);
    const beating = setInterval(() => void call(plane, "POST", `${at(b)}/heartbeat`, { cpu: 0.1 }), TTL_MS / 3);
    try {
      await expect.poll(async () => (await fetch(`${plane.url(1)}/x`)).status, { timeout: 5_000 }).toBe(200);
      const load = underLoad(plane);
      await more(load, 400);
      for (const hits of hitsOf(origins)) expect(hits).toBeGreaterThan(100);
      clearInterval(beating);
      await expect
        .poll(async () => (await call(plane, "POST", `${at(b)}/heartbeat`)).status, {
          timeout: 20_000,
          interval: 5_000,
        })
        .toBe(404);
      await expectNoMore(b, load);
      expect(Object.keys(await load.end())).toEqual(["200"]);
    } finally {
      clearInterval(beating);
    }
    await plane.kill9();
    const again = await start({ registration: {} }, plane.stateDir);
    expect((await fetch(`${again.url(2)}/x`)).status).toBe(200);
    expect((await call(again, "GET", "/api/super/registry/all")).body.instances).toMatchObject([{ id: "a" }]);
  });
});

/** Once what was decided by then has arrived. */
async function expectNoMore(origin: Origin, load: ReturnType<typeof underLoad>): Promise<void> {
  await expect
    .poll(
      async () => {
        const before = origin.hits();
        await more(load, 200);
        return origin.hits() - before;
      },
      { timeout: 20_000 },
    )
    .toBe(0);
}

describe.each(["round-robin", "least-connections"])("a worker stopped under load, by %s", (strategy) => {
  it("loses no request, gets none after the answer, and is in again after start; so does one that is restarted", async () => {
    const origins = await startOrigins(["a", "b", "c"]);
    const [a, b] = origins as [Origin, Origin, Origin];
    const hooked = await startHook(b);
    const pool = {
      strategy,
      instances: instancesOf(origins).map((one) => (one.id === "b" ? { ...one, ...hooked } : one)),
    };
    const plane = await start(pool);
    const load = underLoad(plane);
    await more(load, 200);
    const stopped = await change(plane, "all:a", "stop");
    const hits = a.hits();
    expect([stopped.status, outcomesOf(stopped)]).toMatchObject([
      200,
      [{ worker: "all:a", state: "out", drained: true, inFlight: 0 }],
    ]);
    await more(load, 600);
    expect(a.hits()).toBe(hits);
    expect((await change(plane, "all:a", "start")).status).toBe(200);
    // By least-connections it comes back slowly.
    await expect.poll(a.hits, { timeout: 15_000 }).toBeGreaterThan(hits);
    const rotated = await change(plane, "all:a", "restart");
    expect(outcomesOf(rotated)).toMatchObject([{ state: "in", drained: true, restarted: "rotation" }]);
    const renewed = await change(plane, "all:b", "restart");
    expect(outcomesOf(renewed)).toMatchObject([{ state: "in", drained: true, restarted: "process" }]);
    const after = b.hits();
    await expect.poll(b.hits, { timeout: 15_000 }).toBeGreaterThan(after);
    expect(Object.keys(await load.end())).toEqual(["200"]);
  });
});

/** Restarts the origin, which then refuses connections for a while. */
async function startHook(origin: Origin): Promise<{ restartUrl: string }> {
  const server = createServer(async (_, response) => {
    await origin.kill();
    response.writeHead(202).end();
    await delay(300);
    await origin.revive();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  ends.push(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return { restartUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/restart` };
}

describe("a plane killed in the middle of a drain", () => {
  it("comes back with the instance taken out: no request reaches it, and stop and start work as ever", async () => {
    const origins = await startOrigins(["a", "b"]);
    const [a] = origins as [Origin, Origin];
    const pool = { instances: instancesOf(origins) };
    const plane = await start(pool);
    const hanging = [0, 1].map(() => fetch(`${plane.url()}/hang`).catch(() => undefined));
    await expect.poll(a.hits, { timeout: 10_000 }).toBe(1);
    const broken = change(plane, "all:a", "stop").catch(() => undefined);
    const statusOfA = async (one: Plane) => {
      const { body } = await call(one, "GET", "/admin/workers");
      return (body.pools as { instances: { status: string }[] }[])[0]?.instances[0]?.status;
    };
    await expect.poll(() => statusOfA(plane), { timeout: 10_000 }).toBe("draining");
    await plane.kill9();
    await Promise.all([broken, ...hanging]);

    const again = await start(pool, plane.stateDir);
    const before = a.hits();
    for (const isolate of ISOLATES) expect((await fetch(`${again.url(isolate)}/x`)).status).toBe(200);
    const stopped = await change(again, "all:a", "stop");
    expect(outcomesOf(stopped)).toMatchObject([{ state: "out", drained: true }]);
    for (const isolate of ISOLATES) expect((await fetch(`${again.url(isolate)}/x`)).status).toBe(200);
    expect(a.hits()).toBe(before);
    await change(again, "all:a", "start");
    await expect
      .poll(
        async () => {
          await Promise.all(ISOLATES.map((isolate) => fetch(`${again.url(isolate)}/x`)));
          return a.hits();
        },
        { timeout: 10_000 },
      )
      .toBeGreaterThan(before);
  });
});

describe("relayed WebSockets of an instance that is drained", () => {
  const SOCKETS = 16;
  const DEADLINE_MS = 16_000;

  it("are told to reconnect, not all at once, come back elsewhere, and the drain ends with them", async () => {
    const origins = await Promise.all(["a", "b"].map((id) => startSocketOrigin(id)));
    ends.push(...origins.map(({ kill }) => kill));
    const [a, b] = origins as [(typeof origins)[0], (typeof origins)[0]];
    const plane = await start({ strategy: "least-connections", instances: instancesOf(origins) });
    const open = (index: number): Promise<Client> => openSocket(plane.url(index % ISOLATES.length));
    const clients = await Promise.all(Array.from({ length: SOCKETS }, (_, index) => open(index)));
    expect([a.open(), b.open()]).toEqual([SOCKETS / 2, SOCKETS / 2]);
    const told: { readonly code: number; readonly reason: string; readonly atMs: number }[] = [];
    const back: Promise<Client>[] = [];
    let isOver = false;
    clients.forEach(({ closed }, index) => {
      void closed.then(([code, reason]) => {
        if (isOver) return;
        told.push({ code, reason, atMs: Date.now() });
        back.push(open(index));
      });
    });
    const drained = await change(plane, "all:a", "drain", { deadlineMs: DEADLINE_MS });
    expect(outcomesOf(drained)).toMatchObject([{ state: "draining", drained: true }]);
    expect(told.map(({ code, reason }) => [code, reason])).toEqual(
      Array.from({ length: SOCKETS / 2 }, () => [1012, "reconnect"]),
    );
    const times = told.map(({ atMs }) => atMs);
    expect(Math.max(...times) - Math.min(...times)).toBeGreaterThan(DEADLINE_MS / 20);
    const returned = await Promise.all(back);
    expect([a.open(), b.open()]).toEqual([0, SOCKETS]);
    isOver = true;
    for (const { socket } of [...clients, ...returned]) socket.terminate();
  });
});
