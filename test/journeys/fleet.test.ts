// Several isolates that share one truth: turns, sessions, configuration. And what is left of it after a kill.

import { mkdirSync } from "node:fs";
import path from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import WebSocket from "ws";
import { withGenerousLimits } from "../generous-limits.ts";
import { type Origin, startOrigin } from "./origin.ts";
import { ADMIN_SECRET, makeScratchDir, type Plane, startPlane } from "./plane.ts";

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  await Promise.all(ends.splice(0).map((end) => end()));
});

async function startOrigins(count: number): Promise<Origin[]> {
  const origins = await Promise.all(Array.from({ length: count }, (_, index) => startOrigin(`o${index}`)));
  ends.push(...origins.map((origin) => origin.kill));
  return origins;
}

async function start(options: Parameters<typeof startPlane>[0]): Promise<Plane> {
  const plane = await startPlane(options);
  ends.push(plane.stop);
  return plane;
}

const document = (origins: readonly Origin[], more: object = {}) => ({
  domain: "sonr.id",
  log: { sampleRate: 0 },
  pools: { all: { instances: origins.map(({ id, url }) => ({ id, url })), ...more } },
  routes: [
    { id: "members", path: "/members/*", pool: "all", auth: "required" },
    { id: "strict", path: "/strict/*", pool: "all", auth: "required", sessionFreshnessMs: 0 },
    { id: "all", pool: "all" },
  ],
});

const admin = { "X-Admin-Secret": ADMIN_SECRET, "Content-Type": "application/json" };

async function call<T>(
  plane: Plane,
  verb: string,
  where: string,
  options: { body?: unknown; isolate?: number; status?: number } = {},
): Promise<T> {
  const { body, isolate = 0, status = 200 } = options;
  const response = await fetch(`${plane.url(isolate)}${where}`, {
    method: verb,
    headers: admin,
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  expect([response.status, text]).toEqual([status, text]);
  return JSON.parse(text) as T;
}

async function signIn(plane: Plane): Promise<{ id: string; cookie: string }> {
  const response = await fetch(`${plane.url()}/api/super/sessions`, {
    method: "POST",
    headers: admin,
    body: JSON.stringify({ userId: "u1", username: "alice" }),
  });
  const cookie = response.headers.getSetCookie()[0]?.split(";")[0] ?? "";
  return { id: ((await response.json()) as { id: string }).id, cookie };
}

const statusOf = async (url: string, cookie: string): Promise<number> => {
  const response = await fetch(url, { headers: { Cookie: cookie } });
  await response.arrayBuffer();
  return response.status;
};

/** `total` GETs from every isolate at once, a few at a time each. */
async function sendFromAll(plane: Plane, isolates: number, total: number): Promise<void> {
  const lanes = Array.from({ length: isolates * 4 }, async (_, lane) => {
    for (let sent = 0; sent < total / (isolates * 4); sent++) {
      const response = await fetch(`${plane.url(lane % isolates)}/x`);
      expect(response.status).toBe(200);
      await response.arrayBuffer();
    }
  });
  await Promise.all(lanes);
}

type Status = {
  pools: { pool: string; issued: number; used: number; outstanding: { count: number; used: number }[] }[];
};

describe("four isolates", () => {
  it("take turns as one: no instance is ahead by more than the positions that are out", async () => {
    const origins = await startOrigins(4);
    const plane = await start({ isolates: 4, config: document(origins) });
    await sendFromAll(plane, 4, 10_000);
    const hits = origins.map((origin) => origin.hits());
    expect(hits.reduce((sum, count) => sum + count, 0)).toBe(10_000);
    const { pools } = await call<Status>(plane, "GET", "/balancer/status");
    const outstanding = pools.find(({ pool }) => pool === "all")?.outstanding ?? [];
    const unspent = outstanding.reduce((sum, range) => sum + range.count - range.used, 0);
    expect(Math.max(...hits) - Math.min(...hits)).toBeLessThanOrEqual(unspent + 1);
  });

  it("know of a revocation within the bound, and a strict route at once", async () => {
    const plane = await start({ isolates: 4, config: document(await startOrigins(1)) });
    const { id, cookie } = await signIn(plane);
    for (const isolate of [0, 1, 2, 3]) {
      expect(await statusOf(`${plane.url(isolate)}/members/x`, cookie)).toBe(200);
      expect(await statusOf(`${plane.url(isolate)}/strict/x`, cookie)).toBe(200);
    }
    await call(plane, "DELETE", `/api/super/sessions/${id}`);
    const answeredAt = Date.now();
    for (const isolate of [0, 1, 2, 3]) expect(await statusOf(`${plane.url(isolate)}/strict/x`, cookie)).toBe(401);
    for (const isolate of [0, 1, 2, 3]) {
      await expect
        .poll(() => statusOf(`${plane.url(isolate)}/members/x`, cookie), { interval: 20, timeout: 5_000 })
        .toBe(401);
    }
    expect(Date.now() - answeredAt).toBeLessThan(10_000);
    expect(await statusOf(`${plane.url(1)}/api/session`, cookie)).toBe(401);
  });

  it("act on a changed configuration within the bound, and refuse a bad one with nothing changed", async () => {
    const [one, two] = (await startOrigins(2)) as [Origin, Origin];
    const plane = await start({ isolates: 4, config: { ...document([one]), configFreshnessMs: 300 } });
    await sendFromAll(plane, 4, 16);
    expect([one.hits(), two.hits()]).toEqual([16, 0]);
    await call(plane, "PUT", "/api/super/config", {
      body: withGenerousLimits({ ...document([two]), configFreshnessMs: 300 }),
    });
    const servedBy = async (isolate: number) =>
      ((await (await fetch(`${plane.url(isolate)}/x`)).json()) as { origin: string }).origin;
    for (const isolate of [0, 1, 2, 3])
      await expect.poll(() => servedBy(isolate), { interval: 20, timeout: 1_000 }).toBe(two.id);
    const bad = {
      ...document([two]),
      routes: [{ id: "r", pool: "nowhere" }],
      pools: { p: { instances: [{ id: "i", binding: "NO_SUCH" }] } },
    };
    const refusal = await call<{ code: string; problems: { path: string }[] }>(plane, "PUT", "/api/super/config", {
      body: bad,
      status: 400,
    });
    expect(refusal.code).toBe("invalid_config");
    expect(refusal.problems.map((problem) => problem.path).toSorted()).toEqual([
      "pools.p.instances[0].binding",
      "routes[0].pool",
    ]);
    expect(await servedBy(2)).toBe(two.id);
  });
});

describe("what is under way", () => {
  it("is not touched by configuration changes: sockets and streams live on", async () => {
    const origins = await startOrigins(1);
    const plane = await start({ config: { ...document(origins), configFreshnessMs: 100 } });
    const sockets = await Promise.all(
      Array.from({ length: 20 }, async () => {
        const socket = new WebSocket(`${plane.url().replace("http", "ws")}/socket`);
        await new Promise((resolve, reject) => socket.once("message", resolve).once("error", reject));
        return socket;
      }),
    );
    const stream = await fetch(`${plane.url()}/sse/30`);
    for (let change = 1; change <= 10; change++) {
      await call(plane, "PATCH", "/api/super/config", { body: { sessionFreshnessMs: 1_000 + change } });
      await (await fetch(`${plane.url()}/x`)).arrayBuffer();
    }
    expect((await stream.text()).match(/^id: /gm)).toHaveLength(30);
    const echoes = sockets.map(async (socket) => {
      const answer = new Promise((resolve) => socket.once("message", (data) => resolve(data.toString())));
      socket.send("still here");
      return await answer;
    });
    expect(new Set(await Promise.all(echoes))).toEqual(new Set(["still here"]));
    for (const socket of sockets) socket.close();
  });
});

describe("kill -9 of everything", () => {
  it("loses nothing that was acknowledged: configuration, history, audit, sessions, revocations", async () => {
    const stateDir = path.join(makeScratchDir(), "state");
    mkdirSync(stateDir);
    const origins = await startOrigins(1);
    const config = document(origins);
    const first = await startPlane({ stateDir, isolates: 2, config });
    const kept = await signIn(first);
    const revoked = await signIn(first);
    await call(first, "DELETE", `/api/super/sessions/${revoked.id}`);
    let version = 0;
    for (let change = 1; change <= 5; change++) {
      version = (
        await call<{ version: number }>(first, "PATCH", "/api/super/config", {
          body: { sessionFreshnessMs: 500 + change },
        })
      ).version;
    }
    await first.kill9();
    const second = await startPlane({ stateDir, isolates: 2, port: first.port, config });
    ends.push(second.stop);
    expect(await call(second, "GET", "/api/super/config")).toMatchObject({ sessionFreshnessMs: 505 });
    const history = await call<{ versions: { version: number }[] }>(second, "GET", "/api/super/config/history");
    expect(history.versions[0]?.version).toBe(version);
    expect(await call(second, "GET", "/api/super/audit/verify")).toMatchObject({ intact: true });
    expect(await statusOf(`${second.url(1)}/members/x`, kept.cookie)).toBe(200);
    expect(await statusOf(`${second.url(1)}/members/x`, revoked.cookie)).toBe(401);
  });

  it("at a random moment under changes keeps every change that was answered", async () => {
    const stateDir = path.join(makeScratchDir(), "state");
    mkdirSync(stateDir);
    const config = document(await startOrigins(1));
    let plane = await startPlane({ stateDir, config });
    for (let kill = 0; kill < 3; kill++) {
      let answered = -1;
      const changing = (async () => {
        for (let change = 0; change < 500; change++) {
          await call(plane, "PATCH", "/api/super/config", { body: { sessionFreshnessMs: change } });
          answered = change;
        }
      })().catch(() => undefined);
      await expect.poll(() => answered, { interval: 5, timeout: 10_000 }).toBeGreaterThan(5 + kill * 7);
      await plane.kill9();
      await changing;
      plane = await startPlane({ stateDir, port: plane.port, config });
      const { sessionFreshnessMs } = await call<{ sessionFreshnessMs: number }>(plane, "GET", "/api/super/config");
      expect([answered, answered + 1]).toContain(sessionFreshnessMs);
      expect(await call(plane, "GET", "/api/super/audit/verify")).toMatchObject({ intact: true });
    }
    ends.push(plane.stop);
  });
});
