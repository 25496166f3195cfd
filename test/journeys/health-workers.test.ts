// An instance that probes find unhealthy, through four isolates of a real plane: out for all of them while traffic never saw it fail, and in
// again when it is well. And what anyone is told of it.

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { RegistryStatus } from "../../src/contracts/registry.ts";
import type { HealthEvent } from "../../src/policies/health/health-history.ts";
import type { WorkersReport } from "../../src/policies/health/workers-report.ts";
import { startOrigin } from "./origin.ts";
import { ADMIN_SECRET, type Plane, startPlane } from "./plane.ts";

const ISOLATES = [0, 1, 2, 3];
/** From the moment the registry has heard of it. */
const KNOWN_EVERYWHERE_MS = 1_000;
const FOUND_WITHIN_MS = 20_000;
const HEALTH = { path: "/probe", intervalMs: 1_000, timeoutMs: 500 };

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  await Promise.all(ends.splice(0).map((end) => end()));
});

/** Answers requests always, and probes as long as it is told to be well: what only probes can see. */
async function startPatient(id: string, patient = { isSick: false }) {
  let hits = 0;
  const server = createServer((request, response) => {
    const isProbe = request.url === HEALTH.path;
    if (!isProbe) hits++;
    response.writeHead(isProbe && patient.isSick ? 503 : 200).end(id);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  ends.push(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { id, url, patient, hits: () => hits };
}
type Patient = Awaited<ReturnType<typeof startPatient>>;

async function start(instances: readonly { readonly id: string; readonly url: string }[], more: object = {}) {
  const listed = instances.map(({ id, url }) => ({ id, url }));
  const plane = await startPlane({
    isolates: ISOLATES.length,
    config: {
      log: { sampleRate: 0 },
      pools: { all: { instances: listed, health: HEALTH, ...more } },
      routes: [{ id: "all", pool: "all" }],
    },
  });
  ends.push(plane.stop);
  return plane;
}

async function ask<T>(plane: Plane, path: string, headers: Record<string, string> = {}): Promise<T> {
  const response = await fetch(`${plane.url()}${path}`, { headers });
  expect(response.status).toBe(200);
  return (await response.json()) as T;
}
const asAdmin = { "X-Admin-Secret": ADMIN_SECRET };

async function statusOf(plane: Plane): Promise<RegistryStatus> {
  const { pools } = await ask<{ pools: RegistryStatus[] }>(plane, "/balancer/status", asAdmin);
  const [status] = pools;
  if (status === undefined) throw new Error("no pool");
  return status;
}

/** Until the registry's status is as it should be, doing something meanwhile. */
async function until(
  plane: Plane,
  isSo: (status: RegistryStatus) => boolean,
  meanwhile: () => Promise<unknown> = () => delay(20),
): Promise<RegistryStatus> {
  const deadline = Date.now() + FOUND_WITHIN_MS;
  for (;;) {
    const status = await statusOf(plane);
    if (isSo(status)) return status;
    if (Date.now() > deadline) throw new Error(JSON.stringify(status));
    await meanwhile();
  }
}
const whenFound = (plane: Plane, ...ids: string[]) =>
  until(plane, ({ unhealthy, probed }) => unhealthy.join() === ids.join() && probed.length > 0);

async function get(plane: Plane, isolate: number): Promise<string> {
  const response = await fetch(`${plane.url(isolate)}/x`);
  expect(response.status).toBe(200);
  return await response.text();
}

/** `each` requests through every isolate, one at a time in each. */
async function sendThroughAll(plane: Plane, each: number): Promise<void> {
  for (let sent = 0; sent < each; sent++) await Promise.all(ISOLATES.map((isolate) => get(plane, isolate)));
}

/** Until every isolate must know: requests go on through these, and are not counted. */
async function letAllKnow(plane: Plane, isolates: readonly number[]): Promise<void> {
  const end = Date.now() + KNOWN_EVERYWHERE_MS;
  while (Date.now() < end) await Promise.all([...isolates.map((isolate) => get(plane, isolate)), delay(20)]);
}

const patients = (...ids: string[]): Promise<Patient[]> => Promise.all(ids.map((id) => startPatient(id)));

describe("an instance that fails its probes", () => {
  it.each(["round-robin", "least-connections"])(
    "is passed over by all isolates within a second (%s), idle ones included, though no request failed on it; and is in again once it answers them",
    async (strategy) => {
      const all = await patients("a", "b", "c", "bad");
      const bad = all[3] as Patient;
      const plane = await start(all, { strategy });
      await sendThroughAll(plane, 10);
      expect(bad.hits()).toBeGreaterThan(0);
      bad.patient.isSick = true;
      expect((await whenFound(plane, "bad")).ejected).toEqual([]);
      await letAllKnow(plane, [0]);
      const hits = bad.hits();
      await sendThroughAll(plane, 25);
      expect(bad.hits()).toBe(hits);
      bad.patient.isSick = false;
      await whenFound(plane);
      await letAllKnow(plane, ISOLATES);
      const before = bad.hits();
      await sendThroughAll(plane, 25);
      expect(bad.hits()).toBeGreaterThan(before);
    },
  );

  it("is told of to anyone as unhealthy and to operators with its history, and sound ones as healthy", async () => {
    const [a, bad] = (await patients("a", "bad")) as [Patient, Patient];
    bad.patient.isSick = true;
    const plane = await start([a, bad]);
    await sendThroughAll(plane, 1);
    await whenFound(plane, "bad");
    const told = await ask<WorkersReport>(plane, "/health/workers");
    expect(told).toEqual({
      status: "degraded",
      workers: {
        "all:a": { status: "healthy", responseTime: expect.any(Number) },
        "all:bad": { status: "unhealthy", responseTime: expect.anything() },
      },
    });
    expect(JSON.stringify(told)).not.toContain("127.0.0.1");
    const { transitions } = await ask<{ transitions: HealthEvent[] }>(plane, "/api/super/health/all/history", asAdmin);
    expect(transitions.filter(({ instance }) => instance === "bad")).toMatchObject([{ state: "unhealthy" }]);
    expect(transitions.filter(({ instance }) => instance === "a")).toMatchObject([{ state: "healthy" }]);
    type Listed = { pools: { instances: { id: string; status: string }[] }[] };
    const { pools } = await ask<Listed>(plane, "/admin/workers", asAdmin);
    expect(pools[0]?.instances.map(({ id, status }) => [id, status])).toEqual([
      ["a", "healthy"],
      ["bad", "unhealthy"],
    ]);
  });

  it("is sent to all the same when more than half of the pool fails them, and not any more when enough are well", async () => {
    const all = await patients("a", "b", "c");
    const [a, b, c] = all as [Patient, Patient, Patient];
    for (const { patient } of [b, c]) patient.isSick = true;
    const plane = await start(all);
    await sendThroughAll(plane, 1);
    expect((await whenFound(plane, "b", "c")).panic).toBe(true);
    await letAllKnow(plane, ISOLATES);
    const before = [a, b, c].map(({ hits }) => hits());
    await sendThroughAll(plane, 10);
    expect([a, b, c].map(({ hits }, i) => hits() > (before[i] ?? 0))).toEqual([true, true, true]);
    expect((await ask<WorkersReport>(plane, "/health/workers")).status).toBe("degraded");
    c.patient.isSick = false;
    expect((await whenFound(plane, "b")).panic).toBe(false);
    await letAllKnow(plane, ISOLATES);
    const hits = b.hits();
    await sendThroughAll(plane, 10);
    expect(b.hits()).toBe(hits);
  });
});

describe("GET /health/workers of a pool that nobody probes", () => {
  it("tells who is ejected as unhealthy, and nobody before", async () => {
    const gone = await startOrigin("gone");
    const sound = await startOrigin("sound");
    await gone.kill();
    ends.push(sound.kill);
    const plane = await start([gone, sound], { health: undefined });
    const report = () => ask<WorkersReport>(plane, "/health/workers");
    const healthy = { status: "healthy", responseTime: null };
    expect(await report()).toEqual({ status: "healthy", workers: { "all:gone": healthy, "all:sound": healthy } });
    await until(
      plane,
      ({ ejected }) => ejected.length > 0,
      () => sendThroughAll(plane, 2),
    );
    expect((await statusOf(plane)).ejected.map(({ instanceId }) => instanceId)).toEqual(["gone"]);
    const bad = { status: "unhealthy", responseTime: null };
    await vi.waitFor(
      async () =>
        expect(await report()).toEqual({ status: "degraded", workers: { "all:gone": bad, "all:sound": healthy } }),
      { timeout: 5_000, interval: 100 },
    );
  });
});
