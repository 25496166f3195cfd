// One replica of the revocation log, through its stub.

import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { SessionChange } from "../../src/contracts/session.ts";
import { CHANGE_KEPT_MS, CHANGES_MAX } from "../../src/policies/sessions/change-log.ts";

let count = 0;
const replica = () => env.REVOCATIONS.getByName(`replica-under-test-${count++}`);
const revoked = (name: string): SessionChange => ({ name });
const names = (news: { readonly changes: readonly SessionChange[] }) => news.changes.map(({ name }) => name);
const rowCount = (log: DurableObjectStub<undefined>) =>
  runInDurableObject(
    log,
    (_, state) => state.storage.sql.exec<{ n: number }>("SELECT count(*) AS n FROM changes").one().n,
  );

/** In the true future, so that no alarm fires by itself. */
const T0 = 4_000_000_000_000;
beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: T0 });
});
afterEach(() => {
  vi.useRealTimers();
});

describe("following the log", () => {
  it("a first reader is told of a gap and where to go on from", async () => {
    const log = replica();
    expect(await log.since(null)).toEqual({ cursor: 0, changes: [], gap: true });
    await log.publish(revoked("a"));
    expect(await log.since(null)).toEqual({ cursor: 1, changes: [], gap: true });
  });

  it("a reader gets what was published after its cursor, in order, and once", async () => {
    const log = replica();
    await log.publish(revoked("before"));
    const { cursor } = await log.since(null);
    await log.publish(revoked("a"));
    await log.publish({ name: "b" });
    const news = await log.since(cursor);
    expect(news).toEqual({ cursor: cursor + 2, changes: [revoked("a"), { name: "b" }], gap: false });
    expect(await log.since(news.cursor)).toEqual({ cursor: news.cursor, changes: [], gap: false });
  });

  it("a cursor ahead of the log comes from another state and has a gap", async () => {
    const log = replica();
    await log.publish(revoked("a"));
    expect(await log.since(2)).toMatchObject({ cursor: 1, gap: true });
    expect(await log.since(1)).toMatchObject({ cursor: 1, gap: false });
  });

  it("more news than a reader is told one by one are a gap", async () => {
    const log = replica();
    await log.publish(revoked("first"));
    await runInDurableObject(log, (_, state) => {
      for (let i = 1; i < CHANGES_MAX; i++) {
        state.storage.sql.exec("INSERT INTO changes (at, name) VALUES (?, 'x')", T0);
      }
    });
    const all = await log.since(0);
    expect(all.gap).toBe(false);
    expect(all.changes.length).toBe(CHANGES_MAX);
    await log.publish(revoked("one too many"));
    expect(await log.since(0)).toEqual({ cursor: CHANGES_MAX + 1, changes: [], gap: true });
  });

  it("reading writes nothing", async () => {
    const log = replica();
    await log.since(null);
    await log.since(5);
    expect(await rowCount(log)).toBe(0);
    expect(await runDurableObjectAlarm(log)).toBe(false);
  });
});

describe("pruning", () => {
  it("takes entries after five minutes; a reader that knew them has no gap, one that did not has", async () => {
    const log = replica();
    await log.publish(revoked("old"));
    vi.setSystemTime(T0 + CHANGE_KEPT_MS - 1);
    await log.publish(revoked("young"));
    vi.setSystemTime(T0 + CHANGE_KEPT_MS);
    expect(await runDurableObjectAlarm(log)).toBe(true);
    expect(await rowCount(log)).toBe(1);
    expect(await log.since(0)).toMatchObject({ gap: true });
    const news = await log.since(1);
    expect(news.gap).toBe(false);
    expect(names(news)).toEqual(["young"]);
  });

  it("does not take what is younger, and comes back for it", async () => {
    const log = replica();
    await log.publish(revoked("a"));
    vi.setSystemTime(T0 + CHANGE_KEPT_MS - 1);
    await runDurableObjectAlarm(log);
    expect(await rowCount(log)).toBe(1);
    vi.setSystemTime(T0 + CHANGE_KEPT_MS);
    expect(await runDurableObjectAlarm(log)).toBe(true);
    expect(await rowCount(log)).toBe(0);
    expect(await runDurableObjectAlarm(log)).toBe(false);
  });

  it("works off a long log in bounded batches", async () => {
    const log = replica();
    await log.publish(revoked("first"));
    await runInDurableObject(log, (_, state) => {
      for (let i = 1; i < 2_500; i++) {
        state.storage.sql.exec("INSERT INTO changes (at, name) VALUES (?, 'x')", T0);
      }
    });
    vi.setSystemTime(T0 + CHANGE_KEPT_MS);
    const left: number[] = [];
    while (await runDurableObjectAlarm(log)) left.push(await rowCount(log));
    expect(left).toEqual([1_500, 500, 0]);
  });

  it("never gives a cursor out twice, not even after everything was pruned and the object evicted", async () => {
    const log = replica();
    await log.publish(revoked("a"));
    await log.publish(revoked("b"));
    vi.setSystemTime(T0 + CHANGE_KEPT_MS);
    await runDurableObjectAlarm(log);
    await evictDurableObject(log);
    expect(await log.since(2)).toEqual({ cursor: 2, changes: [], gap: false });
    expect(await log.since(1)).toMatchObject({ gap: true });
    await log.publish(revoked("c"));
    expect(await log.since(2)).toEqual({ cursor: 3, changes: [revoked("c")], gap: false });
  });
});

it("an evicted replica has forgotten nothing", async () => {
  const log = replica();
  await log.publish(revoked("a"));
  await evictDurableObject(log);
  await log.publish(revoked("b"));
  expect(names(await log.since(0))).toEqual(["a", "b"]);
  vi.setSystemTime(T0 + CHANGE_KEPT_MS);
  expect(await runDurableObjectAlarm(log)).toBe(true);
  expect(await rowCount(log)).toBe(0);
});
