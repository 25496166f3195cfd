// What traffic is refused with, by status: the code that programs read, the keys that the documents name, and nothing internal.

import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";
import { type Answer, asAdmin, BACKEND_API_KEY, configure, jsonOf, send } from "../http/send.ts";

beforeAll(async () => {
  await configure({
    domain: "sonr.id",
    log: { sampleRate: 0 },
    pools: {
      app: { instances: [{ id: "app", binding: "AUTH_APP" }] },
      keyed: { instances: [{ id: "keyed", binding: "CONSOLE_APP", apiKeyEnv: "SHOP_API_KEY" }] },
      empty: { instances: [] },
      gone: { instances: [{ id: "gone", url: "http://127.0.0.1:1" }] },
      backends: { discover: "BACKEND_SERVICE" },
    },
    routes: [
      { id: "members", path: "/members/*", pool: "app", auth: "required" },
      { id: "operators", path: "/operators/*", pool: "app", auth: "admin" },
      { id: "small", path: "/small/*", pool: "app", bodyBytesMax: 10 },
      { id: "keyed", path: "/keyed/*", pool: "keyed" },
      { id: "empty", path: "/empty/*", pool: "empty", backendRequired: false },
      { id: "gone", path: "/gone/*", pool: "gone" },
      { id: "brief", path: "/brief/*", pool: "app", timeoutMs: 50 },
      { id: "brief-backends", path: "/brief-backends/*", pool: "backends", timeoutMs: 50 },
      { id: "app", path: "/app/*", pool: "app" },
    ],
  });
});

/** The refusal as programs read it; fails the test where the answer is no RFC 9457 document that agrees with itself. */
function refusalOf(answer: Answer): Record<string, unknown> {
  const problem = jsonOf(answer);
  expect(answer.headers.get("Content-Type")).toBe("application/problem+json");
  expect(answer.headers.get("Cache-Control")).toBe("no-store");
  expect(problem).toMatchObject({
    status: answer.status,
    type: "about:blank",
    requestId: answer.headers.get("X-Request-Id"),
  });
  return problem;
}
const refused = async (...sent: Parameters<typeof send>) => {
  const { status, code } = refusalOf(await send(...sent));
  return [status, code];
};

const stream = (...chunks: string[]) => new Blob(chunks).stream();
/** A client that breaks off after the first bytes. */
const brokenStream = () =>
  new ReadableStream({
    start: (controller) => controller.enqueue(new TextEncoder().encode("first")),
    pull: (controller) => controller.error(new Error("the client is gone")),
  });

describe("400", () => {
  it.each([
    ["a Host that is no host", "/app/x", { Host: "a/b@c" }, "bad_host"],
    ["a Host other than the URL's", "/app/x", { Host: "other.example" }, "bad_host"],
    ["two Hosts", "/app/x", { Host: "localhost, localhost" }, "bad_host"],
    ["a NUL in the path", "/app/%00", {}, "bad_path"],
  ])("for %s", async (_, path, headers, code) => {
    expect(await refused(path, { headers })).toEqual([400, code]);
  });

  it("for a WebSocket handshake that is not a GET", async () => {
    expect(await refused("/app/x", { method: "POST", headers: { Upgrade: "websocket" } })).toEqual([
      400,
      "bad_upgrade",
    ]);
  });

  it.each([
    ["streams", "POST", {}],
    ["is gathered first", "PUT", { "Content-Length": "100" }],
  ])("for a body that breaks off while it %s", async (_, method, headers) => {
    expect(await refused("/app/x", { method, headers, body: brokenStream() })).toEqual([400, "body_broken"]);
  });
});

describe("401", () => {
  it("has document 002's key beside the problem's own, for visitors and for operators (L19, L35)", async () => {
    const visitor = refusalOf(await send("/members/x"));
    expect(visitor).toMatchObject({ status: 401, code: "unauthenticated", error: "Unauthorized" });
    const operator = refusalOf(await send("/operators/x", { headers: { "X-Admin-Secret": "wrong" } }));
    expect(operator).toMatchObject({ status: 401, code: "admin_unauthorized", error: "Unauthorized" });
    const control = refusalOf(await send("/api/super/config", { headers: { Authorization: "Bearer wrong" } }));
    expect(control).toMatchObject({ status: 401, code: "admin_unauthorized", error: "Unauthorized" });
  });

  it("is for whoever offers no secret or a wrong one, in any of the three headers, and for nobody else", async () => {
    const secret = env.ADMIN_SECRET;
    for (const headers of [{}, { "X-Admin-Secret": "" }, { Authorization: "Bearer " }, { "X-API-Key": `${secret}x` }])
      expect((await send("/operators/x", { headers: headers as Record<string, string> })).status).toBe(401);
    for (const headers of [asAdmin, { Authorization: `bearer ${secret}` }, { "X-API-Key": secret }])
      expect((await send("/operators/x", { headers: headers as Record<string, string> })).status).toBe(200);
  });

  it("is for the key we send to backends too: it is nobody's admin credential", async () => {
    for (const name of ["X-Admin-Secret", "X-API-Key"]) {
      const headers = { [name]: BACKEND_API_KEY };
      expect((await send("/operators/x", { headers })).status).toBe(401);
      expect((await send("/api/super/config", { headers })).status).toBe(401);
    }
  });

  it("a session that an admin route sees is no admin", async () => {
    const opened = await send("/api/super/sessions", { headers: asAdmin, body: { userId: "u1", username: "alice" } });
    const headers = { Cookie: opened.headers.getSetCookie()[0]?.split(";")[0] ?? "" };
    expect((await send("/members/x", { headers })).status).toBe(200);
    expect((await send("/operators/x", { headers })).status).toBe(401);
  });
});

describe("404", () => {
  it("when no route matches, on any host", async () => {
    expect(await refused("/")).toEqual([404, "no_route"]);
    expect(await refused("http://other.example/elsewhere")).toEqual([404, "no_route"]);
  });
});

describe("413", () => {
  it("for a body that says it is too large, before anybody reads it", async () => {
    const headers = { "Content-Length": "11" };
    const problem = refusalOf(await send("/small/x", { method: "POST", headers, body: "eleven byte" }));
    expect(problem).toMatchObject({ status: 413, code: "body_too_large", bytesMax: 10 });
  });

  it("for one that grows too large, and not for one that just fits", async () => {
    const method = "POST";
    expect(await refused("/small/x", { method, body: stream("eleven", " byte") })).toEqual([413, "body_too_large"]);
    expect(jsonOf(await send("/small/x", { method, body: stream("ten", " bytes.") }))).toMatchObject({
      body: "ten bytes.",
    });
  });
});

describe("431", () => {
  const numbered = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, index) => [`X-H${index}`, "1"]));

  it("for more than 100 headers or 128 KiB of them", async () => {
    expect(await refused("/app/x", { headers: numbered(101) })).toEqual([431, "headers_too_large"]);
    expect(await refused("/app/x", { headers: { "X-Large": "a".repeat(131_072) } })).toEqual([
      431,
      "headers_too_large",
    ]);
    expect((await send("/app/x", { headers: numbered(90) })).status).toBe(200);
  });
});

describe("500", () => {
  it("for a fault, whose cause stays here", async () => {
    const vars = {
      get SESSION_KEYS(): string {
        throw new Error("the inner workings");
      },
    };
    const headers = { Cookie: "signalbox-session=v1.k1.a.b" };
    const answer = await send("/app/x", { headers, vars });
    expect(refusalOf(answer)).toMatchObject({ status: 500, code: "internal_error" });
    expect(answer.text).not.toMatch(/inner workings|at /);
  });
});

describe("502", () => {
  it("when the instance cannot be reached", async () => {
    expect(await refused("/gone/x")).toEqual([502, "upstream_failed"]);
  });
});

describe("503", () => {
  it("for a pool without instances that its route can do without (L09)", async () => {
    expect(await refused("/empty/x")).toEqual([503, "no_instance"]);
    expect(await refused("/empty/x", { body: {} })).toEqual([503, "no_instance"]);
  });

  it("while the instance's API key is not set; the key itself is never told", async () => {
    for (const vars of [{}, { SHOP_API_KEY: "" }])
      expect(await refused("/keyed/x", { vars })).toEqual([503, "api_key_unset"]);
    const vars = { SHOP_API_KEY: "key-of-the-shop" };
    const { headers } = jsonOf(await send("/keyed/x", { vars })) as { headers: Record<string, string> };
    expect(headers["x-api-key"]).toBe("key-of-the-shop");
  });
});

describe("504", () => {
  it("when the instance does not answer in time", async () => {
    expect(await refused("/brief/slow")).toEqual([504, "upstream_timeout"]);
  });

  it("but of found backends it is document 001's 503 (R31)", async () => {
    const answer = await send("/brief-backends/slow");
    expect([answer.status, answer.text]).toEqual([
      503,
      "Service Unavailable: All backend workers failed or are unreachable.",
    ]);
  });
});
