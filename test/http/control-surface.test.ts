// What holds for every path of the control surface, whatever route is configured: it is reserved, known or 404, and its faults stay inside.

import { beforeAll, describe, expect, it } from "vitest";
import { isControlPath } from "../../src/policies/routing/control-paths.ts";
import router from "../../src/router.ts?raw";
import { captureLines } from "../captured-lines.ts";
import { configure, downObject, jsonOf, type Sent, send, sendAsAdmin } from "./send.ts";

/** Every pattern the router knows, from its own screen. `/health*` stands for the path itself and what begins with it. */
const PATTERNS = [...router.matchAll(/^ {2}\.(get|post|put|patch|delete|all)\("(\/[^"]+)"/gm)].map(
  ([, method = "", pattern = ""]) => ({
    method: method.toUpperCase(),
    path: pattern.replace(/\b\*$/, "").replaceAll(/:\w+|\*/g, "x"),
  }),
);
const ROUTES = PATTERNS.filter(({ method }) => method !== "ALL");

const lines = captureLines();
beforeAll(async () => {
  await configure({
    pools: { app: { exposed: true, instances: [{ id: "app", binding: "AUTH_APP" }] } },
    routes: [
      { id: "everything", pool: "app" },
      { id: "first", host: "console.example", pool: "app", priority: 1_000 },
    ],
  });
});

const withSecret = (path: string) => sendAsAdmin(path, { method: "POST", body: {} });

describe("every path of the router", () => {
  it("is found: none is written in a way that this test overlooks", () => {
    expect(ROUTES.length).toBeGreaterThanOrEqual(19);
    expect(PATTERNS.length).toBe(router.match(/^ {2}\.\w+\(/gm)?.length);
  });

  it.each(PATTERNS)("$method $path is reserved", ({ path }) => {
    expect(isControlPath(path)).toBe(true);
  });

  it.each(ROUTES)("$method $path never reaches a backend, on any host", async ({ method, path }) => {
    for (const host of ["localhost", "console.example"]) {
      const answer = await send(`http://${host}${path}`, { method });
      expect(answer.text).not.toContain('"app":"motr-auth"');
      expect([200, 401]).toContain(answer.status);
    }
  });

  it.each(ROUTES)("$path answers a method it does not know with 405 and those it knows", async ({ method, path }) => {
    const answer = await sendAsAdmin(path, { method: "OPTIONS" });
    expect([answer.status, jsonOf(answer).code]).toEqual([405, "method_not_allowed"]);
    expect(answer.headers.get("Allow")?.split(", ")).toContain(method);
  });

  it.each(ROUTES.filter(({ path }) => !/^\/(health|version|api\/session|api\/workers)/.test(path)))(
    "$method $path needs the admin secret",
    async ({ method, path }) => {
      const answer = await send(path, { method });
      expect([answer.status, jsonOf(answer).code]).toEqual([401, "admin_unauthorized"]);
    },
  );

  it("GET /api/workers/status needs a session or the admin secret", async () => {
    const codes = [];
    for (const headers of [{}, { Cookie: "session=made-up" }, { "X-Admin-Secret": "wrong" }])
      codes.push(jsonOf(await send("/api/workers/status", { headers })).code);
    expect(codes).toEqual(["unauthenticated", "unauthenticated", "admin_unauthorized"]);
  });
});

describe("a reserved path without a route", () => {
  it.each([
    "/api/super/x",
    "/api/super",
    "/admin/x",
    "/balancer/x",
    "/discovery/x",
    "/metrics",
    "/api/sessions",
    "/api/session/x",
  ])("%s is 404 and never traffic", async (path) => {
    const answer = await withSecret(path);
    expect([answer.status, jsonOf(answer).code]).toEqual([404, "not_found"]);
  });

  it.each(["/api/super/x", "/admin/x", "/balancer/x", "/discovery/x"])("%s says so to operators only", async (path) => {
    expect((await send(path)).status).toBe(401);
  });

  it("its twin beside the reserved ones is traffic", async () => {
    for (const path of ["/api/superb", "/administrator", "/api/chat", "/metric"])
      expect(jsonOf(await send(path)).app).toBe("motr-auth");
  });
});

describe("headers", () => {
  const numbered = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, n) => [`x-${n}`, "1"]));

  it.each(["/health", "/api/super/config", "/api/session"])(
    "past the bounds of traffic are 431 on %s too",
    async (path) => {
      for (const headers of [numbered(101), { "x-large": "x".repeat(131_072) }]) {
        const answer = await send(path, { headers });
        expect([answer.status, jsonOf(answer).code]).toEqual([431, "headers_too_large"]);
      }
      expect((await send(path, { headers: numbered(90) })).status).not.toBe(431);
    },
  );
});

describe("behind a proxy that ends TLS", () => {
  const host = "http://plane.example";
  const proxied = { "X-Forwarded-Proto": "https" };
  const vars = { TRUSTED_HOPS: "1" };
  const open = async (sent: Sent) => {
    const body = { userId: "u1", username: "alice" };
    const opened = await sendAsAdmin(`${host}/api/super/sessions`, { ...sent, body });
    return opened.headers.getSetCookie()[0] ?? "";
  };

  it("cookies and origins are judged by the client's scheme", async () => {
    const cookie = await open({ headers: proxied, vars });
    expect(cookie).toMatch(/^__Host-.*; Secure$/);
    const headers = { ...proxied, Cookie: cookie.split(";", 1)[0] ?? "", Origin: "https://plane.example" };
    const foreign = { ...headers, Origin: "http://plane.example" };
    expect((await send(`${host}/api/session/logout`, { method: "POST", headers: foreign, vars })).status).toBe(403);
    expect((await send(`${host}/api/session/logout`, { method: "POST", headers, vars })).status).toBe(200);
  });

  it("a scheme that no trusted proxy told is not believed", async () => {
    const headers = { ...proxied, Origin: "https://plane.example" };
    expect((await send(`${host}/api/session/logout`, { method: "POST", headers })).status).toBe(403);
  });
});

describe("HEAD", () => {
  it("is GET without a body, under one request id", async () => {
    const answer = await sendAsAdmin("/api/super/config", { method: "HEAD" });
    expect([answer.status, answer.text]).toEqual([200, ""]);
    expect(answer.headers.get("ETag")).toMatch(/^"\d+"$/);
    expect(lines.join("\n")).toContain(answer.headers.get("X-Request-Id"));
  });
});

describe("a fault", () => {
  const failing = (error: Error) => ({ CONTROL: downObject(error) });
  const ask = (error: Error) => sendAsAdmin("/api/super/audit", { vars: failing(error) });

  it("is 500 without its message, which the log has", async () => {
    const answer = await ask(new Error("the inner workings"));
    expect([answer.status, jsonOf(answer).code]).toEqual([500, "internal_error"]);
    expect(answer.text).not.toContain("inner workings");
    expect(
      lines.some((line) => line.includes("the inner workings") && line.includes(String(jsonOf(answer).requestId))),
    ).toBe(true);
  });

  it.each(["retryable", "overloaded"])("that the platform calls %s is 503", async (flag) => {
    const answer = await ask(Object.assign(new Error("the inner workings"), { [flag]: true }));
    expect([answer.status, jsonOf(answer).code]).toEqual([503, "object_unavailable"]);
    expect(answer.text).not.toContain("inner workings");
  });
});

describe("the log", () => {
  it("has one line per call, without the query and without a secret", async () => {
    const headers = { "X-Request-Id": "control-0001" };
    await sendAsAdmin("/api/super/audit?limit=7", { headers });
    const written = lines.filter((line) => line.includes("control-0001"));
    expect(written).toHaveLength(1);
    expect(JSON.parse(written[0] ?? "")).toMatchObject({ msg: "request", path: "/api/super/audit", status: 200 });
    expect(written[0]).not.toMatch(/limit|test-admin-secret/);
  });
});
