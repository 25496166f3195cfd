// Active probes over real processes: who is taken for unhealthy and when, who is never asked, and that a kill -9 forgets nothing.

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { RegistryStatus } from "../../src/contracts/registry.ts";
import { type Origin, startOrigin } from "./origin.ts";
import { ADMIN_SECRET, findFreePorts, makeScratchDir, type Plane, type StartOptions, startPlane } from "./plane.ts";

const HEALTH = { path: "/status/200", intervalMs: 1_000, timeoutMs: 300 };
const SOON = { timeout: 20_000, interval: 50 };
const asAdmin = { "X-Admin-Secret": ADMIN_SECRET };

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  await Promise.all(ends.splice(0).map((end) => end()));
});

const poolOf = (origins: readonly { readonly id: string; readonly url: string }[], health?: object) => ({
  instances: origins.map(({ id, url }) => ({ id, url })),
  ...(health && { health }),
});
const documentOf = (pools: object) => ({
  log: { sampleRate: 0 },
  pools,
  routes: [{ id: "all", pool: Object.keys(pools)[0] }],
});

async function origins(...ids: readonly string[]): Promise<Origin[]> {
  const started = await Promise.all(ids.map((id) => startOrigin(id)));
  for (const { kill } of started) ends.push(kill);
  return started;
}

/** A plane that has had its first request: the configuration of a new one is not looked at before. */
async function start(pools: object, options: StartOptions = {}): Promise<Plane> {
  const plane = await startPlane({ config: documentOf(pools), ...options });
  ends.push(plane.stop);
  await unhealthyIn(plane);
  return plane;
}

async function ask<T>(plane: Plane, path: string): Promise<T> {
  const response = await fetch(`${plane.url()}${path}`, { headers: asAdmin, signal: AbortSignal.timeout(5_000) });
  expect(response.status).toBe(200);
  return (await response.json()) as T;
}

const unhealthyIn = async (plane: Plane): Promise<readonly string[]> => {
  const { pools } = await ask<{ pools: RegistryStatus[] }>(plane, "/balancer/status");
  return pools.flatMap(({ unhealthy }) => unhealthy);
};
type Transition = { at: string; instance: string; from: string; state: string; why: string };
const transitionsOf = async (plane: Plane, instance: string): Promise<Transition[]> => {
  const { transitions } = await ask<{ transitions: Transition[] }>(plane, "/api/super/health/all/history");
  return transitions.filter((one) => one.instance === instance);
};
const changesOf = async (plane: Plane, instance: string): Promise<string[]> =>
  (await transitionsOf(plane, instance)).map(({ from, state }) => `${from} ${state}`);

const untilProbed = (...probed: readonly Origin[]) =>
  vi.waitFor(() => expect(probed.every((origin) => origin.hits() > 0)).toBe(true), SOON);
/** Until the registry knows just these as unhealthy. */
const untilUnhealthy = (plane: Plane, ids: readonly string[]) =>
  vi.waitFor(async () => expect(await unhealthyIn(plane)).toEqual(ids), SOON);

/** An origin that can stop to answer while it goes on accepting; `hits` while it does so. */
async function startMute(id: string) {
  let isMute = false;
  let muteHits = 0;
  const server = createServer((_, response) => {
    if (isMute) muteHits++;
    else response.writeHead(200).end("ok");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  ends.push(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return {
    id,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    muteHits: () => muteHits,
    setMute: (mute: boolean) => {
      isMute = mute;
    },
  };
}

describe("an origin", () => {
  it("that is killed is unhealthy after three probes, and healthy again after two", async () => {
    const [a, b] = (await origins("a", "b")) as [Origin, Origin];
    const plane = await start({ all: poolOf([a, b], HEALTH) });
    await untilProbed(a, b);
    await vi.waitFor(async () => expect(await changesOf(plane, "a")).toEqual(["unknown healthy"]), SOON);
    await a.kill();
    await untilUnhealthy(plane, ["a"]);
    const [fell] = await transitionsOf(plane, "a");
    expect(fell).toMatchObject({ from: "healthy", state: "unhealthy" });
    expect(fell?.why).toMatch(/^3 failed in a row: no answer/);
    await a.revive();
    await untilUnhealthy(plane, []);
    const [rose] = await transitionsOf(plane, "a");
    expect(rose?.why).toMatch(/^2 in a row: answered 200/);
    expect(await changesOf(plane, "a")).toEqual(["unhealthy healthy", "healthy unhealthy", "unknown healthy"]);
    expect(await changesOf(plane, "b")).toEqual(["unknown healthy"]);
    expect(plane.stdout() + plane.stderr()).toMatch(/"instance fails its probes".*"instance":"a","failures":2/);
  });

  it("that accepts and never answers likewise", async () => {
    const mute = await startMute("mute");
    const [b] = (await origins("b")) as [Origin];
    const plane = await start({ all: poolOf([mute, b], HEALTH) });
    await vi.waitFor(async () => expect(await changesOf(plane, "mute")).toEqual(["unknown healthy"]), SOON);
    mute.setMute(true);
    await untilUnhealthy(plane, ["mute"]);
    expect((await transitionsOf(plane, "mute"))[0]?.why).toMatch(/^3 failed in a row: no answer in \d+ ms$/);
    expect(mute.muteHits()).toBeGreaterThanOrEqual(3);
    mute.setMute(false);
    await untilUnhealthy(plane, []);
    expect(await changesOf(plane, "mute")).toEqual(["unhealthy healthy", "healthy unhealthy", "unknown healthy"]);
  });

  it("of a pool without health is never probed, however often its neighbours are", async () => {
    const [probed, quiet] = (await origins("probed", "quiet")) as [Origin, Origin];
    await start({ all: poolOf([probed], HEALTH), other: poolOf([quiet]) });
    await vi.waitFor(() => expect(probed.hits()).toBeGreaterThanOrEqual(4), SOON);
    expect(quiet.hits()).toBe(0);
  });
});

describe("a change of the configuration", () => {
  const put = async (plane: Plane, pools: object): Promise<void> => {
    const response = await fetch(`${plane.url()}/api/super/config`, {
      method: "PUT",
      headers: { ...asAdmin, "Content-Type": "application/json" },
      body: JSON.stringify(documentOf(pools)),
    });
    expect(response.status).toBe(200);
  };

  it("that brings health begins probing, and one that takes it away ends it and the verdict with it", async () => {
    const [a, b] = (await origins("a", "b")) as [Origin, Origin];
    const plane = await start({ all: poolOf([a]), other: poolOf([b], HEALTH) });
    await untilProbed(b);
    expect(a.hits()).toBe(0);
    await put(plane, { all: poolOf([a], { ...HEALTH, path: "/status/500", retries: 1 }), other: poolOf([b], HEALTH) });
    await untilUnhealthy(plane, ["a"]);
    await put(plane, { all: poolOf([a]), other: poolOf([b], HEALTH) });
    await untilUnhealthy(plane, []);
    const hits = a.hits();
    const others = b.hits();
    await vi.waitFor(() => expect(b.hits()).toBeGreaterThanOrEqual(others + 4), SOON);
    expect(a.hits()).toBe(hits);
  });
});

describe("a plane that is killed", () => {
  it("knows afterwards what it knew, and goes on probing without being asked", async () => {
    const [a, b] = (await origins("a", "b")) as [Origin, Origin];
    const stateDir = makeScratchDir();
    const port = await findFreePorts(1);
    const options = { stateDir, port };
    const pools = { all: poolOf([a, b], HEALTH) };
    const first = await start(pools, options);
    await untilProbed(a, b);
    await a.kill();
    await untilUnhealthy(first, ["a"]);
    const before = await transitionsOf(first, "a");
    await first.kill9();
    const hits = b.hits();
    const second = await startPlane({ config: documentOf(pools), ...options });
    ends.push(second.stop);
    await vi.waitFor(() => expect(b.hits()).toBeGreaterThan(hits), SOON);
    expect(await unhealthyIn(second)).toEqual(["a"]);
    expect(await transitionsOf(second, "a")).toEqual(before);
    await a.revive();
    await untilUnhealthy(second, []);
    expect((await changesOf(second, "a"))[0]).toBe("unhealthy healthy");
  });

  it("as soon as a configuration is stored has its monitors told all the same", async () => {
    const [a] = (await origins("a")) as [Origin];
    const stateDir = makeScratchDir();
    const port = await findFreePorts(1);
    const file = documentOf({ all: poolOf([a]) });
    const first = await startPlane({ config: file, stateDir, port });
    ends.push(first.kill9);
    expect(a.hits()).toBe(0);
    const stored = await fetch(`${first.url()}/api/super/config`, {
      method: "PUT",
      headers: { ...asAdmin, "Content-Type": "application/json" },
      body: JSON.stringify(documentOf({ all: poolOf([a], HEALTH) })),
    });
    expect(stored.status).toBe(200);
    await first.kill9();
    const hits = a.hits();
    const second = await startPlane({ config: file, stateDir, port });
    ends.push(second.stop);
    await vi.waitFor(() => expect(a.hits()).toBeGreaterThan(hits), SOON);
  });
});
