// What each strategy promises, through four isolates of a real plane and real origins: exact weighted shares, sessions that stay where they
// are, instances that fail quickly and get little for it, backups that wait.

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { RegistryStatus } from "../../src/contracts/registry.ts";
import { type Origin, startOrigin } from "./origin.ts";
import { ADMIN_SECRET, type Plane, startPlane } from "./plane.ts";

const ISOLATES = 4;
const LAG_MS = 100;
const ends: (() => Promise<unknown>)[] = [];
afterAll(async () => {
  await Promise.all(ends.map((end) => end()));
});

type Named = { readonly id: string; readonly url: string; readonly hits: () => number };

async function startOrigins(ids: readonly string[], lagMs = 0): Promise<Origin[]> {
  const origins = await Promise.all(ids.map((id) => startOrigin(id, { lagMs })));
  ends.push(
    ...origins.map(
      ({ kill }) =>
        () =>
          kill().catch(() => undefined),
    ),
  );
  return origins;
}

/** Fails every third request at once: never so often in a row that it would be put out. */
async function startFlaky(): Promise<Named> {
  let hits = 0;
  const server = createServer((_, response) => response.writeHead(++hits % 3 === 0 ? 503 : 200).end());
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  ends.push(async () => {
    server.closeAllConnections();
    server.close();
  });
  return { id: "flaky", url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, hits: () => hits };
}

let plane: Plane;
let weighted: Origin[];
let hashed: Origin[];
let lagging: Origin[];
let backedUp: Origin[];
const failing = new Map<string, { flaky: Named; sound: Origin[] }>();
const FAILING = ["round-robin", "health-aware", "peak-ewma"] as const;

beforeAll(async () => {
  weighted = await startOrigins(["w5", "w2", "w1"]);
  hashed = await startOrigins(["h1", "h2", "h3"]);
  lagging = await startOrigins(["l1", "l2", "l3"], LAG_MS);
  backedUp = await startOrigins(["p1", "p2", "spare"]);
  for (const strategy of FAILING) {
    const sound = await startOrigins([`${strategy}-1`, `${strategy}-2`, `${strategy}-3`], 5);
    failing.set(strategy, { flaky: await startFlaky(), sound });
  }
  const listed = (origins: readonly Named[], facts: readonly object[] = []) =>
    origins.map(({ id, url }, at) => ({ id, url, ...facts[at] }));
  const pools = {
    weighted: { strategy: "weighted", instances: listed(weighted, [{ weight: 5 }, { weight: 2 }, { weight: 1 }]) },
    hashed: { strategy: "hash", hash: { key: "header:x-tenant" }, instances: listed(hashed) },
    lagging: { strategy: "hash", hash: { key: "header:x-tenant" }, instances: listed(lagging) },
    backed: { strategy: "least-connections", instances: listed(backedUp, [{}, {}, { backup: true }]) },
    ...Object.fromEntries(
      [...failing].map(([strategy, { flaky, sound }]) => [
        strategy,
        { strategy, instances: listed([flaky, ...sound]) },
      ]),
    ),
  };
  const routes = Object.keys(pools).map((pool) => ({ id: pool, path: `/${pool}/*`, pool }));
  plane = await startPlane({ isolates: ISOLATES, config: { log: { sampleRate: 0 }, pools, routes } });
  ends.push(plane.stop);
});

type Sent = { readonly isolate: number; readonly pool: string; readonly tenant?: string };

/** Who answered. */
async function send({ isolate, pool, tenant }: Sent): Promise<string> {
  const headers = tenant === undefined ? {} : { "X-Tenant": tenant };
  const response = await fetch(`${plane.url(isolate % ISOLATES)}/${pool}/x`, { headers });
  const text = await response.text();
  expect([response.status, text]).toEqual([200, text]);
  return text === "" ? "flaky" : (JSON.parse(text) as { origin: string }).origin;
}

/** From every isolate at once, four at a time through each. */
async function sendFromAll(pool: string, total: number): Promise<string[]> {
  const lanes = Array.from({ length: ISOLATES * 4 }, async (_, lane) => {
    const answers: string[] = [];
    for (let sent = 0; sent < total / (ISOLATES * 4); sent++) answers.push(await send({ isolate: lane, pool }));
    return answers;
  });
  return (await Promise.all(lanes)).flat();
}

async function statusOf(pool: string): Promise<RegistryStatus> {
  const response = await fetch(`${plane.url()}/balancer/status`, { headers: { "X-Admin-Secret": ADMIN_SECRET } });
  const { pools } = (await response.json()) as { pools: RegistryStatus[] };
  const found = pools.find((one) => one.pool === pool);
  if (found === undefined) throw new Error(`no status of ${pool}`);
  return found;
}

describe("weighted", () => {
  it("gives each instance its exact share of the fleet's requests, but for the positions that are out", async () => {
    await sendFromAll("weighted", 2_000);
    const hits = weighted.map((origin) => origin.hits());
    expect(hits.reduce((sum, count) => sum + count, 0)).toBe(2_000);
    const { outstanding, strategy } = await statusOf("weighted");
    expect(strategy).toBe("weighted");
    const unspent = outstanding.reduce((sum, range) => sum + range.count - range.used, 0);
    for (const [at, share] of [5 / 8, 2 / 8, 1 / 8].entries())
      expect(Math.abs((hits[at] ?? 0) - 2_000 * share)).toBeLessThanOrEqual(unspent + 1);
  });
});

describe("hash", () => {
  it("keeps a tenant on one instance, through whatever isolate, and spreads tenants over all", async () => {
    const homes = new Map<string, Set<string>>();
    for (let tenant = 0; tenant < 24; tenant++) {
      const name = `tenant ${tenant}`;
      for (let isolate = 0; isolate < ISOLATES; isolate++) {
        const origin = await send({ isolate, pool: "hashed", tenant: name });
        homes.set(name, (homes.get(name) ?? new Set()).add(origin));
      }
    }
    expect([...homes.values()].map(({ size }) => size)).toEqual(Array.from({ length: 24 }, () => 1));
    expect(new Set([...homes.values()].flatMap((home) => [...home])).size).toBe(3);
  });

  it("lets a tenant that asks for too much at one time overflow to others", async () => {
    const answers = await Promise.all(
      Array.from({ length: 80 }, (_, isolate) => send({ isolate, pool: "lagging", tenant: "the same" })),
    );
    const most = Math.max(...lagging.map(({ id }) => answers.filter((origin) => origin === id).length));
    expect(most).toBeGreaterThan(80 / 3);
    expect(most).toBeLessThan(80 * 0.6);
  });
});

describe("an instance that fails every third request at once", () => {
  const shareOf = async (strategy: (typeof FAILING)[number]): Promise<number> => {
    await sendFromAll(strategy, 1_600);
    return (failing.get(strategy)?.flaky.hits() ?? 0) / 1_600;
  };

  it("gets its turns under round-robin", async () => {
    expect(await shareOf("round-robin")).toBeGreaterThan(0.15);
  });

  it.each(["health-aware", "peak-ewma"] as const)("gets next to nothing under %s", async (strategy) => {
    expect(await shareOf(strategy)).toBeLessThan(0.1);
  });
});

describe("a backup", () => {
  it("serves only while the others are out, and then everything", async () => {
    const [one, two, spare] = backedUp as [Origin, Origin, Origin];
    await sendFromAll("backed", 64);
    expect(spare.hits()).toBe(0);
    expect(Math.min(one.hits(), two.hits())).toBeGreaterThan(0);
    await Promise.all([one.kill(), two.kill()]);
    expect(new Set(await sendFromAll("backed", 64))).toEqual(new Set(["spare"]));
    await Promise.all([one.revive(), two.revive()]);
    const answersOfAll = async () => new Set(await sendFromAll("backed", 16)).has("spare");
    await expect.poll(answersOfAll, { interval: 500, timeout: 60_000 }).toBe(false);
  });
});
