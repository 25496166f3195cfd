// The isolate's end of a leash: what it does when the leash breaks, which is no revocation but may hide one.

import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { SessionLeash } from "../../src/isolate/sessions/session-leash.ts";
import { hasChangedSince } from "../../src/isolate/sessions/session-snapshots.ts";
import { openSession, sessionOf } from "./session-rig.ts";

type Answer = () => Response | Promise<Response>;
const DOWN: Answer = () => Promise.reject(new Error("object is down"));
const OVER: Answer = () => new Response(null, { status: 404 });

/** An object whose ends of leashes are in the test's hands. */
function leashingObject() {
  const ends: WebSocket[] = [];
  const give: Answer = () => {
    const { 0: holder, 1: end } = new WebSocketPair();
    end.accept();
    ends.push(end);
    return new Response(null, { status: 101, webSocket: holder });
  };
  const mood = { answer: give, asked: 0 };
  const SESSION = {
    getByName: () => ({
      fetch: async () => {
        mood.asked++;
        return await mood.answer();
      },
    }),
  };
  return { SESSION, ends, mood, give };
}

async function openLeash() {
  const { name } = await openSession();
  const read = await sessionOf(name).read({});
  if (!read.ok) throw new Error("the session is not there");
  const object = leashingObject();
  const kept: Promise<unknown>[] = [];
  const ctx = { waitUntil: (work: Promise<unknown>) => void kept.push(work) };
  const bound = { ...env, SESSION: object.SESSION } as unknown as Env;
  const opened = await SessionLeash.open({ env: bound, ctx, session: read.value });
  if (!opened.ok) throw new Error(opened.code);
  const cuts: unknown[] = [];
  void opened.value.cut.then((close) => cuts.push(close));
  return { ...object, name, leash: opened.value, cuts, settled: () => Promise.all(kept) };
}
const SESSION_ENDED = { code: 4401, reason: "session ended" };
const RECONNECT = { code: 1012, reason: "reconnect" };
const QUICK = { timeout: 5_000, interval: 5 };

beforeEach(() => {
  vi.spyOn(console, "warn").mockImplementation(() => undefined);
});
afterEach(() => {
  vi.restoreAllMocks();
});

describe("opening a leash", () => {
  const open = async (answer: Answer) => {
    const { SESSION, mood } = leashingObject();
    mood.answer = answer;
    const { name } = await openSession();
    const read = await sessionOf(name).read({});
    if (!read.ok) throw new Error("the session is not there");
    const ctx = { waitUntil: () => undefined };
    return await SessionLeash.open({ env: { ...env, SESSION } as unknown as Env, ctx, session: read.value });
  };

  it("refuses unauthenticated where the session is over, object_unavailable where nobody can tell", async () => {
    expect(await open(OVER)).toEqual({ ok: false, code: "unauthenticated" });
    expect(await open(DOWN)).toEqual({ ok: false, code: "object_unavailable" });
    expect(await open(() => new Response(null, { status: 500 }))).toEqual({ ok: false, code: "object_unavailable" });
  });
});

describe("a leash", () => {
  it("that is closed with 4401 cuts at once, and asks nobody again", async () => {
    const { ends, cuts, mood } = await openLeash();
    ends[0]?.close(4401, "session ended");
    await expect.poll(() => cuts, QUICK).toEqual([SESSION_ENDED]);
    expect(mood.asked).toBe(1);
  });

  it.each([1000, 1006, 1011, 4400])("that breaks with %i is tied anew, and holds as before", async (code) => {
    const { ends, cuts, mood, settled } = await openLeash();
    if (code === 1006) ends[0]?.close();
    else ends[0]?.close(code, "restart");
    await expect.poll(() => mood.asked, QUICK).toBe(2);
    await settled();
    expect(cuts).toEqual([]);
    ends[1]?.close(4401, "session ended");
    await expect.poll(() => cuts, QUICK).toEqual([SESSION_ENDED]);
  });

  it("that breaks while its session ends cuts when the session is asked again", async () => {
    const { ends, cuts, mood, settled } = await openLeash();
    mood.answer = OVER;
    ends[0]?.close(1011, "restart");
    await expect.poll(() => cuts, QUICK).toEqual([SESSION_ENDED]);
    await settled();
  });

  it("that can't be tied anew follows the revocation log: a session it names has to reconnect, another has not", async () => {
    // Whoever has never read the log can't tell what is new in it.
    const access = { env, ctx: { waitUntil: () => undefined }, nowMs: Date.now() };
    await hasChangedSince("nobody", 0, { access, freshnessMs: 1_000 });
    const [named, other] = [await openLeash(), await openLeash()];
    for (const { mood, ends } of [named, other]) {
      mood.answer = DOWN;
      ends[0]?.close(1011, "restart");
    }
    for (const { mood } of [named, other]) await expect.poll(() => mood.asked, QUICK).toBeGreaterThan(2);
    expect([named.cuts, other.cuts]).toEqual([[], []]);
    await env.REVOCATIONS.getByName("1:replica-0").publish({ name: named.name });
    await expect.poll(() => named.cuts, QUICK).toEqual([RECONNECT]);
    expect(other.cuts).toEqual([]);
    other.mood.answer = other.give;
    await other.settled();
    expect(other.cuts).toEqual([]);
    other.leash.letGo();
  }, 20_000);

  it("that comes too late is dropped: the one that took its place is the only one", async () => {
    const { ends, cuts, mood, give, settled, leash } = await openLeash();
    const late = Promise.withResolvers<void>();
    mood.answer = async () => {
      mood.answer = give;
      await late.promise;
      return await give();
    };
    ends[0]?.close(1011, "restart");
    await expect.poll(() => mood.asked, QUICK).toBe(3);
    await settled();
    late.resolve();
    await expect.poll(() => ends.length, QUICK).toBe(3);
    const dropped = new Promise((resolve) => ends[2]?.addEventListener("close", ({ code }) => resolve(code)));
    expect(await dropped).toBe(1000);
    expect([cuts, ends[1]?.readyState]).toEqual([[], WebSocket.READY_STATE_OPEN]);
    leash.letGo();
  });

  it("that was let go is not tied anew", async () => {
    const { ends, cuts, mood, leash, settled } = await openLeash();
    const gone = new Promise((resolve) => ends[0]?.addEventListener("close", resolve));
    leash.letGo();
    leash.letGo();
    await gone;
    await settled();
    expect([cuts, mood.asked]).toEqual([[], 1]);
  });

  it("tells its session of activity when that is due, not with every frame", async () => {
    const { ends, leash } = await openLeash();
    const said: unknown[] = [];
    ends[0]?.addEventListener("message", ({ data }) => void said.push(data));
    const nowMs = Date.now();
    const hourMs = 3_600_000;
    leash.active(nowMs + hourMs - 60_000);
    for (let frame = 0; frame < 3; frame++) leash.active(nowMs + hourMs + 60_000);
    leash.active(nowMs + 2 * hourMs + 120_000);
    await expect.poll(() => said, QUICK).toEqual(["active", "active"]);
    leash.letGo();
  });
});
