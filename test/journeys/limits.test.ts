// Limits through real processes: exact over several isolates, through kill -9, and for whatever goes on at one time.

import { createServer, get, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type Origin, startOrigin } from "./origin.ts";
import { makeScratchDir, type Plane, startPlane } from "./plane.ts";
import { ask } from "./raw-http.ts";

const ISOLATES = 4;
const MINUTE_MS = 60_000;
const perMinute = (limit: number, key: string) => ({ key, limit, windowMs: MINUTE_MS });

/** One route per limit, and of its name. */
const documentOf = (url: string, limits: object) => ({
  log: { sampleRate: 0 },
  pools: { all: { instances: [{ id: "only", url }] } },
  limits,
  routes: Object.keys(limits).map((name) => ({ id: name, path: `/${name}/*`, pool: "all", limits: [name] })),
});

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  await Promise.all(ends.splice(0).map((end) => end()));
});

async function statusOf(url: string, headers: Record<string, string> = {}): Promise<number> {
  const response = await fetch(url, { headers });
  await response.arrayBuffer();
  return response.status;
}

describe("four isolates", () => {
  let origin: Origin;
  let plane: Plane;
  beforeAll(async () => {
    origin = await startOrigin("only");
    const limits = {
      burst: perMinute(100, "header:x-run"),
      address: perMinute(5, "ip"),
      tenant: perMinute(3, "header:x-tenant"),
      repository: perMinute(3, "repository"),
    };
    plane = await startPlane({ isolates: ISOLATES, config: documentOf(origin.url, limits) });
  });
  afterAll(async () => {
    await plane?.stop();
    await origin?.kill();
  });

  it.each(Array.from({ length: 10 }, (_, run) => run))(
    "admit exactly 100 of 500 requests at once at a limit of 100, run %i",
    async (run) => {
      const before = origin.hits();
      const sent = Array.from({ length: 500 }, (_, index) =>
        statusOf(`${plane.url(index % ISOLATES)}/burst/x`, { "X-Run": `run-${run}` }),
      );
      const statuses = await Promise.all(sent);
      expect(statuses.filter((status) => status === 200)).toHaveLength(100);
      expect(statuses.filter((status) => status === 429)).toHaveLength(400);
      expect(origin.hits() - before).toBe(100);
    },
  );

  /** On a connection of its own, from an address of this machine's. */
  const statusFrom = (localAddress: string, isolate: number): Promise<number> => {
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    get(`${plane.url(isolate)}/address/x`, { localAddress, agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    }).once("error", reject);
    return promise;
  };

  it("count the clients behind one address as one, whichever isolate they reach, and nobody else with them", async () => {
    const behindNat = await Promise.all(
      Array.from({ length: 20 }, (_, index) => statusFrom("127.0.0.9", index % ISOLATES)),
    );
    expect(behindNat.filter((status) => status === 200)).toHaveLength(5);
    expect(behindNat.filter((status) => status === 429)).toHaveLength(15);
    expect(await statusFrom("127.0.0.10", 0)).toBe(200);
  });

  const long = "k".repeat(10_239);
  it.each([
    ["of 10 kB", `${long}a`, `${long}b`],
    ["beyond ASCII", "büro-東京-🚦", "büro-東京-🚥"],
    ["that looks like SQL", "'; DROP TABLE windows; --", "'; DROP TABLE windows; ---"],
  ])("keep a header key %s apart from one that differs in its last character", async (_, key, other) => {
    const status = async (tenant: string, isolate: number) =>
      (await ask(plane.port + isolate, "/tenant/x", { headers: { "X-Tenant": tenant } })).status;
    const seen = await Promise.all(Array.from({ length: 8 }, (_, index) => status(key, index % ISOLATES)));
    expect(seen.toSorted()).toEqual([200, 200, 200, 429, 429, 429, 429, 429]);
    expect(await status(other, 0)).toBe(200);
  });

  it("know a key beyond ASCII in a query by what it says, however it is escaped", async () => {
    const url = (repository: string) => `${plane.url()}/repository/x?repository=${repository}`;
    for (const written of ["org/%E6%9D%B1", "org%2F%E6%9D%B1", "org%2f%e6%9d%b1"])
      expect(await statusOf(url(written))).toBe(200);
    expect(await statusOf(url("org/%E6%9D%B1"))).toBe(429);
    expect(await statusOf(url("org/%E6%9D%B2"))).toBe(200);
  });
});

describe("a limit of 1,000 through three kill -9 in the middle of the load", () => {
  const LIMIT = 1_000;
  const LANES = 8;
  /** So many refusals in a row, over all isolates, end the load. */
  const REFUSED_IN_A_ROW = 200;

  it("never admits more within its window, and wastes at most 15 %", async () => {
    const origin = await startOrigin("only");
    ends.push(origin.kill);
    const config = documentOf(origin.url, { hot: perMinute(LIMIT, "route") });
    const options = { isolates: ISOLATES, stateDir: path.join(makeScratchDir(), "state"), config };
    const startedAtMs = Date.now();
    let plane = await startPlane(options);
    ends.push(() => plane.stop());
    let admitted = 0;
    let refusedInARow = 0;
    const odd: number[] = [];
    const lane = async (index: number) => {
      while (refusedInARow < REFUSED_IN_A_ROW) {
        const status = await statusOf(`${plane.url(index % ISOLATES)}/hot/x`).catch(() => undefined);
        // Nobody listens between a kill and the next start.
        if (status === undefined) await delay(10);
        else if (status === 429) refusedInARow++;
        else refusedInARow = 0;
        if (status === 200) admitted++;
        else if (status !== undefined && status !== 429) odd.push(status);
      }
    };
    const load = Promise.all(Array.from({ length: LANES }, (_, index) => lane(index)));
    for (const share of [0.2, 0.45, 0.7]) {
      await expect.poll(() => admitted, { interval: 1, timeout: 20_000 }).toBeGreaterThan(LIMIT * share);
      await plane.kill9();
      plane = await startPlane({ ...options, port: plane.port });
    }
    await load;
    expect(Date.now() - startedAtMs).toBeLessThan(MINUTE_MS);
    expect(odd).toEqual([]);
    expect(admitted).toBeLessThanOrEqual(LIMIT);
    expect(origin.hits()).toBeLessThanOrEqual(LIMIT);
    expect(admitted).toBeGreaterThanOrEqual(LIMIT * 0.85);
  });
});

describe("a limit of what goes on at one time", () => {
  const SLOTS = 2;

  /** A backend whose every answer begins at once and ends when it is told to; below /drip/ it goes on slowly until then. */
  async function startHolding() {
    const answers: ServerResponse[] = [];
    const server = createServer((request, response) => {
      answers.push(response);
      response.writeHead(200, { "Content-Type": "application/octet-stream" }).write("begun");
      if (request.url?.includes("/drip/") !== true) return;
      const drip = setInterval(() => response.write("."), 50);
      response.once("close", () => clearInterval(drip));
    });
    const { promise, resolve } = Promise.withResolvers<void>();
    server.listen(0, "127.0.0.1", resolve);
    await promise;
    ends.push(async () => {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    });
    const endAll = () => {
      for (const answer of answers.splice(0)) answer.end("ended");
    };
    return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, endAll };
  }

  async function startLimited(leaseMs: number, isolates = 1) {
    const backend = await startHolding();
    const document = documentOf(backend.url, { slots: { key: "header:x-user", concurrency: SLOTS, leaseMs } });
    const brief = { id: "brief", path: "/brief/*", pool: "all", limits: ["slots"], idleTimeoutMs: 300 };
    const config = { ...document, routes: [...document.routes, brief] };
    const options = { isolates, stateDir: path.join(makeScratchDir(), "state"), config };
    const plane = await startPlane(options);
    ends.push(plane.kill9);
    return { backend, plane, options };
  }

  /** A request of that user's that has begun to be answered. */
  async function begin(url: string, user = "ann") {
    const leaving = new AbortController();
    const response = await fetch(url, { headers: { "X-User": user }, signal: leaving.signal });
    const { status } = response;
    if (status === 429) await response.arrayBuffer();
    return { status, text: () => response.text(), leave: () => leaving.abort() };
  }
  const statusOfOneMore = async (url: string) => (await begin(url)).status;

  it("holds each slot over all isolates for as long as its body goes on, well beyond the slot's lease", async () => {
    const leaseMs = 1_000;
    const { plane, backend } = await startLimited(leaseMs, 2);
    const [one, other] = [`${plane.url(0)}/slots/x`, `${plane.url(1)}/slots/x`];
    const held = [await begin(one), await begin(other)];
    expect(held.map(({ status }) => status)).toEqual([200, 200]);
    for (const untilMs = Date.now() + 3 * leaseMs; Date.now() < untilMs; await delay(20))
      expect([await statusOfOneMore(one), await statusOfOneMore(other)]).toEqual([429, 429]);
    expect((await begin(one, "bob")).status).toBe(200);
    backend.endAll();
    expect(await Promise.all(held.map(({ text }) => text()))).toEqual(["begunended", "begunended"]);
    for (const url of [one, other]) await expect.poll(() => statusOfOneMore(url), { timeout: 5_000 }).toBe(200);
    expect(await statusOfOneMore(one)).toBe(429);
  });

  it("takes a slot back from a client that leaves, long before the lease ends", async () => {
    const { plane } = await startLimited(60_000);
    const url = `${plane.url()}/slots/drip/x`;
    const [first, second] = [await begin(url), await begin(url)];
    expect([first.status, second.status, await statusOfOneMore(url)]).toEqual([200, 200, 429]);
    first.leave();
    await expect.poll(() => statusOfOneMore(url), { timeout: 5_000 }).toBe(200);
    expect(await statusOfOneMore(url)).toBe(429);
  });

  it("takes a slot back from a backend that falls silent, whoever is still there, once its idle timeout has passed", async () => {
    const { plane } = await startLimited(60_000);
    const url = `${plane.url()}/brief/x`;
    const silent = [await begin(url), await begin(url)];
    expect([...silent.map(({ status }) => status), await statusOfOneMore(url)]).toEqual([200, 200, 429]);
    silent[0]?.leave();
    await expect(silent[1]?.text()).rejects.toThrow();
    for (const _ of silent) await expect.poll(() => statusOfOneMore(url), { timeout: 5_000 }).toBe(200);
  });

  it("gives the slots of those who died by kill -9 to others when their lease ends, and not earlier", async () => {
    const leaseMs = 8_000;
    const { plane, options } = await startLimited(leaseMs);
    const url = `${plane.url()}/slots/x`;
    const beganAtMs = Date.now();
    const dying = [await begin(url), await begin(url)];
    expect(dying.map(({ status }) => status)).toEqual([200, 200]);
    const died = Promise.all(dying.map(({ text }) => text().catch(() => "cut")));
    await plane.kill9();
    const killedAtMs = Date.now();
    expect(await died).toEqual(["cut", "cut"]);
    const next = await startPlane({ ...options, port: plane.port });
    ends.push(next.kill9);
    let refused = 0;
    const begun: number[] = [];
    for (; begun.length < SLOTS && Date.now() < killedAtMs + 2 * leaseMs; await delay(20)) {
      if ((await statusOfOneMore(url)) === 200) begun.push(Date.now());
      else refused++;
    }
    expect(refused).toBeGreaterThan(0);
    expect(begun).toHaveLength(SLOTS);
    // Until the kill the slots may have been renewed.
    expect(Math.min(...begun)).toBeGreaterThanOrEqual(beganAtMs + leaseMs);
    expect(Math.max(...begun)).toBeLessThan(killedAtMs + 2 * leaseMs);
    expect(await statusOfOneMore(url)).toBe(429);
  });
});
