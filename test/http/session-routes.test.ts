// /api/session and /api/super/sessions over HTTP, grouped by what they answer.

import { env } from "cloudflare:workers";
import { beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { sessionOf } from "../isolate/session-rig.ts";
import { asAdmin, configure, jsonOf, send } from "./send.ts";

type Call = {
  /** Whose host the call is made to; the path is the call's own. */
  readonly origin?: string;
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
  readonly id?: string;
  readonly vars?: Record<string, unknown>;
};
type Verb = { readonly method: string; readonly path: string; readonly isAdmins: boolean };

const LOOPBACK = "http://localhost:8787";
const postSession: Verb = { method: "POST", path: "/api/super/sessions", isAdmins: true };
const getSessionById: Verb = { method: "GET", path: "/api/super/sessions/", isAdmins: true };
const deleteSession: Verb = { method: "DELETE", path: "/api/super/sessions/", isAdmins: true };
const getSession: Verb = { method: "GET", path: "/api/session", isAdmins: false };
const postPreferences: Verb = { method: "POST", path: "/api/session/preferences", isAdmins: false };
const logout: Verb = { method: "POST", path: "/api/session/logout", isAdmins: false };

/** What a client gets: the status, the body as JSON, and the headers. */
async function call(
  { method, path, isAdmins }: Verb,
  { origin = LOOPBACK, body, headers = {}, id = "", vars }: Call = {},
) {
  const answer = await send(`${origin}${path}${id}`, {
    method,
    headers: { ...(isAdmins && asAdmin), ...headers },
    ...(body !== undefined && { body }),
    ...(vars !== undefined && { vars }),
  });
  return { status: answer.status, body: jsonOf(answer), headers: answer.headers };
}

/** The code of a refusal. */
const misuse = async (verb: Verb, of: Call) => (await call(verb, of)).body.code;

const alice = { userId: "u1", username: "alice" };

async function open(origin = LOOPBACK, more = {}) {
  const opened = await call(postSession, { origin, body: { ...alice, ...more } });
  const set = opened.headers.getSetCookie();
  return { ...opened, id: String(opened.body.id), set, cookie: set[0]?.split(";")[0] ?? "" };
}

const auditOf = async (subject: string) =>
  (await env.CONTROL.getByName("1:plane").auditLog({ limit: 1_000 })).filter((row) => row.subject === subject);

const sessionObjects = () => vi.spyOn(env.SESSION, "getByName");

beforeAll(() => configure({ domain: "sonr.id" }));
beforeEach(() => {
  vi.restoreAllMocks();
});

describe("POST /api/super/sessions", () => {
  it("opens a session: 201 with what it is, when it ends, and its cookie", async () => {
    const before = Date.now();
    const opened = await open(LOOPBACK, {
      preferences: { defaultApp: "search" },
      idleTtlMs: 120_000,
      absoluteTtlMs: 600_000,
    });
    expect(opened.status).toBe(201);
    expect(opened.body).toMatchObject({ ...alice, authenticated: true, preferences: { defaultApp: "search" } });
    expect(opened.body.id).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(Number(opened.body.idleExpiresAt) - Number(opened.body.createdAt)).toBe(120_000);
    expect(Number(opened.body.absoluteExpiresAt) - Number(opened.body.createdAt)).toBe(600_000);
    expect(Number(opened.body.createdAt)).toBeGreaterThanOrEqual(before);
    expect(opened.set[0]).toMatch(
      /^signalbox-session=v1\.k1\.[\w-]{43}\.[\w-]{43}; Path=\/; Max-Age=600; HttpOnly; SameSite=Lax$/,
    );
  });

  it("sets the cookie its host may carry", async () => {
    expect((await open("https://plane.example")).set).toEqual([expect.stringMatching(/^__Host-.*; Secure$/)]);
    expect((await open("https://console.sonr.id")).set[0]).toMatch(/^__Secure-.*; Domain=sonr\.id; .*; Secure$/);
  });

  it("never says the cookie's value anywhere but in Set-Cookie", async () => {
    const opened = await open();
    const [, , id, mac] = opened.cookie.split("=")[1]?.split(".") ?? [];
    const said = JSON.stringify([opened.body, await auditOf(opened.id)]);
    expect(said).not.toContain(id);
    expect(said).not.toContain(mac);
  });

  it("is written to the audit log, once", async () => {
    const { id } = await open();
    expect(await auditOf(id)).toMatchObject([{ action: "session.open", actor: "admin", detail: { userId: "u1" } }]);
  });

  it("without usable SESSION_KEYS answers 503 that names them and opens nothing", async () => {
    const objects = sessionObjects();
    for (const SESSION_KEYS of ["", "k1:short"]) {
      const refused = await call(postSession, { body: alice, vars: { SESSION_KEYS } });
      expect(refused).toMatchObject({ status: 503, body: { code: "session_keys_unset" } });
      expect(refused.body.detail).toContain("SESSION_KEYS");
    }
    expect(objects).not.toHaveBeenCalled();
  });

  it.each([
    ["no user id", { username: "alice" }],
    ["an empty user id", { userId: "", username: "alice" }],
    ["a user name that is too long", { userId: "u1", username: "x".repeat(257) }],
    ["half a surrogate pair", { userId: "u1", username: "\ud800" }],
    ["an unknown app", { ...alice, preferences: { defaultApp: "banking" } }],
    ["a list of preferences", { ...alice, preferences: [] }],
    ["a field nobody knows", { ...alice, admin: true }],
    ["an idle time below two minutes", { ...alice, idleTtlMs: 119_999 }],
    ["half a millisecond", { ...alice, idleTtlMs: 120_000.5 }],
  ])("refuses a body with %s", async (_, body) => {
    expect(await misuse(postSession, { body })).toBe("invalid_body");
  });
});

describe("GET /api/super/sessions/{id}", () => {
  it("shows the session to an operator, which is no activity", async () => {
    const { id, body } = await open();
    expect(await call(getSessionById, { id })).toMatchObject({ status: 200, body });
  });

  it("answers 404 to what names no session, and wakes no object for what cannot", async () => {
    expect(await call(getSessionById, { id: "A".repeat(43) })).toMatchObject({
      status: 404,
      body: { code: "unknown_session" },
    });
    const objects = sessionObjects();
    for (const id of ["x", "A".repeat(44), "..%2Fplane", "%20"])
      expect((await call(getSessionById, { id })).status).toBe(404);
    expect(objects).not.toHaveBeenCalled();
  });
});

describe("DELETE /api/super/sessions/{id}", () => {
  it("revokes, also twice, and is written to the audit log each time", async () => {
    const { id, cookie } = await open();
    expect(await call(deleteSession, { id })).toMatchObject({ status: 200, body: { id, revoked: true } });
    expect(await call(getSession, { headers: { Cookie: cookie } })).toMatchObject({
      status: 401,
      body: { code: "unauthenticated" },
    });
    expect(await call(getSessionById, { id })).toMatchObject({ status: 404, body: { code: "session_revoked" } });
    expect((await call(deleteSession, { id })).status).toBe(200);
    expect((await auditOf(id)).filter(({ action }) => action === "session.revoke").length).toBe(2);
  });

  it("answers 404 to a session that never was and writes nothing", async () => {
    const id = "B".repeat(43);
    expect(await call(deleteSession, { id })).toMatchObject({ status: 404, body: { code: "unknown_session" } });
    expect(await call(deleteSession, { id: "x" })).toMatchObject({ status: 404 });
    expect(await auditOf(id)).toEqual([]);
  });
});

describe("GET /api/session", () => {
  it("tells the holder of a cookie who they are and until when", async () => {
    const { cookie, body } = await open(LOOPBACK, { preferences: { defaultApp: "profile" } });
    const { id: _, lastActivityAt: __, idleExpiresAt: ___, ...lasting } = body;
    const mine = await call(getSession, { headers: { Cookie: `a=1; ${cookie}` } });
    expect(mine).toMatchObject({ status: 200, body: lasting });
    expect(mine.body).not.toHaveProperty("id");
    expect(mine.headers.get("Cache-Control")).toBe("no-store");
  });

  it("answers 401 to everyone else, and asks no object about a forged cookie", async () => {
    const { cookie } = await open();
    const objects = sessionObjects();
    for (const Cookie of [
      "",
      "a=1",
      `${cookie}x`,
      cookie.replace("v1.k1", "v1.k9"),
      cookie.replace("signalbox", "__Host-signalbox"),
    ]) {
      expect(await call(getSession, { headers: { Cookie } })).toMatchObject({
        status: 401,
        body: { code: "unauthenticated" },
      });
    }
    expect(objects).not.toHaveBeenCalled();
    await call(getSession, { headers: { Cookie: cookie } });
    expect(objects).toHaveBeenCalledOnce();
  });

  it("answers 401 while SESSION_KEYS is not set", async () => {
    const { cookie } = await open();
    expect((await call(getSession, { headers: { Cookie: cookie }, vars: { SESSION_KEYS: "" } })).status).toBe(401);
  });
});

describe("POST /api/session/preferences", () => {
  it("replaces the preferences", async () => {
    const { id, cookie } = await open(LOOPBACK, { preferences: { defaultApp: "profile" } });
    const changed = await call(postPreferences, { headers: { Cookie: cookie }, body: { defaultApp: "search" } });
    expect(changed).toMatchObject({ status: 200, body: { ...alice, preferences: { defaultApp: "search" } } });
    expect(await sessionOf(id).read({})).toMatchObject({ value: { data: { preferences: { defaultApp: "search" } } } });
  });

  it("without a session is 401, with a bad body 400, from another origin 403, and then changes nothing", async () => {
    const { id, cookie } = await open(LOOPBACK, { preferences: { defaultApp: "profile" } });
    const body = { defaultApp: "search" };
    expect((await call(postPreferences, { body })).status).toBe(401);
    expect(await misuse(postPreferences, { headers: { Cookie: cookie }, body: { defaultApp: "banking" } })).toBe(
      "invalid_body",
    );
    expect(await misuse(postPreferences, { headers: { Cookie: cookie }, body: [] })).toBe("invalid_body");
    const headers = { Cookie: cookie, Origin: "https://evil.example" };
    expect(await misuse(postPreferences, { headers, body })).toBe("cross_origin");
    expect(await sessionOf(id).read({})).toMatchObject({ value: { data: { preferences: { defaultApp: "profile" } } } });
  });
});

describe("POST /api/session/logout", () => {
  it("revokes the session and clears its cookie", async () => {
    const { id, cookie } = await open();
    const out = await call(logout, { headers: { Cookie: cookie, "Sec-Fetch-Site": "same-origin" } });
    expect(out).toMatchObject({ status: 200, body: { authenticated: false } });
    expect(out.headers.getSetCookie()).toEqual(["signalbox-session=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax"]);
    expect(await sessionOf(id).read({})).toEqual({ ok: false, code: "session_revoked" });
    expect((await call(getSession, { headers: { Cookie: cookie } })).status).toBe(401);
  });

  it("twice is fine; without a session it is 401", async () => {
    const { cookie } = await open();
    await call(logout, { headers: { Cookie: cookie } });
    expect((await call(logout, { headers: { Cookie: cookie } })).status).toBe(200);
    expect((await call(logout)).status).toBe(401);
  });

  it("may come from a sub-domain of the configured domain, not from elsewhere, and a refused one revokes nothing", async () => {
    const origin = "https://sonr.id";
    const { id, cookie } = await open(origin);
    for (const Origin of ["https://evil.example", "https://evilsonr.id", "http://console.sonr.id", "null"]) {
      expect(await misuse(logout, { origin, headers: { Cookie: cookie, Origin } })).toBe("cross_origin");
    }
    expect(await misuse(logout, { origin, headers: { Cookie: cookie, "Sec-Fetch-Site": "cross-site" } })).toBe(
      "cross_origin",
    );
    expect((await sessionOf(id).read({})).ok).toBe(true);
    const headers = { Cookie: cookie, Origin: "https://console.sonr.id", "Sec-Fetch-Site": "same-site" };
    expect((await call(logout, { origin, headers })).status).toBe(200);
    expect((await sessionOf(id).read({})).ok).toBe(false);
  });
});
