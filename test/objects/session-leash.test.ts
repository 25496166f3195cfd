// The leashes of one session, through its stub: held by relayed sockets, cut when the session ends, and free of charge.

import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { OpenCommand } from "../../src/contracts/session.ts";

let count = 0;
const MINUTE = 60_000;
const DAY = 86_400_000;
/** In the true future, so that no alarm fires by itself. */
const T0 = 4_000_000_000_000;

const stubOf = (name: string) => env.SESSION.getByName(`1:${name}`);
type Stub = ReturnType<typeof stubOf>;
async function open(more: Partial<OpenCommand> = {}): Promise<Stub> {
  const name = `leashed-${count++}`;
  const session = stubOf(name);
  await session.open({ name, userId: "u1", username: "alice", ...more });
  return session;
}

const ask = (session: Stub) => session.fetch("https://session/leash", { headers: { Upgrade: "websocket" } });

type End = readonly [code: number, reason: string];
async function leash(session: Stub) {
  const { webSocket } = await ask(session);
  if (webSocket === null) throw new Error("no leash was given");
  const ends: End[] = [];
  webSocket.accept();
  webSocket.addEventListener("close", ({ code, reason }) => void ends.push([code, reason]));
  return { socket: webSocket, ends };
}

const CUT: End = [4401, "session ended"];
const expectEnds = (held: { readonly ends: readonly End[] }) => expect.poll(() => held.ends, { interval: 5 });
const rowsWritten = (session: Stub) =>
  runInDurableObject(session, (_, state) =>
    state.storage.sql.exec("SELECT last_activity_at, change_count, revoked_at FROM session").toArray(),
  );
const storedActivity = (session: Stub) =>
  runInDurableObject(
    session,
    (_, state) => state.storage.sql.exec<{ at: number }>("SELECT last_activity_at AS at FROM session").one().at,
  );
const held = (session: Stub) => runInDurableObject(session, (_, state) => state.getWebSockets().length);

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: T0 });
});
afterEach(() => {
  vi.useRealTimers();
});

describe("a leash", () => {
  it("is cut with 4401 when its session is revoked, and another session's is not", async () => {
    const [revoked, kept] = [await open(), await open()];
    const [first, second, other] = [await leash(revoked), await leash(revoked), await leash(kept)];
    await revoked.revoke();
    await expectEnds(first).toEqual([CUT]);
    await expectEnds(second).toEqual([CUT]);
    expect(other.ends).toEqual([]);
    expect([await held(revoked), await held(kept)]).toEqual([0, 1]);
  });

  it("outlives the object: one that was evicted meanwhile cuts it all the same", async () => {
    const session = await open();
    const one = await leash(session);
    await evictDurableObject(session);
    expect(one.ends).toEqual([]);
    await session.revoke();
    await expectEnds(one).toEqual([CUT]);
  });

  it("is cut before the revocation is known everywhere, and by its repetition at the latest", async () => {
    const session = await open();
    const one = await leash(session);
    vi.spyOn(console, "warn").mockImplementation(() => undefined);
    const log = env.REVOCATIONS.getByName("1:replica-0");
    await runInDurableObject(log, (_, state) => {
      state.storage.sql.exec("CREATE TRIGGER broken BEFORE INSERT ON changes BEGIN SELECT RAISE(ABORT, 'broken'); END");
    });
    expect(await session.revoke()).toEqual({ ok: false, code: "revocation_pending" });
    await expectEnds(one).toEqual([CUT]);
    await runInDurableObject(log, (_, state) => {
      state.storage.sql.exec("DROP TRIGGER broken");
    });
    vi.restoreAllMocks();
  });

  it("is cut when its session has been idle for too long, and not a moment earlier", async () => {
    const session = await open({ idleTtlMs: 2 * MINUTE });
    const one = await leash(session);
    vi.setSystemTime(T0 + 2 * MINUTE - 1);
    await runDurableObjectAlarm(session);
    expect([one.ends, await held(session)]).toEqual([[], 1]);
    vi.setSystemTime(T0 + 2 * MINUTE);
    await runDurableObjectAlarm(session);
    await expectEnds(one).toEqual([CUT]);
  });

  it("keeps its session alive by what is said on it, written down at most once a minute", async () => {
    const session = await open();
    const { socket } = await leash(session);
    vi.setSystemTime(T0 + MINUTE - 1);
    socket.send("active");
    await expect.poll(() => held(session)).toBe(1);
    expect(await storedActivity(session)).toBe(T0);
    vi.setSystemTime(T0 + MINUTE);
    socket.send("active");
    await expect.poll(() => storedActivity(session), { interval: 5 }).toBe(T0 + MINUTE);
    vi.setSystemTime(T0 + DAY + 1);
    await runDurableObjectAlarm(session);
    expect(await held(session)).toBe(1);
  });

  it("costs no row, neither when it is given nor when it is let go", async () => {
    const session = await open();
    const before = await rowsWritten(session);
    const { socket, ends } = await leash(session);
    expect(await held(session)).toBe(1);
    socket.close(1000);
    await expect.poll(() => held(session), { interval: 5 }).toBe(0);
    await expectEnds({ ends }).toHaveLength(1);
    expect(await rowsWritten(session)).toEqual(before);
  });

  it("is not cut by changed preferences", async () => {
    const session = await open();
    const one = await leash(session);
    await session.updatePreferences({ defaultApp: "search" });
    expect([one.ends, await held(session)]).toEqual([[], 1]);
  });
});

describe("a session that is over", () => {
  it("gives no leash: revoked, expired or unknown", async () => {
    const revoked = await open();
    await revoked.revoke();
    const expired = await open({ idleTtlMs: 2 * MINUTE });
    vi.setSystemTime(T0 + 2 * MINUTE);
    for (const session of [revoked, expired, stubOf(`leashed-${count++}`)]) {
      const { status, webSocket } = await ask(session);
      expect([status, webSocket]).toEqual([404, null]);
    }
  });

  it("that never was leaves no trace when a leash is asked for", async () => {
    const session = stubOf(`leashed-${count++}`);
    await ask(session);
    const tables = await runInDurableObject(session, (_, state) =>
      state.storage.sql.exec("SELECT name FROM sqlite_master WHERE type = 'table'").toArray(),
    );
    expect(tables).toEqual([]);
  });
});
