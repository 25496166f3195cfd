// A pool's circuit breaker through its registry's stub: what isolates are told, what survives an eviction, what is kept.

import { evictDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { TrialReport } from "../../src/contracts/breaker.ts";
import type { LeaseCall, LeaseReply } from "../../src/contracts/registry.ts";
import { callRegistry } from "../../src/objects.ts";
import { compileBreaker } from "../../src/policies/breaker/breaker-settings.ts";
import { captureLines } from "../captured-lines.ts";
import { callUnder, rosterOfIds } from "../policies/balancing/isolate-calls.ts";

/** Ahead of the real clock, so that no alarm fires by itself. */
const START_MS = Date.UTC(2042, 0, 1);
const OPEN_MS = 5_000;
const roster = rosterOfIds(["a", "b"], { breaker: compileBreaker({ minRequests: 10, openMs: OPEN_MS, trials: 2 }) });
const failing = [{ instanceId: "a", answered: 0, failed: 10, failedLast: 10 }];

const lines = captureLines();
let names = 0;
function open() {
  const pool = `breaker-test-${++names}`;
  const stub = env.REGISTRY.getByName(`1:${pool}`);
  let callId = 0;
  const send = (call: LeaseCall): Promise<LeaseReply> => callRegistry(env, pool, (registry) => registry.lease(call));
  const lease = async (more: Partial<LeaseCall> = {}) => {
    const said = { isolateId: "x", since: callId, ...more };
    let reply = await send(callUnder(roster, { ...said, callId: ++callId }));
    if (reply.kind === "roster_wanted") reply = await send(callUnder(roster, { ...said, callId: ++callId, roster }));
    if (reply.kind !== "leased") throw new Error(reply.kind);
    return { ...reply, callId };
  };
  /** A trial's call, and what becomes of it. */
  const tryOut = async (verdict: TrialReport[1]) => {
    const { callId: trial, ...granted } = await lease({ trial: true });
    expect(granted.trial).toBe(true);
    return await lease({ trials: [[trial, verdict]] });
  };
  const status = () => callRegistry(env, pool, (registry) => registry.status());
  return { pool, stub, send, lease, tryOut, status };
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: START_MS });
});
afterEach(() => {
  vi.useRealTimers();
});

describe("a circuit that has opened", () => {
  it("is told to every isolate with its next reply, is logged once, and is still open after an eviction for what is left of its time", async () => {
    const { pool, stub, lease } = open();
    expect((await lease()).breaker).toBeUndefined();
    expect((await lease({ outcomes: failing })).breaker).toEqual({ state: "open", forMs: OPEN_MS });
    expect(lines.filter((line) => line.includes('"msg":"circuit breaker"') && line.includes(pool))).toHaveLength(1);
    vi.setSystemTime(START_MS + 2_000);
    await evictDurableObject(stub);
    expect((await lease({ isolateId: "y", trial: true })).breaker).toEqual({ state: "open", forMs: OPEN_MS - 2_000 });
  });

  it("lets as many through as are allowed, closes when they were answered, and keeps what has happened over an eviction", async () => {
    const { stub, lease, tryOut, status } = open();
    await lease({ outcomes: failing });
    vi.setSystemTime(START_MS + OPEN_MS);
    await tryOut("answered");
    expect((await status()).breaker).toMatchObject({ state: "half-open", trials: { out: 0, answered: 1, max: 2 } });
    expect((await tryOut("answered")).breaker).toBeUndefined();
    await evictDurableObject(stub);
    const { breaker } = await status();
    expect(breaker?.transitions.map(({ from, to }) => `${from} ${to}`)).toEqual([
      "half-open closed",
      "open half-open",
      "closed open",
    ]);
    expect((await lease()).breaker).toBeUndefined();
  });

  it("answers the same call again with the same trial, and grants no second one for it", async () => {
    const { lease, send, status } = open();
    await lease({ outcomes: failing });
    vi.setSystemTime(START_MS + OPEN_MS);
    const call = callUnder(roster, { isolateId: "y", callId: 7, trial: true });
    expect(await send(call)).toMatchObject({ trial: true });
    expect(await send(call)).toMatchObject({ trial: true });
    expect((await status()).breaker?.trials.out).toBe(1);
  });

  it("shows the newest 50 transitions, however many there were", async () => {
    const { stub, lease, tryOut, status } = open();
    await lease({ outcomes: failing });
    for (let times = 1; times <= 110; times++) {
      vi.setSystemTime(Date.now() + 400_000);
      await tryOut("failed");
    }
    await evictDurableObject(stub);
    const { breaker } = await status();
    expect(breaker?.transitions).toHaveLength(50);
    expect([breaker?.state, breaker?.times]).toEqual(["open", 111]);
  });
});

describe("a pool without a breaker", () => {
  it("says nothing of one, however much fails", async () => {
    const { send, status } = open();
    const plain = rosterOfIds(["a", "b"]);
    const call = callUnder(plain, { isolateId: "x", callId: 1, roster: plain, outcomes: failing, trial: true });
    const reply = await send(call);
    expect([reply.kind, "breaker" in reply, "trial" in reply]).toEqual(["leased", false, false]);
    expect((await status()).breaker).toBeUndefined();
  });
});
