// Registered instances and workers taken out, in the WorkerRegistry object through its stub: what lapses by itself, what is a row.

import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { LifecycleAction } from "../../src/contracts/lifecycle.ts";
import type { LeaseCall, LeaseReply } from "../../src/contracts/registry.ts";
import { callRegistry } from "../../src/objects.ts";
import { callUnder, rosterOfIds } from "../policies/balancing/isolate-calls.ts";

/** Ahead of the real clock, so that no alarm fires by itself. */
const START_MS = Date.UTC(2040, 0, 1);
const roster = rosterOfIds(["a", "b"]);

let names = 0;
function open() {
  const pool = `members-test-${++names}`;
  const stub = env.REGISTRY.getByName(`1:${pool}`);
  let callId = 0;
  const lease = async (more: Partial<LeaseCall> = {}): Promise<Extract<LeaseReply, { kind: "leased" }>> => {
    const call = callUnder(roster, { isolateId: "x", since: callId, callId: ++callId, roster, membership: 0, ...more });
    const reply = await callRegistry(env, pool, (registry) => registry.lease(call));
    if (reply.kind !== "leased") throw new Error(reply.kind);
    return reply;
  };
  const register = (id: string, ttlMs = 30_000) =>
    callRegistry(env, pool, (registry) => registry.register({ id, url: `http://${id}` }, ttlMs));
  const beat = (id: string) => callRegistry(env, pool, (registry) => registry.heartbeat(id, {}));
  const change = (action: LifecycleAction, instanceIds: string[], drainMs = 30_000) =>
    callRegistry(env, pool, (registry) =>
      registry.change({ action, instanceIds, changeId: crypto.randomUUID(), drainMs }),
    );
  const progress = (id: string) => callRegistry(env, pool, (registry) => registry.progress([id]));
  const ids = async () =>
    (await callRegistry(env, pool, (registry) => registry.status())).instances.map(({ id }) => id);
  const alarmAt = () => runInDurableObject(stub, (_, { storage }) => storage.getAlarm());
  const rows = (table: string) =>
    runInDurableObject(stub, (_, { storage }) => storage.sql.exec(`SELECT * FROM ${table}`).toArray().length);
  return { stub, lease, register, beat, change, progress, ids, alarmAt, rows };
}
const pass = (ms: number) => vi.setSystemTime(Date.now() + ms);

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: START_MS });
});
afterEach(() => {
  vi.useRealTimers();
});

describe("a registered instance", () => {
  it("survives an eviction with its place in the order, its version and its time", async () => {
    const { stub, lease, register, ids } = open();
    await lease();
    await register("z");
    await register("c");
    await register("z", 60_000);
    const { membership } = await lease();
    await evictDurableObject(stub);
    expect(await ids()).toEqual(["a", "b", "z", "c"]);
    expect((await lease()).membership).toEqual(membership);
    pass(30_000);
    expect(await ids()).toEqual(["a", "b", "z"]);
  });

  it("has lapsed for whoever asks, also a registry that slept over it, and its row goes with the alarm", async () => {
    const { stub, register, beat, alarmAt, rows, ids, lease } = open();
    await lease();
    await register("c", 5_000);
    await evictDurableObject(stub);
    pass(5_000);
    expect(await beat("c")).toMatchObject({ ok: false, code: "unknown_instance" });
    expect(await ids()).toEqual(["a", "b"]);
    await register("d", 60_000);
    pass(20_000);
    await runDurableObjectAlarm(stub);
    expect(await alarmAt()).toBe(START_MS + 65_000);
    pass(40_000);
    await runDurableObjectAlarm(stub);
    expect([await rows("registrations"), await alarmAt()]).toEqual([0, null]);
  });

  it("keeps a version that never comes again, over its end and an eviction", async () => {
    const { stub, lease, register } = open();
    await register("c", 5_000);
    pass(5_000);
    await evictDurableObject(stub);
    expect((await lease()).membership).toMatchObject({ version: 2, registered: [] });
    await register("c");
    expect((await lease()).membership?.version).toBe(3);
  });

  it("costs one row however often it is heard of", async () => {
    const { register, beat, rows } = open();
    for (let i = 0; i < 3; i++) {
      await register("c");
      expect(await beat("c")).toMatchObject({ ok: true, value: { ttlMs: 30_000, expiresAtMs: Date.now() + 30_000 } });
    }
    expect(await rows("registrations")).toBe(1);
  });
});

describe("an instance that was stopped", () => {
  it("is out over an eviction, and in again with start, of which isolates hear", async () => {
    const { stub, lease, change, progress } = open();
    await lease();
    await change("stop", ["a"]);
    await evictDurableObject(stub);
    expect((await lease()).membership).toMatchObject({ version: 1, closed: ["a"] });
    expect(await progress("a")).toMatchObject([{ state: "draining" }]);
    await change("start", ["a"]);
    await evictDurableObject(stub);
    expect((await lease()).membership).toMatchObject({ version: 2, closed: [] });
    expect(await progress("a")).toMatchObject([{ state: "in" }]);
  });

  it("goes out at its deadline by alarm, though nobody waits for it any more and something is left", async () => {
    const { stub, lease, change, progress, alarmAt } = open();
    await lease({ inFlight: [["a", 1]] });
    await change("stop", ["a"], 3_000);
    expect(await alarmAt()).toBe(START_MS + 3_000);
    pass(3_000);
    await runDurableObjectAlarm(stub);
    const state = await runInDurableObject(stub, (_, { storage }) =>
      storage.sql.exec("SELECT state FROM closings").one(),
    );
    expect(state).toEqual({ state: "out" });
    expect(await progress("a")).toMatchObject([{ state: "out", inFlight: 1 }]);
  });

  it("is not drained for a registry that was evicted until whoever has something in flight must have said so", async () => {
    const { stub, lease, change, progress } = open();
    await lease({ inFlight: [["a", 1]] });
    await evictDurableObject(stub);
    await change("stop", ["a"]);
    expect(await progress("a")).toMatchObject([{ state: "draining", inFlight: 0, unheard: 1 }]);
    pass(7_000);
    expect(await progress("a")).toMatchObject([{ state: "out", unheard: 0 }]);
  });

  it("is drained at once where nobody has called since all was at rest, and where nobody ever has", async () => {
    const rested = open();
    await rested.lease();
    pass(20_000);
    await runDurableObjectAlarm(rested.stub);
    await evictDurableObject(rested.stub);
    expect(await rested.change("stop", ["a"])).toMatchObject([{ state: "out", inFlight: 0, unheard: 0 }]);
    const unused = open();
    expect(await unused.change("stop", ["a"])).toMatchObject([{ state: "out", unheard: 0 }]);
    // Somebody has called since: rest is over.
    await rested.lease();
    await evictDurableObject(rested.stub);
    expect(await rested.change("restart", ["b"])).toMatchObject([{ state: "draining", unheard: 1 }]);
  });
});
