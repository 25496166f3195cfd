// Who is asking, as an isolate tells it: without calls on the hot path, and never later than the freshness bound allows.

import { runDurableObjectAlarm } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { mintCookie } from "../../src/http/cookies.ts";
import { ANONYMOUS, type Identity } from "../../src/isolate/sessions/session-snapshots.ts";
import { cookieOf, FRESHNESS_MS, isolate, openSession, sessionOf } from "./session-rig.ts";

/** In the true future, so that no alarm fires by itself. */
const T0 = 4_000_000_000_000;
const later = (ms: number) => vi.setSystemTime(Date.now() + ms);
const isNow = (identity: Identity | Promise<Identity>): identity is Identity => !(identity instanceof Promise);

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: T0 });
  vi.spyOn(console, "warn").mockImplementation(() => undefined);
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

describe("a visitor without a session", () => {
  it("costs no object call and no wait", () => {
    const here = isolate();
    expect(here.identify("")).toBe(ANONYMOUS);
    expect(here.identify("theme=dark; lang=de")).toEqual({ ...ANONYMOUS, cookie: "theme=dark; lang=de" });
    expect(here.seen).toMatchObject({ reads: 0, logReads: 0 });
  });

  it("with garbage for a cookie costs no object call and no wait either, and the garbage is not forwarded", async () => {
    const here = isolate();
    const { value } = await openSession();
    const forgeries = [
      "",
      "x",
      value.slice(0, -1),
      `${value}A`,
      value.replace("v1.k1", "v1.k2"),
      `v1.k1.${"A".repeat(43)}.${"A".repeat(43)}`,
    ];
    for (const forged of forgeries) {
      expect(here.identify(`a=1; __Host-signalbox-session=${forged}`)).toEqual({ ...ANONYMOUS, cookie: "a=1" });
    }
    expect(here.seen).toMatchObject({ reads: 0, logReads: 0 });
  });

  it("is what everyone is while SESSION_KEYS is not set", async () => {
    const here = isolate({ SESSION_KEYS: "" });
    expect(here.identify(cookieOf(await openSession()))).toEqual(ANONYMOUS);
    expect(here.seen).toMatchObject({ reads: 0, logReads: 0 });
  });
});

describe("a signed-in visitor", () => {
  it("is known with headers ready to send and every other cookie kept", async () => {
    const here = isolate();
    const session = await openSession({ userId: "sonr1abc", username: "Zoë 100%" });
    const identity = await here.identify(`a=1; ${cookieOf(session)}; b=2`);
    expect(identity).toMatchObject({
      session: { name: session.name, data: { userId: "sonr1abc", username: "Zoë 100%", authenticated: true } },
      headers: { authenticated: "true", userId: "sonr1abc", username: "Zo%C3%AB 100%25" },
      cookie: "a=1; b=2",
      stale: false,
    });
  });

  it("is answered at once from the second request on, with the same object and without any call", async () => {
    const here = isolate();
    const cookie = cookieOf(await openSession());
    const first = await here.identify(cookie);
    for (let request = 0; request < 100; request++) expect(here.identify(cookie)).toBe(first);
    expect(here.seen).toMatchObject({ reads: 1, logReads: 1 });
  });

  it("is read once for 40 requests that come at the same time", async () => {
    const here = isolate();
    const session = await openSession();
    const identities = await Promise.all(
      Array.from({ length: 40 }, (_, i) => here.identify(`n=${i}; ${cookieOf(session)}`)),
    );
    expect(identities.every((identity) => identity.session?.name === session.name)).toBe(true);
    expect(identities.map(({ cookie }) => cookie)).toEqual(Array.from({ length: 40 }, (_, i) => `n=${i}`));
    expect(here.seen).toMatchObject({ reads: 1, logReads: 1 });
  });

  it("is known on plain loopback by the loopback cookie only, and elsewhere by the others only", async () => {
    const here = isolate();
    const { name, value } = await openSession();
    const header = `signalbox-session=${value}`;
    expect((await here.identify(header, { loopback: true })).session?.name).toBe(name);
    expect(here.identify(header)).toEqual(ANONYMOUS);
    expect(here.identify(`__Host-signalbox-session=${value}`, { loopback: true })).toEqual(ANONYMOUS);
  });

  it("is no longer known once its key was taken out", async () => {
    const here = isolate();
    const session = await openSession();
    await here.identify(cookieOf(session));
    const rotated = { ...env, SESSION_KEYS: `k2:${"B".repeat(42)}A` };
    expect(here.identify(cookieOf(session), { env: rotated })).toEqual(ANONYMOUS);
  });

  it("that never opened a session is refused, and asked about again only after the freshness bound", async () => {
    const here = isolate();
    const minted = mintCookie(env);
    const cookie = cookieOf({ name: "", value: minted.ok ? minted.value.value : "" });
    expect(await here.identify(cookie)).toEqual(ANONYMOUS);
    expect(here.identify(cookie)).toEqual(ANONYMOUS);
    expect(here.seen.reads).toBe(1);
    later(FRESHNESS_MS + 1);
    expect(await here.identify(cookie)).toEqual(ANONYMOUS);
    expect(here.seen.reads).toBe(2);
  });
});

describe("the revocation log", () => {
  it("makes a revocation visible within the bound, in every isolate", async () => {
    const isolates = [isolate(), isolate()];
    const session = await openSession();
    for (const one of isolates) expect((await one.identify(cookieOf(session))).session).toBeDefined();
    await sessionOf(session.name).revoke();
    later(FRESHNESS_MS + 1);
    for (const one of isolates) expect(await one.identify(cookieOf(session))).toEqual(ANONYMOUS);
  });

  it("within the bound is not asked, so a snapshot may still be used", async () => {
    const here = isolate();
    const session = await openSession();
    await here.identify(cookieOf(session));
    await sessionOf(session.name).revoke();
    later(FRESHNESS_MS * 0.75);
    const identity = here.identify(cookieOf(session));
    expect(isNow(identity) && identity.session?.name).toBe(session.name);
    expect(here.seen.logReads).toBe(1);
  });

  it("is refreshed in the background from three quarters of the bound on, so that hot traffic never waits", async () => {
    const here = isolate();
    const cookie = cookieOf(await openSession());
    await here.identify(cookie);
    for (let second = 0; second < 20; second++) {
      later(FRESHNESS_MS * 0.75 + 1);
      for (let request = 0; request < 10; request++) expect(isNow(here.identify(cookie))).toBe(true);
      await here.settled();
    }
    expect(here.seen).toMatchObject({ reads: 1, logReads: 21 });
  });

  it("makes changed preferences visible within the bound", async () => {
    const here = isolate();
    const session = await openSession();
    await here.identify(cookieOf(session));
    await sessionOf(session.name).updatePreferences({ defaultApp: "search" });
    later(FRESHNESS_MS + 1);
    expect((await here.identify(cookieOf(session))).session?.data.preferences).toEqual({ defaultApp: "search" });
  });

  it("leaves the sessions it does not name alone", async () => {
    const here = isolate();
    const [mine, other] = [await openSession(), await openSession()];
    await here.identify(cookieOf(mine));
    await sessionOf(other.name).revoke();
    later(FRESHNESS_MS + 1);
    expect((await here.identify(cookieOf(mine))).session?.name).toBe(mine.name);
    expect(here.seen).toMatchObject({ reads: 1, logReads: 2 });
  });

  it("that no longer reaches back voids every snapshot", async () => {
    const here = isolate();
    const [mine, other] = [await openSession(), await openSession()];
    await here.identify(cookieOf(mine));
    await sessionOf(other.name).revoke();
    later(300_001);
    await runDurableObjectAlarm(env.REVOCATIONS.getByName("1:replica-0"));
    expect((await here.identify(cookieOf(mine))).session?.name).toBe(mine.name);
    expect(here.seen.reads).toBe(2);
  });

  it("while it is down leaves last good answers in use, marked stale, and back up unmarks them", async () => {
    const here = isolate();
    const session = await openSession();
    await here.identify(cookieOf(session));
    here.mood.log = "down";
    later(FRESHNESS_MS + 1);
    expect(await here.identify(cookieOf(session))).toMatchObject({ session: { name: session.name }, stale: true });
    here.mood.log = "up";
    later(1_000);
    expect(await here.identify(cookieOf(session))).toMatchObject({ session: { name: session.name }, stale: false });
  });

  it("that was never read is made up for by asking the session itself, every time", async () => {
    const here = isolate();
    const session = await openSession();
    here.mood.log = "down";
    expect(await here.identify(cookieOf(session))).toMatchObject({ session: { name: session.name }, stale: false });
    await sessionOf(session.name).revoke();
    expect(await here.identify(cookieOf(session))).toEqual(ANONYMOUS);
    expect(here.seen.reads).toBe(2);
  });

  it("is followed in another replica when the one followed so far fails, from scratch: its cursors mean something else", async () => {
    const here = isolate({ REVOCATION_REPLICAS: "2" });
    const [session, other] = [await openSession(), await openSession()];
    const [first, second] = [0, 1].map((n) => env.REVOCATIONS.getByName(`1:replica-${n}`));
    const ahead = ((await first?.since(null))?.cursor ?? 0) + 2;
    for (let i = 0; i < ahead; i++) await second?.publish({ name: "x" });
    vi.spyOn(Math, "random").mockReturnValue(0.9);
    await here.identify(cookieOf(session));
    await here.identify(cookieOf(other));
    await sessionOf(session.name).revoke();
    await first?.publish({ name: "x" });
    here.mood.log = { "1:replica-1": "down" };
    later(FRESHNESS_MS + 1);
    expect(await here.identify(cookieOf(session))).toEqual(ANONYMOUS);
    expect(await here.identify(cookieOf(other))).toMatchObject({ session: { name: other.name }, stale: false });
  });
});

describe("a session that is revoked while it is being read", () => {
  it("is not let in by the answer that was on its way", async () => {
    const here = isolate();
    const [session, other] = [await openSession(), await openSession()];
    await here.identify(cookieOf(other));
    here.mood.holdReads = true;
    const early = here.identify(cookieOf(session));
    await vi.waitFor(() => expect(here.seen.readsHeld.length).toBe(1));
    here.mood.holdReads = false;
    await sessionOf(session.name).revoke();
    later(FRESHNESS_MS + 1);
    expect(await here.identify(cookieOf(session))).toEqual(ANONYMOUS);
    for (const release of here.seen.readsHeld) release();
    expect(await early).toEqual(ANONYMOUS);
    expect(here.identify(cookieOf(session))).toEqual(ANONYMOUS);
  });
});

describe("freshness 0", () => {
  it("asks the session every time and not the log", async () => {
    const here = isolate();
    const cookie = cookieOf(await openSession());
    for (let request = 0; request < 5; request++)
      expect((await here.identify(cookie, { freshnessMs: 0 })).session).toBeDefined();
    expect(here.seen).toMatchObject({ reads: 5, logReads: 0 });
  });

  it("sees a revocation at once", async () => {
    const here = isolate();
    const session = await openSession();
    await here.identify(cookieOf(session));
    await sessionOf(session.name).revoke();
    expect(await here.identify(cookieOf(session), { freshnessMs: 0 })).toEqual(ANONYMOUS);
  });

  it("lets nobody in when the session does not answer, whatever is remembered", async () => {
    const here = isolate();
    const cookie = cookieOf(await openSession());
    await here.identify(cookie);
    here.mood.session = "down";
    expect(await here.identify(cookie, { freshnessMs: 0 })).toEqual({ ...ANONYMOUS, stale: true });
  });
});

describe("an aged snapshot", () => {
  /** Keeps the log fresh while time passes, so that only the snapshot's age matters. */
  async function aged(here: ReturnType<typeof isolate>, cookie: string, ms: number) {
    later(ms);
    here.mood.session = "down";
    await here.identify(cookie);
    await here.settled();
    here.mood.session = "up";
    here.seen.reads = 0;
    later(200);
  }

  it("is used at once up to a minute without a thought", async () => {
    const here = isolate();
    const cookie = cookieOf(await openSession());
    await here.identify(cookie);
    await aged(here, cookie, 59_000);
    expect(isNow(here.identify(cookie))).toBe(true);
    expect(here.seen.reads).toBe(0);
  });

  it("is used at once after a minute and read again in the background, which reports the activity", async () => {
    const here = isolate();
    const session = await openSession();
    const cookie = cookieOf(session);
    await here.identify(cookie);
    await aged(here, cookie, 60_000);
    const seenAt = Date.now();
    expect(isNow(here.identify(cookie))).toBe(true);
    expect(isNow(here.identify(cookie))).toBe(true);
    await here.settled();
    expect(here.seen.reads).toBe(1);
    expect(await sessionOf(session.name).read({})).toMatchObject({
      ok: true,
      value: { data: { lastActivityAt: seenAt } },
    });
  });

  it("is read again in the background within its budget only, after a burst of 20", async () => {
    const here = isolate();
    const cookies = [];
    for (let i = 0; i < 40; i++) cookies.push(cookieOf(await openSession()));
    for (const cookie of cookies) await here.identify(cookie);
    later(61_000);
    await here.identify(cookies[0] ?? "");
    await here.settled();
    const before = here.seen.reads;
    for (let i = 0; i < 10; i++) for (const cookie of cookies) expect(isNow(here.identify(cookie))).toBe(true);
    await here.settled();
    expect(here.seen.reads - before).toBeLessThanOrEqual(19 + 1);
    expect(here.seen.reads - before).toBeGreaterThanOrEqual(19);
  });

  it("spends one re-read from the budget however many requests come while it is out", async () => {
    const here = isolate();
    const cookies = [];
    for (let i = 0; i < 6; i++) cookies.push(cookieOf(await openSession()));
    for (const cookie of cookies) await here.identify(cookie);
    await aged(here, cookies[0] ?? "", 60_000);
    here.mood.holdReads = true;
    for (let request = 0; request < 30; request++) void here.identify(cookies[0] ?? "");
    await vi.waitFor(() => expect(here.seen.readsHeld.length).toBe(1));
    here.mood.holdReads = false;
    for (const cookie of cookies.slice(1)) expect(isNow(here.identify(cookie))).toBe(true);
    for (const release of here.seen.readsHeld) release();
    await here.settled();
    expect(here.seen.reads).toBe(6);
  });

  it("is waited for after an hour, and stays in use, marked stale, when the session does not answer", async () => {
    const here = isolate();
    const session = await openSession();
    const cookie = cookieOf(session);
    await here.identify(cookie);
    later(3_600_000);
    here.mood.session = "down";
    expect(await here.identify(cookie)).toMatchObject({ session: { name: session.name }, stale: true });
    here.mood.session = "up";
    later(200);
    expect(await here.identify(cookie)).toMatchObject({ session: { name: session.name }, stale: false });
  });

  it("past its idle end is read before it is used: somebody else may have kept the session alive", async () => {
    const [here, there] = [isolate(), isolate()];
    const session = await openSession({ idleTtlMs: 120_000 });
    await here.identify(cookieOf(session));
    later(119_000);
    await there.identify(cookieOf(session));
    later(2_000);
    expect((await here.identify(cookieOf(session))).session?.idleExpiresAt).toBe(Date.now() + 120_000);
  });

  it("past its idle end lets nobody in without the session's word", async () => {
    const here = isolate();
    const session = await openSession({ idleTtlMs: 120_000 });
    await here.identify(cookieOf(session));
    later(120_000);
    here.mood.session = "down";
    expect(await here.identify(cookieOf(session))).toEqual({ ...ANONYMOUS, stale: true });
    here.mood.session = "up";
    later(200);
    expect(await here.identify(cookieOf(session))).toEqual(ANONYMOUS);
  });

  it("past its absolute end is nobody's, without a call to the session", async () => {
    const here = isolate();
    const cookie = cookieOf(await openSession({ absoluteTtlMs: 60_000 }));
    await here.identify(cookie);
    later(59_999);
    expect((await here.identify(cookie)).session).toBeDefined();
    await here.settled();
    here.seen.reads = 0;
    later(1);
    expect(await here.identify(cookie)).toEqual(ANONYMOUS);
    expect(here.seen.reads).toBe(0);
  });
});

describe("a short session", () => {
  it("in use every few seconds never ends as idle", async () => {
    const here = isolate();
    const session = await openSession({ idleTtlMs: 120_000 });
    for (let i = 0; i < 120; i++) {
      later(7_000);
      expect((await here.identify(cookieOf(session))).session?.name).toBe(session.name);
      await here.settled();
    }
  });
});

describe("a session object that does not answer", () => {
  it("leaves the visitor anonymous and the identity stale, until it answers again", async () => {
    const here = isolate();
    const session = await openSession();
    here.mood.session = "down";
    expect(await here.identify(cookieOf(session))).toEqual({ ...ANONYMOUS, stale: true });
    here.mood.session = "up";
    expect((await here.identify(cookieOf(session))).session?.name).toBe(session.name);
  });

  it("makes the request that needs it wait half a second for it, and the next ones not at all", async () => {
    const here = isolate();
    const session = await openSession();
    await here.identify(cookieOf(session));
    later(3_600_000);
    vi.useFakeTimers({ toFake: ["Date", "setTimeout", "clearTimeout"], now: Date.now() });
    here.mood.session = "silent";
    const waiting = here.identify(cookieOf(session));
    await vi.waitFor(() => expect(here.seen.reads).toBe(2));
    await vi.advanceTimersByTimeAsync(500);
    expect(await waiting).toMatchObject({ session: { name: session.name }, stale: true });
    const next = here.identify(cookieOf(session));
    expect(isNow(next) && next).toMatchObject({ session: { name: session.name }, stale: true });
    expect(here.seen.reads).toBe(2);
  });
});

describe("a clock that steps back", () => {
  it("voids every snapshot: the log and the session are asked again", async () => {
    const here = isolate();
    const session = await openSession();
    await here.identify(cookieOf(session));
    await sessionOf(session.name).revoke();
    later(-600);
    expect(await here.identify(cookieOf(session))).toEqual(ANONYMOUS);
    expect(here.seen).toMatchObject({ reads: 2, logReads: 2 });
  });

  it("is not what a request is that waited before it asked", async () => {
    const here = isolate();
    const cookie = cookieOf(await openSession());
    const earlier = Date.now();
    later(400);
    await here.identify(cookie);
    expect(isNow(here.identify(cookie, { nowMs: earlier }))).toBe(true);
    expect(here.seen).toMatchObject({ reads: 1, logReads: 1 });
  });
});
