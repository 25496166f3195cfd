// One session, through its stub: opening, reading, activity, expiry, revocation and its publication.

import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { OpenCommand } from "../../src/contracts/session.ts";

let count = 0;
const DAY = 86_400_000;
/** In the true future, so that no alarm fires by itself. */
const T0 = 4_000_000_000_000;

const stubOf = (name: string) => env.SESSION.getByName(`1:${name}`);
const uniqueName = () => `session-${count++}`;
const command = (name: string, more: Partial<OpenCommand> = {}): OpenCommand => ({
  name,
  userId: "u1",
  username: "alice",
  ...more,
});
/** Where sessions publish to: as many replicas as REVOCATION_REPLICAS says in the tests' configuration. */
const log = () => env.REVOCATIONS.getByName("1:replica-0");

async function open(more: Partial<OpenCommand> = {}) {
  const name = uniqueName();
  const session = stubOf(name);
  await session.open(command(name, more));
  return { name, session };
}

const published = async (cursor: number) => (await log().since(cursor)).changes;
const head = async () => (await log().since(null)).cursor;

/** Makes the replica fail as a broken disk would, until it is mended. */
const breakLog = () =>
  runInDurableObject(log(), (_, state) => {
    state.storage.sql.exec("CREATE TRIGGER broken BEFORE INSERT ON changes BEGIN SELECT RAISE(ABORT, 'broken'); END");
  });
const mendLog = () =>
  runInDurableObject(log(), (_, state) => {
    state.storage.sql.exec("DROP TRIGGER broken");
  });

type Stub = ReturnType<typeof stubOf>;
const tablesIn = (session: Stub) =>
  runInDurableObject(
    session,
    (_, state) =>
      state.storage.sql.exec<{ name: string }>("SELECT name FROM sqlite_master WHERE type = 'table'").toArray().length,
  );
const storedActivity = (session: Stub) =>
  runInDurableObject(
    session,
    (_, state) => state.storage.sql.exec<{ at: number }>("SELECT last_activity_at AS at FROM session").one().at,
  );
const outboxSize = (session: Stub) =>
  runInDurableObject(
    session,
    (_, state) => state.storage.sql.exec<{ n: number }>("SELECT count(*) AS n FROM outbox").one().n,
  );
const alarmOf = (session: Stub) => runInDurableObject(session, (_, state) => state.storage.getAlarm());

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ["Date"], now: T0 });
  vi.spyOn(console, "warn").mockImplementation(() => undefined);
  await log().since(null);
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

describe("opening", () => {
  it("answers with the session: SessionData as documented, 24 h idle and 30 days in all", async () => {
    const name = uniqueName();
    expect(await stubOf(name).open(command(name, { preferences: { defaultApp: "search" } }))).toEqual({
      ok: true,
      value: {
        name,
        data: {
          userId: "u1",
          username: "alice",
          authenticated: true,
          createdAt: T0,
          lastActivityAt: T0,
          preferences: { defaultApp: "search" },
        },
        idleExpiresAt: T0 + DAY,
        absoluteExpiresAt: T0 + 30 * DAY,
      },
    });
  });

  it("twice is opening once", async () => {
    const { name, session } = await open();
    vi.setSystemTime(T0 + 5_000);
    const again = await session.open(command(name, { username: "mallory" }));
    expect(again).toMatchObject({ ok: true, value: { data: { username: "alice", createdAt: T0 } } });
  });

  it("does not bring back a session that was revoked", async () => {
    const { name, session } = await open();
    await session.revoke();
    expect(await session.open(command(name))).toEqual({ ok: false, code: "session_revoked" });
  });
});

describe("a session that never was", () => {
  it("refuses every verb and leaves no trace", async () => {
    const session = stubOf(uniqueName());
    const unknown = { ok: false, code: "unknown_session" };
    expect(await session.read({ activeAtMs: T0 })).toEqual(unknown);
    expect(await session.updatePreferences({})).toEqual(unknown);
    expect(await session.revoke()).toEqual(unknown);
    expect(await tablesIn(session)).toBe(0);
    expect(await runDurableObjectAlarm(session)).toBe(false);
  });
});

describe("activity", () => {
  it("is written down at most once a minute, but counts at once in the answer", async () => {
    const { session } = await open();
    vi.setSystemTime(T0 + 59_999);
    expect(await session.read({ activeAtMs: T0 + 59_999 })).toMatchObject({
      ok: true,
      value: { data: { lastActivityAt: T0 + 59_999 }, idleExpiresAt: T0 + 59_999 + DAY },
    });
    expect(await storedActivity(session)).toBe(T0);
    vi.setSystemTime(T0 + 60_000);
    await session.read({ activeAtMs: T0 + 60_000 });
    expect(await storedActivity(session)).toBe(T0 + 60_000);
  });

  it("keeps a session alive beyond the day it was opened for", async () => {
    const { session } = await open();
    for (let hours = 20; hours <= 100; hours += 20) {
      vi.setSystemTime(T0 + hours * 3_600_000);
      expect((await session.read({ activeAtMs: Date.now() })).ok).toBe(true);
    }
  });

  it("is not what an operator's look is", async () => {
    const { session } = await open();
    vi.setSystemTime(T0 + DAY - 1);
    expect(await session.read({})).toMatchObject({
      ok: true,
      value: { data: { lastActivityAt: T0 }, idleExpiresAt: T0 + DAY },
    });
    vi.setSystemTime(T0 + DAY);
    expect(await session.read({})).toEqual({ ok: false, code: "session_expired" });
  });

  it("from an isolate whose clock runs ahead counts no later than now", async () => {
    const { session } = await open();
    vi.setSystemTime(T0 + 70_000);
    expect(await session.read({ activeAtMs: T0 + 50 * DAY })).toMatchObject({
      ok: true,
      value: { idleExpiresAt: T0 + 70_000 + DAY },
    });
  });
});

describe("expiry", () => {
  it("is seen by reads before the alarm comes", async () => {
    const { session } = await open({ idleTtlMs: 120_000 });
    vi.setSystemTime(T0 + 119_999);
    expect((await session.read({})).ok).toBe(true);
    vi.setSystemTime(T0 + 120_000);
    expect(await session.read({ activeAtMs: T0 + 120_000 })).toEqual({ ok: false, code: "session_expired" });
    expect(await session.updatePreferences({})).toEqual({ ok: false, code: "session_expired" });
  });

  it("comes at the absolute end however active the session is", async () => {
    const { session } = await open({ absoluteTtlMs: 200_000 });
    for (const at of [60_000, 120_000, 199_999]) {
      vi.setSystemTime(T0 + at);
      expect((await session.read({ activeAtMs: T0 + at })).ok).toBe(true);
    }
    vi.setSystemTime(T0 + 200_000);
    expect(await session.read({ activeAtMs: T0 + 200_000 })).toEqual({ ok: false, code: "session_expired" });
  });

  it("by alarm leaves nothing behind", async () => {
    const { session } = await open();
    expect(await alarmOf(session)).toBe(T0 + DAY);
    vi.setSystemTime(T0 + DAY);
    expect(await runDurableObjectAlarm(session)).toBe(true);
    expect(await tablesIn(session)).toBe(0);
    expect(await runDurableObjectAlarm(session)).toBe(false);
    expect(await session.read({})).toEqual({ ok: false, code: "unknown_session" });
  });

  it("does not come to a session that was active meanwhile: the alarm looks again later", async () => {
    const { session } = await open();
    vi.setSystemTime(T0 + 3_600_000);
    await session.read({ activeAtMs: T0 + 3_600_000 });
    expect(await alarmOf(session)).toBe(T0 + DAY);
    vi.setSystemTime(T0 + DAY);
    await runDurableObjectAlarm(session);
    expect((await session.read({})).ok).toBe(true);
    expect(await alarmOf(session)).toBe(T0 + DAY + 3_600_000);
  });
});

describe("revoking", () => {
  it("is in the log before it is answered, and the session refuses from then on", async () => {
    const { name, session } = await open();
    const cursor = await head();
    expect(await session.revoke()).toEqual({ ok: true, value: { name } });
    expect(await published(cursor)).toEqual([{ name }]);
    expect(await session.read({ activeAtMs: T0 })).toEqual({ ok: false, code: "session_revoked" });
    expect(await session.updatePreferences({ defaultApp: "search" })).toEqual({ ok: false, code: "session_revoked" });
  });

  it("twice is fine and publishes once", async () => {
    const { name, session } = await open();
    const cursor = await head();
    await session.revoke();
    expect(await session.revoke()).toEqual({ ok: true, value: { name } });
    expect((await published(cursor)).length).toBe(1);
  });

  it("tells every replica there is", async () => {
    const { name, session } = await open();
    await runInDurableObject(session, async (instance) => {
      const before = Reflect.get(instance, "env");
      Reflect.set(instance, "env", { ...env, REVOCATION_REPLICAS: "3" });
      await instance.revoke();
      Reflect.set(instance, "env", before);
    });
    for (const replica of [0, 1, 2]) {
      const news = await env.REVOCATIONS.getByName(`1:replica-${replica}`).since(0);
      expect(news.changes.map((change) => change.name)).toContain(name);
    }
  });

  it("leaves no trace an hour later, and not before", async () => {
    const { session } = await open();
    vi.setSystemTime(T0 + 1_000);
    await session.revoke();
    const due = T0 + 1_000 + 3_600_000;
    expect(await alarmOf(session)).toBe(due);
    vi.setSystemTime(due - 1);
    await runDurableObjectAlarm(session);
    expect(await session.read({})).toEqual({ ok: false, code: "session_revoked" });
    vi.setSystemTime(due);
    await runDurableObjectAlarm(session);
    expect(await tablesIn(session)).toBe(0);
  });
});

describe("preferences", () => {
  it("are replaced, and older snapshots are void before it is answered", async () => {
    const { name, session } = await open({ preferences: { defaultApp: "search" } });
    const cursor = await head();
    expect(await session.updatePreferences({ defaultApp: "profile" })).toMatchObject({
      ok: true,
      value: { data: { preferences: { defaultApp: "profile" } } },
    });
    expect(await published(cursor)).toEqual([{ name }]);
    expect(await session.read({})).toMatchObject({
      ok: true,
      value: { data: { preferences: { defaultApp: "profile" } } },
    });
  });

  it("can be emptied", async () => {
    const { session } = await open({ preferences: { defaultApp: "search" } });
    await session.updatePreferences({});
    expect(await session.read({})).toMatchObject({ ok: true, value: { data: { preferences: {} } } });
  });
});

describe("while a replica is broken", () => {
  afterEach(async () => {
    await mendLog().catch(() => undefined);
  });

  it("a revocation is kept, refused as pending, and published by the alarm when the replica is back", async () => {
    const { name, session } = await open();
    const cursor = await head();
    await breakLog();
    expect(await session.revoke()).toEqual({ ok: false, code: "revocation_pending" });
    expect(await session.read({})).toEqual({ ok: false, code: "session_revoked" });
    expect(await outboxSize(session)).toBe(1);
    expect(await alarmOf(session)).toBe(T0 + 2_000);
    await mendLog();
    expect(await published(cursor)).toEqual([]);
    vi.setSystemTime(T0 + 2_000);
    await runDurableObjectAlarm(session);
    expect(await published(cursor)).toEqual([{ name }]);
    expect(await outboxSize(session)).toBe(0);
  });

  it("the alarm comes back later and later", async () => {
    const { session } = await open();
    await breakLog();
    await session.revoke();
    const waits: number[] = [];
    for (let i = 0; i < 7; i++) {
      vi.setSystemTime((await alarmOf(session)) ?? 0);
      await runDurableObjectAlarm(session);
      waits.push(((await alarmOf(session)) ?? 0) - Date.now());
    }
    expect(waits).toEqual([4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000]);
  });

  it("the caller may ask again instead, and gets its answer when the replica is back", async () => {
    const { name, session } = await open();
    await breakLog();
    await session.revoke();
    expect(await session.revoke()).toEqual({ ok: false, code: "revocation_pending" });
    await mendLog();
    expect(await session.revoke()).toEqual({ ok: true, value: { name } });
    expect(await outboxSize(session)).toBe(0);
  });

  it("an evicted session still publishes", async () => {
    const { name, session } = await open();
    const cursor = await head();
    await breakLog();
    await session.revoke();
    await evictDurableObject(session);
    await mendLog();
    vi.setSystemTime(T0 + 2_000);
    expect(await runDurableObjectAlarm(session)).toBe(true);
    expect(await published(cursor)).toEqual([{ name }]);
  });

  it("changed preferences are stored and refused as pending; a revocation after them takes their place", async () => {
    const { name, session } = await open();
    const cursor = await head();
    await breakLog();
    expect(await session.updatePreferences({ defaultApp: "search" })).toEqual({ ok: false, code: "change_pending" });
    expect(await session.read({})).toMatchObject({
      ok: true,
      value: { data: { preferences: { defaultApp: "search" } } },
    });
    expect(await session.revoke()).toEqual({ ok: false, code: "revocation_pending" });
    await mendLog();
    expect((await session.revoke()).ok).toBe(true);
    expect(await published(cursor)).toEqual([{ name }]);
  });

  it("what could not be published is kept past the tombstone's hour, until the session's absolute end", async () => {
    const { session } = await open();
    await breakLog();
    await session.revoke();
    vi.setSystemTime(T0 + 30 * DAY - 1);
    await runDurableObjectAlarm(session);
    expect(await outboxSize(session)).toBe(1);
    vi.setSystemTime(T0 + 30 * DAY);
    await runDurableObjectAlarm(session);
    expect(await tablesIn(session)).toBe(0);
  });
});

it("a replica that never answers counts as unreachable: the revocation is refused as pending, not hung", async () => {
  const { session } = await open();
  const outcome = await runInDurableObject(session, async (instance) => {
    const silent = { getByName: () => ({ publish: () => new Promise(() => undefined) }) };
    Reflect.set(instance, "env", { ...env, REVOCATIONS: silent });
    const refused = await instance.revoke();
    Reflect.set(instance, "env", env);
    return refused;
  });
  expect(outcome).toEqual({ ok: false, code: "revocation_pending" });
  expect((await session.revoke()).ok).toBe(true);
});

it("a publication that ends late does not take out the change after it", async () => {
  const { session } = await open();
  await session.updatePreferences({ defaultApp: "search" });
  const numbers = await runInDurableObject(session, async (instance, state) => {
    const number = () => state.storage.sql.exec<{ n: number }>("SELECT change_number AS n FROM outbox").toArray()[0]?.n;
    const first = instance.updatePreferences({ defaultApp: "console" });
    const before = number();
    await first;
    const second = instance.updatePreferences({ defaultApp: "profile" });
    const after = number();
    await second;
    return [before, after];
  });
  expect(numbers).toEqual([2, 3]);
});

it("an evicted session has forgotten nothing", async () => {
  const { name, session } = await open({ preferences: { defaultApp: "console" }, idleTtlMs: 300_000 });
  vi.setSystemTime(T0 + 100_000);
  const before = await session.read({ activeAtMs: T0 + 100_000 });
  await evictDurableObject(session);
  expect(await session.read({})).toEqual(before);
  await evictDurableObject(session);
  expect(await session.revoke()).toEqual({ ok: true, value: { name } });
  await evictDurableObject(session);
  expect(await session.read({})).toEqual({ ok: false, code: "session_revoked" });
});
