// The fleet's administration through real processes: two isolates, an agent with commands that run, a bucket on disk, and kill -9 of
// the plane in the middle of a bulk restart.

import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { copySimulator } from "../../scripts/start/bucket-simulator.ts";
import { bundleWorkers } from "../../scripts/start/bundle-workers.ts";
import { edgeName, workerdConfig } from "../../scripts/start/workerd-config.ts";
import { launchWorkerd } from "../../scripts/start/workerd-process.ts";
import { countLines, ended, post } from "./exec-plane.ts";
import { ADMIN_SECRET, findFreePorts, makeScratchDir, type Plane, startPlane } from "./plane.ts";

const ROOT = path.resolve(import.meta.dirname, "../..");
const USERS = ["ada", "ben", "cid", "dot"] as const;

type Told = Readonly<Record<string, unknown>>;
type Call = { readonly body?: unknown; readonly isolate?: number; readonly headers?: Readonly<Record<string, string>> };

async function send(plane: Plane, method: string, where: string, call: Call = {}): Promise<Response> {
  const { body, isolate = 0, headers } = call;
  return await fetch(`${plane.url(isolate)}/api/super${where}`, {
    method,
    headers: { "X-Admin-Secret": ADMIN_SECRET, "Content-Type": "application/json", ...headers },
    ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
    signal: AbortSignal.timeout(15_000),
  });
}
async function ask<T = Told>(plane: Plane, method: string, where: string, call: Call = {}): Promise<T> {
  const response = await send(plane, method, where, call);
  const text = await response.text();
  expect([response.ok, text]).toEqual([true, text]);
  return JSON.parse(text) as T;
}

/** Stores objects in the bucket of a state folder that no plane runs on, as an executor would. */
async function store(stateDir: string, keys: readonly string[]): Promise<void> {
  const build = makeScratchDir();
  const buckets = path.join(stateDir, "buckets");
  mkdirSync(buckets, { recursive: true });
  const writer = {
    name: "bucket-writer",
    entry: path.join(ROOT, "test/journeys/fixtures/bucket-writer.ts"),
    compatibilityDate: "2026-08-01",
    compatibilityFlags: [],
    bindings: [{ kind: "bucket", name: "BACKUPS", bucket: "signalbox-backups" }],
  } as const;
  await bundleWorkers([writer], build);
  copySimulator(build);
  const port = await findFreePorts(1);
  const configFile = path.join(build, "config.capnp");
  writeFileSync(configFile, workerdConfig({ plane: writer, backends: [], ports: [port], objects: build, buckets }));
  const sockets = [edgeName(0)];
  const workerd = launchWorkerd({
    configFile,
    sockets,
    secrets: new Map(),
    experimental: true,
    record: () => undefined,
  });
  try {
    expect(await workerd.listening).toBe(true);
    for (const key of keys) {
      const stored = await fetch(`http://127.0.0.1:${port}/${key}`, { method: "PUT", body: "backup" });
      expect(stored.status).toBe(200);
    }
  } finally {
    await workerd.end();
  }
}

/** Says once that it was told to end. */
const COMMAND = "trap 'echo told >> ended; exit 0' TERM; echo up >> begun; while :; do sleep 0.05; done";
const times = (plane: Plane, userId: string, file: string, line: string) =>
  countLines(plane, userId, file).get(line) ?? 0;

async function begin(plane: Plane, userId: string): Promise<string> {
  const before = times(plane, userId, "begun", "up");
  const { execId } = await post(plane, userId, { command: COMMAND, timeout: 120_000 });
  await expect.poll(() => times(plane, userId, "begun", "up"), { interval: 20, timeout: 15_000 }).toBe(before + 1);
  return execId;
}

type Job = Told & {
  readonly status: string;
  readonly progress: Readonly<Record<string, number>>;
  readonly users: Told[];
};

describe("the fleet", () => {
  it("is restarted once each through a kill -9, loses no update, and tells of states and backups", async () => {
    const stateDir = path.join(makeScratchDir(), "state");
    await store(stateDir, ["users/ada/notes.md", "users/ben/backup.tar.gz"]);
    let plane = await startPlane({ isolates: 2, stateDir, agent: true });
    try {
      for (const [n, id] of USERS.entries())
        await ask(plane, "PUT", `/users/${id}`, { body: { name: `Name of ${id}`, tier: 2 }, isolate: n % 2 });

      expect(await ask(plane, "GET", "/users/ada/r2-status", { isolate: 1 })).toMatchObject({
        ...{ backupFormat: "files", hasBackup: true, sizeBytes: 6, minutesSinceSync: 0, healthy: true },
      });
      expect(await ask(plane, "GET", "/r2-health")).toMatchObject({ summary: { total: 4, healthy: 2, missing: 2 } });

      const before = new Map<string, string>();
      for (const id of USERS) before.set(id, await begin(plane, id));
      expect(await ask(plane, "GET", "/state/dashboard")).toMatchObject({ summary: { total: 4, active: 4, error: 0 } });

      const { pollUrl } = await ask(plane, "POST", "/bulk/restart", { body: { delayMs: 400 }, isolate: 1 });
      const where = String(pollUrl).replace("/api/super", "");
      const job = (): Promise<Job> => ask<Job>(plane, "GET", where);
      await expect.poll(async () => (await job()).progress.restarted, { interval: 20, timeout: 20_000 }).toBe(1);
      await plane.kill9();
      plane = await startPlane({ isolates: 2, stateDir, agent: true, port: plane.port });
      const survivor = await begin(plane, "ada");
      await expect.poll(async () => (await job()).status, { interval: 50, timeout: 40_000 }).toBe("completed");

      expect(await job()).toMatchObject({ progress: { total: 4, restarted: 4, failed: 0, skipped: 0 } });
      for (const id of USERS) {
        expect([id, (await ended(plane, id, before.get(id) ?? "")).status]).toEqual([id, "cancelled"]);
        expect([id, times(plane, id, "ended", "told")]).toEqual([id, 1]);
        expect(await ask(plane, "GET", `/users/${id}`)).toMatchObject({ restartedAt: expect.any(Number) });
      }
      // Accepted after its user's restart: nothing has ended it.
      expect(await ask(plane, "GET", "/users/ada/state/v2", { isolate: 1 })).toMatchObject({
        ...{ state: "active", runningExecs: 1, lastSyncAt: expect.any(Number) },
      });
      await send(plane, "DELETE", `/users/ada/exec/${survivor}`);
      await ended(plane, "ada", survivor);
      expect(await ask(plane, "GET", "/state/dashboard")).toMatchObject({ summary: { total: 4, idle: 4 } });

      await loseNoUpdate(plane);
      await stayHarmless(plane);
      expect(await ask(plane, "GET", "/audit/verify")).toMatchObject({ intact: true });
    } finally {
      await plane.stop();
    }
  });
});

/** Eight clients at two isolates add to one number, each by what it has read. */
async function loseNoUpdate(plane: Plane): Promise<void> {
  const config = "/users/ada/config";
  let stale = 0;
  const add = async (isolate: number): Promise<void> => {
    for (;;) {
      const read = await send(plane, "GET", config, { isolate });
      const { sum = 0 } = (await read.json()) as { sum?: number };
      const headers = { "If-Match": read.headers.get("ETag") ?? "" };
      const written = await send(plane, "PATCH", config, { body: { sum: sum + 1 }, isolate, headers });
      await written.arrayBuffer();
      if (written.status === 200) return;
      expect(written.status).toBe(412);
      stale++;
    }
  };
  await Promise.all(
    Array.from({ length: 8 }, async (_, client) => {
      for (let n = 0; n < 5; n++) await add(client % 2);
    }),
  );
  expect(await ask(plane, "GET", config)).toEqual({ sum: 40 });
  expect(stale).toBeGreaterThan(0);
}

async function stayHarmless(plane: Plane): Promise<void> {
  const patch = '{"__proto__":{"isAdmin":true},"sum":null}';
  for (const [method, where, body] of [
    ["PATCH", "/users/ada/config", patch],
    ["POST", "/bulk/config-patch", `{"patch":${patch}}`],
  ] as const) {
    const refused = await send(plane, method, where, { body });
    expect([refused.status, ((await refused.json()) as Told).code]).toEqual([400, "invalid_body"]);
  }
  const bulk = await ask<{ results: Told[] }>(plane, "POST", "/bulk/config-patch", { body: { patch: { on: true } } });
  expect(bulk.results).toMatchObject(USERS.map((userId) => ({ userId, ok: true, changed: true })));
  expect(await ask(plane, "GET", "/users/ada/config")).toEqual({ sum: 40, on: true });
  expect(await ask(plane, "GET", "/users/ben/config", { isolate: 1 })).toEqual({ on: true });
  const { versions } = await ask<{ versions: Told[] }>(plane, "GET", "/users/ben/config/history");
  expect(versions).toMatchObject([{ version: 1, source: "patch" }]);
}
