// A pool's autoscale through its registry's stub: who is held back, what an alarm decides, what survives an eviction, and whom the webhook tells.

import { evictDurableObject, runDurableObjectAlarm } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { AutoscaleStatus, ScaleSettings } from "../../src/contracts/autoscale.ts";
import type { LeaseCall, LeaseReply, Roster } from "../../src/contracts/registry.ts";
import { callRegistry } from "../../src/objects.ts";
import { scaleSettingsOf } from "../../src/policies/autoscale/scale-settings.ts";
import { callUnder, rosterOfIds } from "../policies/balancing/isolate-calls.ts";

type Leased = Extract<LeaseReply, { kind: "leased" }>;

/** Ahead of the real clock, so that no alarm fires by itself. */
const START_MS = Date.UTC(2041, 0, 1);
const HOOK = "https://scaler.example/hook";
const bounds = { min: 1, max: 3, downDelayMs: 0 };
const standby = scaleSettingsOf(bounds, { scaledBy: "standby", standby: ["b", "c"] });
const webhook = scaleSettingsOf({ ...bounds, webhook: { url: HOOK } }, { scaledBy: "webhook", standby: [] });
const withScaling = (autoscale: ScaleSettings, ids = ["a", "b", "c"]): Roster => rosterOfIds(ids, { autoscale });

let names = 0;
function open(roster: Roster) {
  const pool = `scaling-test-${++names}`;
  const stub = env.REGISTRY.getByName(`1:${pool}`);
  const send = (call: LeaseCall): Promise<LeaseReply> => callRegistry(env, pool, (registry) => registry.lease(call));
  let callId = 0;
  /** A call of an isolate that knows of members, with so many requests in flight. */
  const lease = async (inFlight: number, more: Partial<LeaseCall> = {}): Promise<Leased> => {
    const told = { isolateId: "x", since: callId, membership: 0, inFlight: [["a", inFlight]] as const, ...more };
    let reply = await send(callUnder(roster, { ...told, callId: ++callId }));
    if (reply.kind === "roster_wanted") reply = await send(callUnder(roster, { ...told, callId: ++callId, roster }));
    if (reply.kind !== "leased") throw new Error(reply.kind);
    return reply;
  };
  /** So many seconds under a steady load, looked at whenever the object wants to. */
  const spend = async (seconds: number, inFlight: number): Promise<void> => {
    for (let spent = 0; spent < seconds; spent += 2) {
      await lease(inFlight);
      vi.setSystemTime(Date.now() + 2_000);
      await runDurableObjectAlarm(stub);
    }
  };
  const status = async (): Promise<AutoscaleStatus> => {
    const told = await callRegistry(env, pool, (registry) => registry.scaling());
    if (told === undefined) throw new Error("the pool is not scaled");
    return told;
  };
  return { pool, stub, lease, spend, status };
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: START_MS });
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const closedIn = ({ membership }: Leased) => membership?.closed;

describe("standby instances", () => {
  it("are closed from the first reply on, and let in one by one as load asks for them", async () => {
    const { lease, spend, status } = open(withScaling(standby));
    expect(closedIn(await lease(0))).toEqual(["b", "c"]);
    await spend(10, 15);
    expect(closedIn(await lease(15))).toEqual(["c"]);
    expect((await status()).standby.map(({ state }) => state)).toEqual(["active", "standby"]);
    expect((await status()).decisions).toMatchObject([{ from: 1, to: 2, reason: "load" }]);
  });

  it("are not let in while there is little to do, and are all in where min asks for that", async () => {
    const idle = open(withScaling(standby));
    await idle.spend(120, 3);
    expect(closedIn(await idle.lease(3))).toEqual(["b", "c"]);
    expect((await idle.status()).decisions).toEqual([]);
    const full = open(withScaling({ ...standby, min: 3 }));
    const { membership } = await full.lease(0);
    expect([membership?.version, membership?.closed]).toEqual([1, []]);
  });

  it("that were let in are still in after an eviction, and the decisions are kept", async () => {
    const { stub, lease, spend, status } = open(withScaling(standby));
    await spend(10, 15);
    const before = await status();
    await evictDurableObject(stub);
    expect(closedIn(await lease(15))).toEqual(["c"]);
    expect((await status()).decisions).toEqual(before.decisions);
  });

  it("are given back when the load has gone, also when no isolate calls any more, and then no alarm is set", async () => {
    const { stub, spend, status } = open(withScaling(standby));
    await spend(10, 25);
    expect((await status()).desired).toBe(3);
    for (let i = 0; i < 100; i++) {
      vi.setSystemTime(Date.now() + 2_000);
      await runDurableObjectAlarm(stub);
    }
    expect(await status()).toMatchObject({ active: 1, desired: 1 });
    vi.setSystemTime(Date.now() + 60_000);
    expect(await runDurableObjectAlarm(stub)).toBe(false);
  });

  it("take the place of one that an operator takes out, and all serve once the pool is scaled no more", async () => {
    const { pool, stub, lease, spend } = open(withScaling(standby));
    await spend(10, 15);
    const change = { instanceIds: ["b"], action: "stop", changeId: "1", drainMs: 1_000 } as const;
    await callRegistry(env, pool, (registry) => registry.change(change));
    expect(closedIn(await lease(15))).toEqual(["b"]);
    const later = rosterOfIds(["a", "b", "c"], { configVersion: 2 });
    const reply = await stub.lease(callUnder(later, { isolateId: "y", callId: 1, membership: 0, roster: later }));
    expect(reply).toMatchObject({ membership: { closed: ["b"] } });
  });
});

describe("a scale webhook", () => {
  /** Answers in turn with these; what was sent. */
  function hear(...statuses: number[]) {
    const calls: { id: string; from: number; to: number; key: string | null }[] = [];
    vi.spyOn(globalThis, "fetch").mockImplementation(async (input, init) => {
      expect(String(input)).toBe(HOOK);
      const { id, from, to } = JSON.parse(String(init?.body)) as { id: string; from: number; to: number };
      calls.push({ id, from, to, key: new Headers(init?.headers).get("Idempotency-Key") });
      return new Response(null, { status: statuses.shift() ?? 200 });
    });
    return calls;
  }

  it("is told of a decision until it answers with 2xx, each time under the same id, and not once more", async () => {
    const calls = hear(503, 500, 204);
    const { spend, status } = open(withScaling(webhook, ["a"]));
    await spend(30, 15);
    expect(calls).toHaveLength(3);
    expect(new Set(calls.map(({ id, key }) => `${id} ${key}`)).size).toBe(1);
    expect(calls[0]).toMatchObject({ from: 1, to: 2 });
    expect((await status()).decisions).toMatchObject([{ delivery: { state: "delivered", attempts: 3 } }]);
  });

  it("that was down is told after an eviction too, and nobody has waited for it", async () => {
    const calls = hear(...Array.from({ length: 4 }, () => 500));
    const { stub, spend, lease, status } = open(withScaling(webhook, ["a"]));
    await spend(6, 15);
    await evictDurableObject(stub);
    expect((await status()).decisions[0]?.delivery?.state).toBe("due");
    expect((await lease(15)).kind).toBe("leased");
    await spend(30, 15);
    expect((await status()).decisions[0]).toMatchObject({ to: 2, delivery: { state: "delivered" } });
    expect(new Set(calls.map(({ id }) => id)).size).toBe(1);
  });

  it("hears of the latest decision only, where an earlier one could not be delivered", async () => {
    const calls = hear(500, 500, 500, 500);
    const { spend, status } = open(withScaling(webhook, ["a"]));
    await spend(4, 15);
    await spend(30, 30);
    const { decisions } = await status();
    expect(decisions.map(({ to, delivery }) => [to, delivery?.state])).toEqual([
      [3, "delivered"],
      [2, "superseded"],
    ]);
    expect(calls.at(-1)).toMatchObject({ from: 2, to: 3 });
  });

  it("at a private address is not called unless that is allowed, and says so", async () => {
    const calls = hear();
    const hook = { url: "http://169.254.169.254/scale", timeoutMs: 1_000 };
    const { spend, status } = open(withScaling({ ...webhook, webhook: hook }, ["a"]));
    await spend(10, 15);
    expect(calls).toEqual([]);
    expect((await status()).decisions[0]?.delivery).toMatchObject({
      state: "due",
      detail: expect.stringContaining("private"),
    });
  });
});
