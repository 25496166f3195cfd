// The WorkerRegistry object through its stub: what survives an eviction, what lapses by alarm, what is written when.

import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { HealthFact, HealthReport, ProbeState } from "../../src/contracts/health.ts";
import type { LeaseCall, LeaseReply, PositionRange, Roster } from "../../src/contracts/registry.ts";
import { callRegistry } from "../../src/objects.ts";
import { BLOCK } from "../../src/policies/balancing/position-ledger.ts";
import { callUnder, rosterOfIds } from "../policies/balancing/isolate-calls.ts";

type Leased = Extract<LeaseReply, { kind: "leased" }>;

/** Ahead of the real clock, so that no alarm fires by itself. */
const START_MS = Date.UTC(2040, 0, 1);
const roster = rosterOfIds(["a", "b", "c", "d"]);
const leastConnections = rosterOfIds(["a", "b", "c", "d"], { strategy: "least-connections" });

let names = 0;
/** A pool of its own, and isolates that call its registry. */
function open(known: Roster = roster) {
  const pool = `registry-test-${++names}`;
  const stub = env.REGISTRY.getByName(`1:${pool}`);
  const send = (call: LeaseCall): Promise<LeaseReply> => callRegistry(env, pool, (registry) => registry.lease(call));
  let callId = 0;
  const lease = async (isolateId: string, more: Partial<LeaseCall> = {}): Promise<Leased> => {
    let reply = await send(callUnder(known, { isolateId, since: callId, callId: ++callId, ...more }));
    if (reply.kind === "roster_wanted") {
      reply = await send(callUnder(known, { isolateId, since: callId, callId: ++callId, roster: known, ...more }));
    }
    if (reply.kind !== "leased") throw new Error(reply.kind);
    return reply;
  };
  const take = async (isolateId: string, want: number): Promise<PositionRange> => {
    const { range } = await lease(isolateId, { want });
    if (range === undefined) throw new Error("no range");
    const { validMs: _, ...plain } = range;
    return plain;
  };
  return { stub, lease, take };
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: START_MS });
});
afterEach(() => {
  vi.useRealTimers();
});

describe("a registry", () => {
  it("asks for the roster once, and tells its status afterwards", async () => {
    const { stub, lease } = open();
    const call = callUnder(roster, { isolateId: "x", callId: 1 });
    expect(await stub.lease(call)).toEqual({ kind: "roster_wanted" });
    await lease("x");
    expect((await stub.lease({ ...call, callId: 99 })).kind).toBe("leased");
    expect(await stub.status()).toMatchObject({
      pool: `registry-test-${names}`,
      strategy: "round-robin",
      instances: roster.instances,
    });
  });

  it("answers a repeated call with the same lease and issues nothing more", async () => {
    const { stub, lease } = open();
    await lease("x");
    const call = callUnder(roster, { isolateId: "x", callId: 50, want: 5, uncounted: 1 });
    const first = await stub.lease(call);
    expect(await stub.lease(call)).toEqual(first);
    expect(await stub.status()).toMatchObject({ issued: 5, uncounted: 1 });
  });

  it("gives concurrent callers different positions", async () => {
    const { lease, take } = open();
    await lease("x");
    const ranges = await Promise.all(Array.from({ length: 20 }, (_, i) => take(`x${i}`, 3)));
    const positions = ranges.flatMap(({ from, count }) => Array.from({ length: count }, (_, i) => from + i));
    expect([...positions].sort((a, b) => a - b)).toEqual(Array.from({ length: 60 }, (_, i) => i));
  });

  it("refuses an earlier roster and keeps the one in force", async () => {
    const { stub, lease } = open(rosterOfIds(["a", "b"], { configVersion: 5 }));
    await lease("x");
    const late = rosterOfIds(["z"], { configVersion: 4 });
    expect(await stub.lease(callUnder(late, { isolateId: "y", callId: 1, roster: late }))).toEqual({
      kind: "roster_outdated",
      configVersion: 5,
    });
    expect((await stub.status()).instances.map(({ id }) => id)).toEqual(["a", "b"]);
  });
});

describe("an eviction", () => {
  it("loses no roster and repeats no position", async () => {
    const { stub, take } = open();
    const before = await take("x", 10);
    await evictDurableObject(stub);
    const after = await take("x", 10);
    expect(before.from).toBe(0);
    expect(after.from).toBe(BLOCK);
    expect(after.rosterVersion).toBe(before.rosterVersion);
    expect(after.leaseId).not.toBe(before.leaseId);
  });

  it("leaves a quiet pool exactly where it was, what waits for re-issue included", async () => {
    const { stub, lease, take } = open();
    const held = await take("x", 10);
    await lease("x", { reports: [{ ...held, used: 3, done: true }] });
    vi.setSystemTime(START_MS + 20_000);
    await runDurableObjectAlarm(stub);
    await evictDurableObject(stub);
    expect(await take("y", 100)).toMatchObject({ from: 3, count: 7 });
    expect(await take("y", 100)).toMatchObject({ from: 10, count: 100 });
    await evictDurableObject(stub);
    expect((await take("y", 1)).from).toBe(10 + BLOCK);
  });

  it("is followed by the isolates' own account of ranges and requests in flight", async () => {
    const { stub, lease, take } = open();
    const held = await take("x", 10);
    await lease("x", { inFlight: [["a", 2]], reports: [{ ...held, used: 1, done: false }] });
    await evictDurableObject(stub);
    expect(await stub.status()).toMatchObject({ outstanding: [], inFlight: {}, isolates: [] });
    await lease("x", { inFlight: [["a", 3]], reports: [{ ...held, used: 4, done: false }] });
    expect(await stub.status()).toMatchObject({ outstanding: [{ ...held, used: 4 }], inFlight: { a: 3 } });
    await lease("x", { reports: [{ ...held, used: 4, done: true }] });
    expect(await stub.status()).toMatchObject({ outstanding: [], awaitingReissue: [] });
  });

  it("keeps the counters of the last alarm", async () => {
    const { stub, lease, take } = open();
    const held = await take("x", 10);
    await lease("x", { reports: [{ ...held, used: 10, done: true }], uncounted: 4 });
    await runDurableObjectAlarm(stub);
    await evictDurableObject(stub);
    expect(await stub.status()).toMatchObject({ issued: 10, used: 10, uncounted: 4 });
  });
});

describe("the alarm", () => {
  it("lapses an isolate silent for 15 s with what it had in flight, and not one heard of since", async () => {
    const { stub, lease } = open();
    await lease("gone", { inFlight: [["a", 3]] });
    await lease("here", { inFlight: [["a", 1]] });
    vi.setSystemTime(START_MS + 10_000);
    await lease("here", { inFlight: [["a", 1]] });
    vi.setSystemTime(START_MS + 14_999);
    await runDurableObjectAlarm(stub);
    expect((await stub.status()).inFlight).toEqual({ a: 4 });
    vi.setSystemTime(START_MS + 15_000);
    await runDurableObjectAlarm(stub);
    expect(await stub.status()).toMatchObject({ inFlight: { a: 1 }, isolates: [{ isolateId: "here", ageMs: 5_000 }] });
  });

  it("takes back what a lost isolate did not report as used, and issues it again first", async () => {
    const { stub, lease, take } = open();
    const held = await take("gone", 8);
    await lease("gone", { reports: [{ ...held, used: 3, done: false }] });
    vi.setSystemTime(START_MS + 11_999);
    await runDurableObjectAlarm(stub);
    expect((await stub.status()).awaitingReissue).toEqual([]);
    vi.setSystemTime(START_MS + 12_000);
    await runDurableObjectAlarm(stub);
    expect(await stub.status()).toMatchObject({ outstanding: [], awaitingReissue: [{ from: 3, count: 5 }] });
    expect(await take("here", 9)).toMatchObject({ from: 3, count: 5 });
    await lease("gone", { reports: [{ ...held, used: 8, done: true }] });
    expect((await stub.status()).awaitingReissue).toEqual([]);
  });

  it("goes on while anybody is there and ends when nobody is", async () => {
    const { stub, lease } = open();
    const alarmAt = () => runInDurableObject(stub, (_, state) => state.storage.getAlarm());
    await lease("x");
    expect(await alarmAt()).toBe(START_MS + 5_000);
    vi.setSystemTime(START_MS + 5_000);
    await runDurableObjectAlarm(stub);
    expect(await alarmAt()).toBe(START_MS + 10_000);
    vi.setSystemTime(START_MS + 15_000);
    await runDurableObjectAlarm(stub);
    expect(await alarmAt()).toBeNull();
  });

  it("that got lost is set again by a call a minute later", async () => {
    const { stub, lease } = open();
    await lease("x");
    await runInDurableObject(stub, (_, state) => state.storage.deleteAlarm());
    vi.setSystemTime(START_MS + 64_999);
    await lease("x");
    expect(await runInDurableObject(stub, (_, state) => state.storage.getAlarm())).toBeNull();
    vi.setSystemTime(START_MS + 65_000);
    await lease("x");
    expect(await runInDurableObject(stub, (_, state) => state.storage.getAlarm())).toBe(START_MS + 70_000);
  });
});

describe("a later roster", () => {
  it("voids what is out under the old one and survives an eviction", async () => {
    const { stub, take } = open();
    const held = await take("x", 10);
    const later = rosterOfIds(["a", "e"], { configVersion: 2 });
    const reports = [{ ...held, used: 2, done: true }];
    const bring = (callId: number, more: Partial<LeaseCall>) =>
      stub.lease(callUnder(later, { isolateId: "y", callId, ...more }));
    expect(await bring(1, {})).toEqual({ kind: "roster_wanted" });
    expect(await bring(2, { roster: later, want: 1 })).toMatchObject({ range: { from: 10, rosterVersion: 2 } });
    await bring(3, { reports });
    expect(await stub.status()).toMatchObject({ rosterVersion: 2, configVersion: 2, used: 0, awaitingReissue: [] });
    await evictDurableObject(stub);
    expect((await bring(4, {})).kind).toBe("leased");
    expect((await stub.status()).instances.map(({ id }) => id)).toEqual(["a", "e"]);
  });
});

describe("an ejection", () => {
  const failing = (times: number, instanceId = "a") => [{ instanceId, answered: 0, failed: times, failedLast: times }];

  it("is told to every isolate that calls from then on, and to none once its time is over", async () => {
    const { lease } = open();
    for (const isolate of ["x", "y"]) expect((await lease(isolate)).out).toEqual([]);
    expect((await lease("x", { outcomes: failing(4) })).out).toEqual([]);
    expect((await lease("y", { outcomes: failing(1) })).out).toEqual([["a", 30_000]]);
    vi.setSystemTime(START_MS + 29_999);
    for (const isolate of ["x", "y", "new"]) expect((await lease(isolate)).out).toEqual([["a", 1]]);
    vi.setSystemTime(START_MS + 30_000);
    for (const isolate of ["x", "y", "new"]) expect((await lease(isolate)).out).toEqual([]);
  });

  it("survives an eviction of the object, and so does how often it was; failures that did not suffice are forgotten", async () => {
    const { stub, lease } = open();
    await lease("x", { outcomes: [...failing(5), ...failing(4, "b")] });
    await evictDurableObject(stub);
    vi.setSystemTime(START_MS + 10_000);
    expect((await stub.status()).ejected).toEqual([{ instanceId: "a", times: 1, forMs: 20_000 }]);
    expect((await lease("y", { outcomes: failing(1, "b") })).out).toEqual([["a", 20_000]]);
    vi.setSystemTime(START_MS + 30_000);
    await evictDurableObject(stub);
    expect((await stub.status()).ejected).toEqual([]);
    expect((await lease("y", { outcomes: failing(5) })).out).toEqual([["a", 60_000]]);
  });

  it("is passed over by the object's own pick, until its time", async () => {
    const { lease } = open(leastConnections);
    await lease("x", { outcomes: failing(5) });
    const picks = async () => {
      const picked = [];
      for (let i = 0; i < 8; i++) picked.push((await lease(`p${i}`, { pick: true, inFlight: [] })).pick);
      return new Set(picked);
    };
    expect(await picks()).toEqual(new Set(["b", "c", "d"]));
    vi.setSystemTime(START_MS + 30_000);
    expect(await picks()).toEqual(new Set(["a", "b", "c", "d"]));
  });

  it("is in the history, the newest first, also after an eviction; an instance that answered is not", async () => {
    const { stub, lease } = open();
    await lease("x", { outcomes: [...failing(5, "a"), { instanceId: "c", answered: 1, failed: 9, failedLast: 0 }] });
    vi.setSystemTime(START_MS + 1_000);
    await lease("x", { outcomes: failing(5, "b") });
    vi.setSystemTime(START_MS + 30_000);
    await lease("x", { outcomes: failing(5, "a") });
    const history = [
      { instanceId: "a", times: 2, atMs: START_MS + 30_000, untilMs: START_MS + 90_000 },
      { instanceId: "b", times: 1, atMs: START_MS + 1_000, untilMs: START_MS + 31_000 },
      { instanceId: "a", times: 1, atMs: START_MS, untilMs: START_MS + 30_000 },
    ];
    expect(await stub.ejections()).toEqual(history);
    await evictDurableObject(stub);
    expect(await stub.ejections()).toEqual(history);
  });

  it("is kept with the 999 before it, and those before them are not", async () => {
    const { stub, lease } = open();
    await lease("x");
    for (let times = 1; times <= 1_003; times++) {
      vi.setSystemTime(START_MS + times * 300_000);
      await lease("x", { outcomes: failing(5) });
    }
    const history = await stub.ejections();
    expect(history).toHaveLength(1_000);
    expect([history.at(0)?.atMs, history.at(-1)?.atMs]).toEqual([START_MS + 1_003 * 300_000, START_MS + 4 * 300_000]);
  }, 30_000);

  it("ends when a later roster is without the instance, and that outlives an eviction", async () => {
    const { stub, lease } = open();
    await lease("x", { outcomes: failing(5) });
    const bring = (configVersion: number, ids: readonly string[]) => {
      const later = rosterOfIds(ids, { configVersion });
      return stub.lease(callUnder(later, { isolateId: "y", callId: configVersion, roster: later }));
    };
    expect(await bring(2, ["b", "c"])).toMatchObject({ out: [] });
    expect(await bring(3, ["a", "b", "c"])).toMatchObject({ out: [] });
    await evictDurableObject(stub);
    expect((await stub.status()).ejected).toEqual([]);
  });
});

describe("an ejection of a pool with many instances", () => {
  it("is kept until it is forgiven, however many follow; what is told are the newest 1,000", async () => {
    const ids = Array.from({ length: 2_400 }, (_, i) => `i${i}`);
    const { stub, lease } = open(rosterOfIds(ids));
    const failing = (from: number) =>
      ids.slice(from, from + 1_200).map((instanceId) => ({ instanceId, answered: 0, failed: 5, failedLast: 5 }));
    await lease("x", { outcomes: failing(0) });
    expect((await stub.ejections()).length).toBe(1_000);
    await evictDurableObject(stub);
    expect((await stub.status()).ejected).toHaveLength(1_200);
    vi.setSystemTime(START_MS + 30_000);
    await lease("x", { outcomes: failing(0) });
    await evictDurableObject(stub);
    const { ejected } = await stub.status();
    expect([ejected.length, ejected.every(({ times }) => times === 2)]).toEqual([1_200, true]);
    const rows = () =>
      runInDurableObject(stub, (_, state) =>
        state.storage.sql.exec<{ rows: number }>("SELECT count(*) AS rows FROM ejections").one(),
      );
    expect(await rows()).toEqual({ rows: 1_200 });
    vi.setSystemTime(START_MS + 30_000 + 60_000 + 300_001);
    await lease("x", { outcomes: failing(1_200) });
    expect(await rows()).toEqual({ rows: 1_200 });
    expect((await stub.ejections()).every(({ times }) => times === 1)).toBe(true);
  });
});

describe("a health report", () => {
  const VALID_MS = 105_000;
  const fact = (instanceId: string, state: ProbeState = "unhealthy", ms: number | null = null) => ({
    instanceId,
    state,
    ms,
  });
  const report = (...facts: HealthFact[]): HealthReport => ({ facts, validMs: VALID_MS });

  it("puts whom it finds unhealthy out for every isolate that calls from then on, and nobody else", async () => {
    const { stub, lease } = open();
    await lease("x");
    await stub.hearHealth(report(fact("a"), fact("b", "degraded", 9_000), fact("c", "healthy", 3), fact("stranger")));
    for (const isolate of ["x", "y"]) expect((await lease(isolate)).out).toEqual([["a", VALID_MS]]);
    expect(await stub.status()).toMatchObject({ unhealthy: ["a"], degraded: ["b"], panic: false, ejected: [] });
    await stub.hearHealth(report(fact("a", "healthy", 2)));
    for (const isolate of ["x", "new"]) expect((await lease(isolate)).out).toEqual([]);
    expect(await stub.status()).toMatchObject({ unhealthy: [], degraded: [], panic: false });
  });

  it("counts until it has lapsed, and no longer, where nobody tells it again", async () => {
    const { stub, lease } = open();
    await lease("x");
    await stub.hearHealth(report(fact("a")));
    vi.setSystemTime(START_MS + 60_000);
    await stub.hearHealth(report(fact("a")));
    vi.setSystemTime(START_MS + 60_000 + VALID_MS - 1);
    expect((await lease("x")).out).toEqual([["a", 1]]);
    vi.setSystemTime(START_MS + 60_000 + VALID_MS);
    expect((await lease("x")).out).toEqual([]);
    expect(await stub.health()).toMatchObject({ ejected: [], probed: [] });
  });

  it("that came before the first isolate counts for it", async () => {
    const { stub, lease } = open();
    await stub.hearHealth(report(fact("a"), fact("b", "healthy", 4)));
    expect(await stub.health()).toMatchObject({ ejected: [], probed: [fact("a"), fact("b", "healthy", 4)] });
    expect((await lease("x")).out).toEqual([["a", VALID_MS]]);
  });

  it("survives an eviction, until it lapses", async () => {
    const { stub, lease } = open();
    await lease("x");
    await stub.hearHealth(report(fact("a"), fact("b", "degraded", 7)));
    await evictDurableObject(stub);
    vi.setSystemTime(START_MS + 5_000);
    expect((await lease("y")).out).toEqual([["a", 100_000]]);
    expect(await stub.status()).toMatchObject({ unhealthy: ["a"], degraded: ["b"] });
    await evictDurableObject(stub);
    vi.setSystemTime(START_MS + VALID_MS);
    expect((await lease("y")).out).toEqual([]);
    expect(await stub.status()).toMatchObject({ unhealthy: [], degraded: [], probed: [] });
  });

  it("in which somebody is well again leaves nothing behind over an eviction", async () => {
    const { stub, lease } = open();
    await lease("x");
    await stub.hearHealth(report(fact("a")));
    await stub.hearHealth(report(fact("a", "healthy", 1)));
    await evictDurableObject(stub);
    expect((await lease("x")).out).toEqual([]);
    await stub.hearHealth(report(fact("a")));
    await stub.hearHealth(report());
    await evictDurableObject(stub);
    expect(await stub.health()).toMatchObject({ ejected: [], probed: [] });
  });

  it("is written when a state differs or half of its time is over, not each time", async () => {
    const { stub } = open();
    const until = () =>
      runInDurableObject(stub, (_, state) =>
        state.storage.sql
          .exec<{ until: number }>("SELECT until FROM verdicts")
          .toArray()
          .map(({ until }) => until),
      );
    expect(await until()).toEqual([]);
    await stub.hearHealth(report(fact("a", "healthy", 1)));
    for (let i = 1; i <= 20; i++) {
      vi.setSystemTime(START_MS + i * 1_000);
      await stub.hearHealth(report(fact("a", "healthy", i)));
    }
    expect(await until()).toEqual([START_MS + VALID_MS]);
    await stub.hearHealth(report(fact("a", "degraded", 21)));
    expect(await until()).toEqual([START_MS + 20_000 + VALID_MS]);
    vi.setSystemTime(START_MS + 20_000 + VALID_MS / 2);
    await stub.hearHealth(report(fact("a", "degraded", 21)));
    expect(await until()).toEqual([START_MS + 20_000 + VALID_MS]);
    vi.setSystemTime(START_MS + 20_000 + VALID_MS / 2 + 1);
    await stub.hearHealth(report(fact("a", "degraded", 21)));
    expect(await until()).toEqual([START_MS + 20_000 + VALID_MS / 2 + 1 + VALID_MS]);
  });

  it("sets no alarm, for there is nobody to lapse", async () => {
    const { stub } = open();
    await stub.hearHealth(report(fact("a")));
    expect(await runInDurableObject(stub, (_, state) => state.storage.getAlarm())).toBeNull();
  });

  it("is passed over by the object's own pick, also where an isolate avoids all others", async () => {
    const { stub, lease } = open(leastConnections);
    await lease("x");
    await stub.hearHealth(report(fact("a")));
    const picked = new Set<string | undefined>();
    for (let i = 0; i < 8; i++) picked.add((await lease(`p${i}`, { pick: true })).pick);
    expect(picked).toEqual(new Set(["b", "c", "d"]));
    for (let i = 0; i < 4; i++) {
      expect((await lease(`q${i}`, { pick: true, avoid: ["b", "c", "d"] })).pick).not.toBe("a");
    }
  });

  it.each([
    [["a"], ["a"], true],
    [["a", "b"], ["a"], false],
    [["a", "b"], ["a", "b"], true],
    [["a", "b", "c", "d"], ["a", "b"], false],
    [["a", "b", "c", "d"], ["a", "b", "c"], true],
  ])("of the pool %j finding %j unhealthy means panic: %s; then nobody is out", async (ids, bad, panic) => {
    const { stub, lease } = open(rosterOfIds(ids));
    await lease("x");
    await stub.hearHealth(report(...bad.map((id) => fact(id))));
    expect((await lease("x")).out.map(([id]) => id)).toEqual(panic ? [] : bad);
    expect(await stub.status()).toMatchObject({ panic, unhealthy: bad });
  });

  it("and ejections together mean panic when more than half would be out, and each alone does not", async () => {
    const { stub, lease } = open();
    const failing = ["a", "b"].map((instanceId) => ({ instanceId, answered: 0, failed: 5, failedLast: 5 }));
    await lease("x");
    await stub.hearHealth(report(fact("c")));
    expect((await lease("x", { outcomes: failing })).out).toEqual([]);
    expect(await stub.status()).toMatchObject({ panic: true, unhealthy: ["c"], ejected: [{}, {}] });
    await stub.hearHealth(report(fact("c", "healthy", 1)));
    expect((await lease("x")).out.map(([id]) => id)).toEqual(["a", "b"]);
    expect((await stub.status()).panic).toBe(false);
  });

  it("of an instance that a later roster has not is ignored, and not of one that it has", async () => {
    const { stub, lease } = open();
    await lease("x");
    await stub.hearHealth(report(fact("a"), fact("b")));
    const later = rosterOfIds(["b", "c", "d"], { configVersion: 2 });
    const reply = await stub.lease(callUnder(later, { isolateId: "y", callId: 1, roster: later }));
    expect(reply).toMatchObject({ out: [["b", VALID_MS]] });
    expect((await stub.status()).unhealthy).toEqual(["b"]);
  });
});

describe("least-connections", () => {
  it("picks over the whole fleet and counts the pick as the asking isolate's until it reports", async () => {
    const { stub, lease } = open(leastConnections);
    await lease("x", {
      inFlight: [
        ["a", 1],
        ["b", 1],
      ],
    });
    await lease("y", { inFlight: [["c", 1]] });
    const reply = await lease("z", { pick: true });
    expect(reply.pick).toBe("d");
    expect(new Map(reply.others)).toEqual(
      new Map([
        ["a", 1],
        ["b", 1],
        ["c", 1],
      ]),
    );
    expect((await stub.status()).inFlight).toEqual({ a: 1, b: 1, c: 1, d: 1 });
    await lease("z", { inFlight: [] });
    expect((await stub.status()).inFlight).toEqual({ a: 1, b: 1, c: 1 });
  });

  it("takes turns among idle instances over evictions between any two requests", async () => {
    const { stub, lease } = open(leastConnections);
    const picked: (string | undefined)[] = [];
    for (let i = 0; i < 8; i++) {
      picked.push((await lease(`x${i}`, { pick: true })).pick);
      await evictDurableObject(stub);
    }
    expect(picked).toEqual(["a", "b", "c", "d", "a", "b", "c", "d"]);
  });
});

describe("the disk", () => {
  it("is written once per block of positions, not per call", async () => {
    const { stub, lease, take } = open();
    await lease("x");
    const mark = () =>
      runInDurableObject(stub, (_, state) =>
        state.storage.sql.exec<{ mark: number; issued: number }>("SELECT mark, issued FROM cursor").one(),
      );
    await take("x", 1);
    const first = await mark();
    for (let i = 0; i < 20; i++) await take("x", 100);
    expect(await mark()).toEqual(first);
    expect(first).toEqual({ mark: BLOCK, issued: 1 });
  });
});
