// One shard of the limits, through its stub: what it grants is stored first, and nothing it knows is in its fields.

import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { GroupCommit } from "../../durable-objects/rate-limiter/group-commit.ts";
import type {
  LeaseReport,
  LimiterAsk,
  LimiterReply,
  RateAnswer,
  RateRule,
  SlotAnswer,
  SlotAsk,
  SlotRule,
  TokenWish,
} from "../../src/contracts/limits.ts";

/** In the true future, so that no alarm fires by itself. */
const T0 = 4_000_000_000_000;
const MINUTE_MS = 60_000;
const SWEEP_BATCH = 5_000;
/** What a lease for waiting requests lasts, how long after that it still counts, and until when it may be given back. */
const LEASE_MS = 300;
const SLACK_MS = 10;
const GIVE_BACK_MS = 5_000;
const BUCKET_MS = MINUTE_MS / 1_000;

const ten: RateRule = { kind: "rate", limit: 10, windowMs: MINUTE_MS };
const two: SlotRule = { kind: "slots", limit: 2, leaseMs: 30_000 };
const KEY = "chat/0123";

let shards = 0;
const open = () => env.RATE_LIMITER.getByName(`shard-under-test-${shards++}`);
type Shard = ReturnType<typeof open>;

let leases = 0;
const wish = (waiting: number, more: Partial<TokenWish> = {}): TokenWish => ({
  leaseId: `lease-${++leases}`,
  waiting,
  cost: 1,
  spare: 0,
  withinMs: LEASE_MS,
  ...more,
});
const done = ({ leaseId }: TokenWish, used: number): LeaseReport => ({ leaseId, used, done: true });

type RateCall = { key?: string; rule?: RateRule; reports?: readonly LeaseReport[]; isolateId?: string };
const rateAsk = (
  wished: TokenWish | undefined,
  { key = KEY, rule = ten, reports = [] }: RateCall = {},
): LimiterAsk => ({
  kind: "rate",
  key,
  rule,
  reports,
  ...(wished !== undefined && { wish: wished }),
});

let calls = 0;
const exchange = async (shard: Shard, asks: readonly LimiterAsk[], isolateId = "x"): Promise<LimiterReply> =>
  await shard.exchange({ isolateId, callId: ++calls, asks, paceMs: 0 });

async function take(shard: Shard, wished: TokenWish | undefined, more: RateCall = {}): Promise<RateAnswer> {
  const [answer] = (await exchange(shard, [rateAsk(wished, more)], more.isolateId)).answers;
  if (answer?.kind !== "rate") throw new Error("no answer");
  return answer;
}

type SlotCall = Partial<Pick<SlotAsk, "released" | "renewed" | "wanted" | "rule">>;
async function slots(shard: Shard, more: SlotCall, isolateId = "x"): Promise<SlotAnswer> {
  const ask: SlotAsk = { kind: "slots", key: KEY, rule: two, released: [], renewed: [], wanted: [], ...more };
  const [answer] = (await exchange(shard, [ask], isolateId)).answers;
  if (answer?.kind !== "slots") throw new Error("no answer");
  return answer;
}

const rowCount = (shard: Shard) =>
  runInDurableObject(
    shard,
    (_, { storage }) => storage.sql.exec<{ n: number }>("SELECT count(*) AS n FROM windows").one().n,
  );
const keysOf = (shard: Shard) =>
  runInDurableObject(shard, (_, { storage }) =>
    storage.sql
      .exec<{ key: string }>("SELECT key FROM windows ORDER BY key")
      .toArray()
      .map(({ key }) => key),
  );
const pass = (ms: number) => vi.setSystemTime(Date.now() + ms);

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: T0 });
});
afterEach(() => {
  vi.useRealTimers();
});

describe("a lease", () => {
  it("is granted while the limit lasts, and then refused with the time until more comes free", async () => {
    const shard = open();
    expect(await take(shard, wish(7))).toMatchObject({ granted: 7, remaining: 3, validMs: LEASE_MS });
    expect(await take(shard, wish(7))).toMatchObject({ granted: 3, remaining: 0 });
    const refused = await take(shard, wish(1));
    expect(refused).toMatchObject({ granted: 0, remaining: 0 });
    expect(refused.releaseInMs).toBeGreaterThan(MINUTE_MS);
    expect(refused.releaseInMs).toBeLessThanOrEqual(MINUTE_MS + LEASE_MS + SLACK_MS + BUCKET_MS);
  });

  it("asked for twice under one id is granted once; under two ids, twice", async () => {
    const shard = open();
    const wished = wish(4);
    const first = await take(shard, wished);
    expect(await take(shard, wished)).toEqual(first);
    expect(await shard.describe(KEY, ten)).toMatchObject({ used: 4 });
    await take(shard, wish(4));
    expect(await shard.describe(KEY, ten)).toMatchObject({ used: 8 });
  });

  it("is given back once, and what was used of it stays used", async () => {
    const shard = open();
    const wished = wish(5);
    await take(shard, wished);
    const reports = [done(wished, 2)];
    expect(await take(shard, undefined, { reports })).toMatchObject({ granted: 0, remaining: 8 });
    expect(await take(shard, undefined, { reports })).toMatchObject({ remaining: 8 });
    expect((await shard.describe(KEY, ten)).leases).toEqual([]);
  });

  it("is given back after its end too, for a while", async () => {
    const shard = open();
    const wished = wish(5);
    await take(shard, wished);
    pass(GIVE_BACK_MS - 1);
    expect(await take(shard, undefined, { reports: [done(wished, 0)] })).toMatchObject({ remaining: 10 });
  });

  it("is not given back after that: it counts until its end, the slack and the window are over", async () => {
    const shard = open();
    const wished = wish(5);
    await take(shard, wished);
    pass(GIVE_BACK_MS);
    expect(await take(shard, undefined, { reports: [done(wished, 0)] })).toMatchObject({ remaining: 5 });
    vi.setSystemTime(T0 + LEASE_MS + SLACK_MS + MINUTE_MS);
    expect(await take(shard, undefined)).toMatchObject({ remaining: 5 });
    pass(BUCKET_MS);
    expect(await take(shard, undefined)).toMatchObject({ remaining: 10, releaseInMs: 0 });
  });

  it("is stored before it is answered: an evicted shard knows it to the last field", async () => {
    const shard = open();
    const wished = wish(6);
    const granted = await take(shard, wished);
    const before = await shard.describe(KEY, ten);
    expect(before).toMatchObject({
      used: 6,
      leases: [{ leaseId: wished.leaseId, isolateId: "x", tokens: 6, used: 0 }],
    });
    await evictDurableObject(shard);
    expect(await shard.describe(KEY, ten)).toEqual(before);
    expect(await take(shard, wished)).toEqual(granted);
    expect(await take(shard, wish(6))).toMatchObject({ granted: 4 });
  });

  it("of one key takes nothing from another, nor does one limit from the next", async () => {
    const shard = open();
    await take(shard, wish(10));
    expect(await take(shard, wish(10), { key: "chat/4567" })).toMatchObject({ granted: 10 });
    expect(await take(shard, wish(10), { key: "api/0123" })).toMatchObject({ granted: 10 });
  });
});

describe("a window", () => {
  /** Spent at once, as waiting requests do. */
  const spend = async (shard: Shard, tokens: number): Promise<number> => {
    const wished = wish(tokens);
    const { granted } = await take(shard, wished);
    await take(shard, undefined, { reports: [done(wished, granted)] });
    return granted;
  };

  it("frees what was spent when its time has passed, and not before", async () => {
    const shard = open();
    await spend(shard, 10);
    const { releaseInMs } = await take(shard, undefined);
    expect(releaseInMs).toBeGreaterThanOrEqual(MINUTE_MS);
    expect(releaseInMs).toBeLessThanOrEqual(MINUTE_MS + BUCKET_MS);
    pass(releaseInMs - 1);
    expect(await spend(shard, 1)).toBe(0);
    pass(1);
    expect(await spend(shard, 10)).toBe(10);
  });

  it("rolls: in no interval of its length more than the limit is spent", async () => {
    const shard = open();
    const spent: number[] = [];
    for (let i = 0; i < 200; i++) {
      if ((await spend(shard, 1)) === 1) spent.push(Date.now());
      pass(1_700);
    }
    for (const at of spent) {
      const inWindow = spent.filter((other) => other >= at && other < at + MINUTE_MS);
      expect(inWindow.length).toBeLessThanOrEqual(10);
    }
    expect(spent.length).toBeGreaterThan(50);
  });

  it("frees nothing early when the clock goes back, and goes on when it has caught up", async () => {
    const shard = open();
    await spend(shard, 10);
    vi.setSystemTime(T0 - 3_600_000);
    expect(await take(shard, wish(1))).toMatchObject({ granted: 0 });
    await evictDurableObject(shard);
    expect(await take(shard, wish(1))).toMatchObject({ granted: 0 });
    vi.setSystemTime(T0 - 3_600_000 + MINUTE_MS + BUCKET_MS);
    expect(await take(shard, wish(1))).toMatchObject({ granted: 0 });
    vi.setSystemTime(T0 + MINUTE_MS + BUCKET_MS);
    expect(await take(shard, wish(10))).toMatchObject({ granted: 10 });
  });

  it("counts what is spent by a clock that is behind from the latest time it has seen", async () => {
    const shard = open();
    await spend(shard, 5);
    vi.setSystemTime(T0 - 3_600_000);
    expect(await spend(shard, 5)).toBe(5);
    vi.setSystemTime(T0 + 1_000);
    expect(await spend(shard, 1)).toBe(0);
    vi.setSystemTime(T0 + MINUTE_MS + BUCKET_MS);
    expect(await spend(shard, 10)).toBe(10);
  });

  it("takes a changed limit at its next call, in either direction", async () => {
    const shard = open();
    await spend(shard, 10);
    expect(await take(shard, wish(5), { rule: { ...ten, limit: 12 } })).toMatchObject({ granted: 2 });
    expect(await take(shard, wish(5), { rule: { ...ten, limit: 3 } })).toMatchObject({ granted: 0, remaining: 0 });
  });
});

describe("slots", () => {
  it("are granted up to the limit, told from each other, and free again once released", async () => {
    const shard = open();
    expect(await slots(shard, { wanted: ["a", "b", "c"] })).toEqual({ kind: "slots", held: ["a", "b"], remaining: 0 });
    expect(await slots(shard, { wanted: ["d"], released: ["a"] }, "y")).toMatchObject({ held: ["d"], remaining: 0 });
    expect(await slots(shard, { wanted: ["e"], released: ["a"] })).toMatchObject({ held: [] });
  });

  it("asked for twice are held once", async () => {
    const shard = open();
    await slots(shard, { wanted: ["a"] });
    expect(await slots(shard, { wanted: ["a"] })).toMatchObject({ held: ["a"], remaining: 1 });
  });

  it("of a dead holder come back at their lease's end and not before; those renewed stay", async () => {
    const shard = open();
    await slots(shard, { wanted: ["dead", "alive"] });
    pass(two.leaseMs - 1);
    expect(await slots(shard, { renewed: ["alive"], wanted: ["next"] })).toMatchObject({ held: ["alive"] });
    pass(1);
    expect(await slots(shard, { wanted: ["next"] })).toMatchObject({ held: ["next"], remaining: 0 });
    expect((await shard.describe(KEY, two)).leases.map(({ leaseId }) => leaseId)).toEqual(["alive", "next"]);
  });

  it("are never granted twice, not after an eviction and not when the clock goes back", async () => {
    const shard = open();
    await slots(shard, { wanted: ["a", "b"] });
    await evictDurableObject(shard);
    expect(await slots(shard, { wanted: ["c"] })).toMatchObject({ held: [] });
    vi.setSystemTime(T0 - 3_600_000);
    expect(await slots(shard, { wanted: ["c"] })).toMatchObject({ held: [] });
    expect(await shard.describe(KEY, two)).toMatchObject({ kind: "slots", used: 2 });
  });
});

describe("nothing is in the fields", () => {
  it("a shard evicted after every call answers as one that never is", async () => {
    const [stays, goes] = [open(), open()];
    const mine = Array.from({ length: 30 }, (_, i) => wish(1 + (i % 4), { spare: i % 3 === 0 ? 50 : 0 }));
    const large: RateRule = { kind: "rate", limit: 400, windowMs: 10_000 };
    for (const [i, wished] of mine.entries()) {
      const earlier = mine[i - 2];
      const reports = earlier === undefined ? [] : [{ leaseId: earlier.leaseId, used: 1, done: i % 2 === 0 }];
      const asks: LimiterAsk[] = [
        rateAsk(wished, { rule: large, reports }),
        { kind: "slots", key: "s/1", rule: two, released: [`${i - 3}`], renewed: [`${i - 1}`], wanted: [`${i}`] },
      ];
      const { answers } = await exchange(stays, asks);
      expect((await exchange(goes, asks)).answers).toEqual(answers);
      await evictDurableObject(goes);
      pass(700);
    }
    expect(await goes.describe(KEY, large)).toEqual(await stays.describe(KEY, large));
  });
});

describe("many calls at once", () => {
  const fifty = (shard: Shard) =>
    Promise.all(Array.from({ length: 50 }, (_, i) => take(shard, wish(1), { isolateId: `x${i % 4}` })));
  const granted = (answers: readonly RateAnswer[]): number => answers.reduce((sum, one) => sum + one.granted, 0);

  it("are granted the limit together and not one more", async () => {
    const shard = open();
    expect(granted(await fifty(shard))).toBe(10);
    expect(await shard.describe(KEY, ten)).toMatchObject({ used: 10 });
  });

  it("share commits, and all of it is stored", async () => {
    const shard = open();
    await take(shard, wish(1));
    const synced = await runInDurableObject(shard, (_, { storage }) => vi.spyOn(storage, "sync"));
    expect(granted(await fifty(shard))).toBe(9);
    expect(synced.mock.calls.length).toBeGreaterThan(0);
    expect(synced.mock.calls.length).toBeLessThan(25);
    await evictDurableObject(shard);
    expect(await shard.describe(KEY, ten)).toMatchObject({ used: 10 });
  });

  it("of which one fails are served all the same, but that one", async () => {
    const outcomes = await runInDurableObject(open(), (_, { storage }) => {
      const commit = new GroupCommit(storage);
      const broken = () => {
        throw new Error("broken");
      };
      return Promise.allSettled([commit.run(() => 1), commit.run(broken), commit.run(() => 3), commit.run(broken)]);
    });
    expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled", "rejected"]);
  });
});

describe("a copy of a call that was served, or one that comes after a later one", () => {
  const callOf = (isolateId: string, callId: number, ask: LimiterAsk) => ({
    isolateId,
    callId,
    asks: [ask],
    paceMs: 0,
  });

  it("is lent what the call was lent, and nothing where that was refused, though tokens have come free since", async () => {
    const shard = open();
    const [mine, refused] = [wish(10), wish(1)];
    const first = callOf("x", 1, rateAsk(mine));
    const second = callOf("x", 2, rateAsk(refused));
    expect((await shard.exchange(first)).answers).toMatchObject([{ granted: 10 }]);
    expect((await shard.exchange(first)).answers).toMatchObject([{ granted: 10 }]);
    expect((await shard.exchange(second)).answers).toMatchObject([{ granted: 0 }]);
    await shard.reset(KEY, ten);
    await take(shard, undefined, { isolateId: "y", reports: [done(mine, 0)] });
    expect((await shard.exchange(second)).answers).toMatchObject([{ granted: 0, remaining: 10 }]);
    expect((await shard.exchange(callOf("x", 3, rateAsk(refused)))).answers).toMatchObject([{ granted: 1 }]);
  });

  it("takes no slot that its isolate has given back", async () => {
    const shard = open();
    const ask = { kind: "slots", key: KEY, rule: two, released: [], renewed: [], wanted: ["a"] } as const;
    await shard.exchange(callOf("x", 1, ask));
    await shard.exchange(callOf("x", 2, { ...ask, wanted: [], released: ["a"] }));
    await shard.exchange(callOf("x", 1, ask));
    expect(await shard.describe(KEY, two)).toMatchObject({ used: 0 });
    await shard.exchange(callOf("y", 1, ask));
    expect(await shard.describe(KEY, two)).toMatchObject({ used: 1 });
  });
});

describe("the pace", () => {
  it("of a shard that has just started is the one its caller was last told, for five seconds", async () => {
    const shard = open();
    const paceOf = async (isolateId: string, paceMs: number) =>
      (await shard.exchange({ isolateId, callId: ++calls, asks: [], paceMs })).paceMs;
    await take(shard, wish(1));
    pass(5_000);
    expect(await paceOf("x", 200)).toBe(0);
    await evictDurableObject(shard);
    expect(await paceOf("x", 200)).toBe(200);
    expect(await paceOf("y", 0)).toBe(0);
    pass(5_000);
    expect(await paceOf("x", 200)).toBe(0);
  });
});

describe("what an operator does", () => {
  it("a key nobody has spent from counts 0, and asking, resetting or refunding it stores nothing", async () => {
    const shard = open();
    const nothing = { kind: "rate", used: 0, releaseInMs: 0, leases: [] };
    expect(await shard.describe(KEY, ten)).toEqual(nothing);
    expect(await shard.describe(KEY, two)).toEqual({ ...nothing, kind: "slots" });
    expect(await shard.reset(KEY, ten)).toEqual(nothing);
    expect(await shard.refund(KEY, ten, { id: "r", tokens: 5 })).toBe(0);
    await take(shard, undefined);
    expect(await rowCount(shard)).toBe(0);
  });

  it("a reset forgets what was spent and answers what that was; what is leased still counts", async () => {
    const shard = open();
    const [spent, out] = [wish(6), wish(3)];
    await take(shard, spent);
    await take(shard, out, { reports: [done(spent, 6)] });
    expect(await shard.reset(KEY, ten)).toMatchObject({ used: 9 });
    const after = { used: 3, leases: [{ leaseId: out.leaseId, tokens: 3 }] };
    expect(await shard.describe(KEY, ten)).toMatchObject(after);
    await evictDurableObject(shard);
    expect(await shard.describe(KEY, ten)).toMatchObject(after);
    expect(await take(shard, wish(10))).toMatchObject({ granted: 7 });
  });

  it("a refund gives back at most what was spent, and leases are left alone", async () => {
    const shard = open();
    const [spent, out] = [wish(6), wish(3)];
    await take(shard, spent);
    await take(shard, out, { reports: [done(spent, 6)] });
    expect(await shard.refund(KEY, ten, { id: "r1", tokens: 2 })).toBe(2);
    expect(await shard.describe(KEY, ten)).toMatchObject({ used: 7 });
    expect(await shard.refund(KEY, ten, { id: "r2", tokens: 100 })).toBe(4);
    expect(await shard.describe(KEY, ten)).toMatchObject({ used: 3 });
  });

  it("a refund whose answer was lost is not given twice, whatever happened in between; another one is", async () => {
    const shard = open();
    const spent = wish(6);
    await take(shard, spent);
    await take(shard, undefined, { reports: [done(spent, 6)] });
    expect(await shard.refund(KEY, ten, { id: "r1", tokens: 2 })).toBe(2);
    await take(shard, wish(1));
    await evictDurableObject(shard);
    expect(await shard.refund(KEY, ten, { id: "r1", tokens: 2 })).toBe(2);
    expect(await shard.describe(KEY, ten)).toMatchObject({ used: 5 });
    expect(await shard.refund(KEY, ten, { id: "r2", tokens: 2 })).toBe(2);
    expect(await shard.describe(KEY, ten)).toMatchObject({ used: 3 });
  });

  it("slots are shown and stay: no reset and no refund takes them from their requests", async () => {
    const shard = open();
    await slots(shard, { wanted: ["a"] });
    const held = { used: 1, leases: [{ leaseId: "a", isolateId: "x", tokens: 1, used: 1, endsInMs: two.leaseMs }] };
    expect(await shard.reset(KEY, two)).toMatchObject(held);
    expect(await shard.refund(KEY, two, { id: "r", tokens: 1 })).toBe(0);
    expect(await shard.describe(KEY, two)).toMatchObject(held);
  });

  it("a key is shown as the rule in force counts it, not as the one before did", async () => {
    const shard = open();
    const spent = wish(5);
    await take(shard, spent);
    await take(shard, undefined, { reports: [done(spent, 5)] });
    pass(10_000);
    expect(await shard.describe(KEY, ten)).toMatchObject({ used: 5 });
    expect(await shard.describe(KEY, { ...ten, windowMs: 2_000 })).toMatchObject({ used: 0 });
    expect(await shard.describe(KEY, two)).toMatchObject({ kind: "slots", used: 0 });
  });
});

describe("sweeping", () => {
  it("removes keys in which nothing counts any longer and only those, and comes back for the rest", async () => {
    const shard = open();
    const hour: RateRule = { ...ten, windowMs: 3_600_000 };
    await exchange(shard, [
      rateAsk(wish(1), { key: "a/1" }),
      rateAsk(wish(1), { key: "b/1", rule: hour }),
      { kind: "slots", key: "c/1", rule: two, released: [], renewed: [], wanted: ["s"] },
    ]);
    pass(two.leaseMs - 1);
    await sweepThrough(shard);
    expect(await keysOf(shard)).toEqual(["a/1", "b/1", "c/1"]);
    pass(1);
    await sweepThrough(shard);
    expect(await keysOf(shard)).toEqual(["a/1", "b/1"]);
    pass(MINUTE_MS);
    await sweepThrough(shard);
    expect(await keysOf(shard)).toEqual(["b/1"]);
    pass(hour.windowMs);
    await sweepThrough(shard);
    expect(await keysOf(shard)).toEqual([]);
  });

  it("ends when nothing is left, and begins anew with the next key", async () => {
    const shard = open();
    expect(await runDurableObjectAlarm(shard)).toBe(false);
    await take(shard, wish(1));
    pass(2 * MINUTE_MS);
    expect(await sweepThrough(shard)).toBeLessThanOrEqual(2);
    expect(await runDurableObjectAlarm(shard)).toBe(false);
    await take(shard, wish(1));
    expect(await runDurableObjectAlarm(shard)).toBe(true);
  });

  it("goes on after an eviction, which loses only its place", async () => {
    const shard = open();
    await take(shard, wish(1));
    pass(2 * MINUTE_MS);
    await evictDurableObject(shard);
    await sweepThrough(shard);
    expect(await rowCount(shard)).toBe(0);
  });

  it("a key that is swept and comes back starts with the whole limit, one that is not does not", async () => {
    const shard = open();
    await take(shard, wish(10));
    await sweepThrough(shard);
    expect(await take(shard, wish(1))).toMatchObject({ granted: 0 });
    pass(2 * MINUTE_MS);
    await sweepThrough(shard);
    expect(await take(shard, wish(10))).toMatchObject({ granted: 10 });
  });

  it("a million keys take little room each, are gone once idle, and leave their room to the next", {
    timeout: 180_000,
  }, async () => {
    const shard = open();
    const COUNT = 1_000_000;
    await fill(shard, COUNT, "visitor");
    expect(await rowCount(shard)).toBe(COUNT);
    const bytes = await databaseSize(shard);
    expect(bytes / COUNT).toBeLessThan(400);
    pass(2 * MINUTE_MS);
    expect(await sweepThrough(shard)).toBeLessThanOrEqual(COUNT / SWEEP_BATCH + 1);
    expect(await rowCount(shard)).toBe(0);
    await fill(shard, COUNT / 100, "another");
    expect(await databaseSize(shard)).toBeLessThanOrEqual(bytes * 1.05);
  });

  /** Runs the alarm until a whole pass is over; returns how often it rang. */
  async function sweepThrough(shard: Shard): Promise<number> {
    for (let rung = 1; ; rung++) {
      await runDurableObjectAlarm(shard);
      const next = await runInDurableObject(shard, (_, { storage }) => storage.getAlarm());
      if (next === null || next - Date.now() > 1_000) return rung;
    }
  }

  const ASKS_PER_CALL = 500;
  async function fill(shard: Shard, count: number, name: string): Promise<void> {
    for (let from = 0; from < count; from += ASKS_PER_CALL) {
      const asks = Array.from({ length: ASKS_PER_CALL }, (_, i) =>
        rateAsk(wish(1), { key: `general/${name}-${String(from + i).padStart(32, "0")}` }),
      );
      await exchange(shard, asks);
    }
  }
  const databaseSize = (shard: Shard) => runInDurableObject(shard, (_, { storage }) => storage.sql.databaseSize);
});
