// Document 000's routes on the configuration that `npm start` begins with, as a visitor meets them.

import { readFileSync } from "node:fs";
import { parse } from "jsonc-parser";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ADMIN_SECRET, type Plane, startPlane } from "./plane.ts";
import { ask } from "./raw-http.ts";

let plane: Plane;
beforeAll(async () => {
  plane = await startPlane({ config: parse(readFileSync("examples/signalbox.jsonc", "utf8")) });
});
afterAll(async () => {
  await plane?.stop();
});

type Seen = {
  app: string;
  path: string;
  session: { authenticated: boolean; userId: string | null; username: string | null };
};

async function visit(host: string, path: string, cookie?: string): Promise<Seen> {
  const headers = { Accept: "application/json", ...(cookie !== undefined && { Cookie: cookie }) };
  const answer = await ask(plane.port, path, { host, headers });
  expect(answer.status).toBe(200);
  return JSON.parse(answer.body) as Seen;
}

/** A session opened at `host`, and the cookie a browser there would keep. */
async function signIn(host: string, defaultApp?: string): Promise<{ cookie: string; setCookie: string }> {
  const answer = await ask(plane.port, "/api/super/sessions", {
    host,
    method: "POST",
    headers: { "X-Admin-Secret": ADMIN_SECRET, "Content-Type": "application/json" },
    body: JSON.stringify({ userId: "sonr1abc", username: "alice", ...(defaultApp && { preferences: { defaultApp } }) }),
  });
  expect(answer.status).toBe(201);
  const setCookie = answer.headers.get("Set-Cookie") ?? "";
  return { setCookie, cookie: /[A-Za-z_-]*signalbox-session=v1[^;]*/.exec(setCookie)?.[0] ?? "" };
}

describe("sub-domains come first", () => {
  it.each([
    ["console.sonr.id", "/dashboard", "console"],
    ["profile.sonr.id", "/settings", "profile"],
    ["search.sonr.id", "/", "search"],
    ["CONSOLE.sonr.id:8787", "/dashboard", "console"],
    ["console.localhost", "/dashboard", "console"],
    ["console.sonr.id", "/profile/settings", "console"],
  ])("%s%s reaches %s", async (host, path, app) => {
    expect((await visit(host, path)).app).toBe(app);
  });

  it("a look-alike domain reaches none of them", async () => {
    expect((await ask(plane.port, "/dashboard", { host: "console.evil.com" })).status).toBe(404);
  });
});

describe("paths on the main domain come second", () => {
  it.each(
    ["sonr.id", "localhost", "127.0.0.1"].flatMap((host) => [
      [host, "/console/dashboard", "console"],
      [host, "/console", "console"],
      [host, "/profile/settings", "profile"],
      [host, "/search/", "search"],
      [host, "/login", "auth"],
      [host, "/", "auth"],
      [host, "/searchx", "auth"],
    ]),
  )("%s%s reaches %s", async (host, path, app) => {
    expect(await visit(host, path)).toMatchObject({ app, path });
  });
});

describe("the session decides for a signed-in visitor", () => {
  it.each([
    ["console", "console"],
    ["profile", "profile"],
    ["search", "search"],
    [undefined, "console"],
  ])("with defaultApp %s, / reaches %s", async (defaultApp, app) => {
    const { cookie } = await signIn("sonr.id", defaultApp);
    expect(await visit("sonr.id", "/", cookie)).toMatchObject({
      app,
      session: { authenticated: true, userId: "sonr1abc", username: "alice" },
    });
    expect((await visit("sonr.id", "/login", cookie)).app).toBe("auth");
    expect((await visit("search.sonr.id", "/", cookie)).app).toBe("search");
  });

  it("a changed preference moves the visitor", async () => {
    const { cookie } = await signIn("127.0.0.1", "profile");
    expect((await visit("127.0.0.1", "/", cookie)).app).toBe("profile");
    const changed = await ask(plane.port, "/api/session/preferences", {
      method: "POST",
      headers: { Cookie: cookie, "Content-Type": "application/json" },
      body: JSON.stringify({ defaultApp: "search" }),
    });
    expect(changed.status).toBe(200);
    await expect.poll(async () => (await visit("127.0.0.1", "/", cookie)).app, { timeout: 2_000 }).toBe("search");
  });

  it("logging out ends it, and a forged cookie never begins it", async () => {
    const { cookie } = await signIn("127.0.0.1");
    const foreign = await ask(plane.port, "/api/session/logout", {
      method: "POST",
      headers: { Cookie: cookie, Origin: "https://evil.example" },
    });
    expect(foreign.status).toBe(403);
    const out = await ask(plane.port, "/api/session/logout", { method: "POST", headers: { Cookie: cookie } });
    expect([out.status, out.headers.get("Set-Cookie")]).toEqual([200, expect.stringContaining("Max-Age=0")]);
    await expect
      .poll(async () => (await visit("127.0.0.1", "/", cookie)).session.authenticated, { timeout: 2_000 })
      .toBe(false);
    const forged = `${cookie.slice(0, -1)}${cookie.endsWith("A") ? "B" : "A"}`;
    expect((await visit("127.0.0.1", "/", forged)).session.authenticated).toBe(false);
  });
});

describe("the session cookie", () => {
  it("is shared by sub-domains over the domain, bound to a host elsewhere, and plain only on loopback", async () => {
    expect((await signIn("sonr.id")).setCookie).toMatch(
      /__Secure-signalbox-session=v1[^;]*; Domain=sonr\.id; .*Secure/,
    );
    expect((await signIn("other.example")).setCookie).toMatch(/__Host-signalbox-session=v1[^,]*Secure/);
    const loopback = (await signIn("127.0.0.1")).setCookie;
    expect(loopback).toMatch(/^signalbox-session=v1[^;]*; Path=\/; .*HttpOnly; SameSite=Lax$/);
    expect((await visit("sonr.id", "/", loopback.split(";")[0])).session.authenticated).toBe(false);
  });
});

describe("the control surface", () => {
  const admin = { "X-Admin-Secret": ADMIN_SECRET };

  it("takes the secret in three headers, and no other value in any", async () => {
    for (const headers of [admin, { Authorization: `Bearer ${ADMIN_SECRET}` }, { "X-API-Key": ADMIN_SECRET }]) {
      expect((await ask(plane.port, "/api/super/config", { headers })).status).toBe(200);
    }
    for (const headers of [
      {},
      { "X-Admin-Secret": "" },
      { "X-Admin-Secret": `${ADMIN_SECRET} x` },
      { Authorization: ADMIN_SECRET.slice(1) },
    ]) {
      expect((await ask(plane.port, "/api/super/config", { headers })).status).toBe(401);
    }
  });

  it("answers what is not there with 404 and a wrong method with 405 and what is allowed", async () => {
    expect((await ask(plane.port, "/api/super/nothing", { headers: admin })).status).toBe(404);
    expect((await ask(plane.port, "/admin", {})).status).toBe(401);
    const wrong = await ask(plane.port, "/health", { method: "POST" });
    expect([wrong.status, wrong.headers.get("Allow")]).toEqual([405, "HEAD, GET"]);
    expect((await ask(plane.port, "/health", { method: "HEAD" })).status).toBe(200);
  });

  it("says what is wrong with a body, and where", async () => {
    const send = async (body: string) => {
      const answer = await ask(plane.port, "/api/super/config", {
        method: "PUT",
        headers: { ...admin, "Content-Type": "application/json" },
        body,
      });
      return { status: answer.status, ...(JSON.parse(answer.body) as object) };
    };
    expect(await send('{"domain": ]')).toMatchObject({ status: 400, code: "malformed_json", position: 11 });
    expect(await send('{"rotes": []}')).toMatchObject({
      status: 400,
      code: "invalid_config",
      problems: [{ path: "rotes" }],
    });
    expect(await send(`{"domain": "${"a".repeat(1_100_000)}"}`)).toMatchObject({ status: 413, code: "body_too_large" });
  });

  it("explains a request without sending it", async () => {
    const ask2 = async (asked: object) => {
      const answer = await ask(plane.port, "/api/super/explain", {
        method: "POST",
        headers: { ...admin, "Content-Type": "application/json" },
        body: JSON.stringify(asked),
      });
      return JSON.parse(answer.body) as object;
    };
    expect(await ask2({ url: "http://console.sonr.id/dashboard" })).toMatchObject({
      outcome: "forward",
      pool: { name: "console" },
      session: null,
    });
    expect(await ask2({ url: "http://sonr.id/a/../b" })).toMatchObject({
      outcome: "refuse",
      code: "bad_path",
      status: 400,
    });
    expect(await ask2({ url: "http://sonr.id/admin/workers" })).toMatchObject({ outcome: "control" });
    const { cookie } = await signIn("sonr.id", "profile");
    expect(await ask2({ url: "http://sonr.id/", headers: { Cookie: cookie } })).toMatchObject({
      outcome: "forward",
      pool: { name: "profile" },
      session: { userId: "sonr1abc" },
    });
  });
});

describe("a server whose admin secret is empty", () => {
  it("answers every admin call with 503 naming it, whatever is sent", async () => {
    const bare = await startPlane({ env: { ADMIN_SECRET: "" } });
    try {
      for (const headers of [
        {},
        { "X-Admin-Secret": "" },
        { Authorization: "Bearer " },
        { "X-API-Key": "undefined" },
      ] as Record<string, string>[]) {
        const answer = await ask(bare.port, "/api/super/config", { headers });
        expect([answer.status, (JSON.parse(answer.body) as { code: string }).code]).toEqual([
          503,
          "admin_secret_unset",
        ]);
        expect(answer.body).toContain("ADMIN_SECRET");
      }
      expect((await ask(bare.port, "/health")).status).toBe(200);
    } finally {
      await bare.stop();
    }
  });
});
