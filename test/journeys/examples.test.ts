// The example apps and the backend template as the plane meets them: over service bindings, in real workerd.

import { readFileSync } from "node:fs";
import { parse } from "jsonc-parser";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createTestHarness } from "wrangler";
import { WebSocket } from "ws";

const APPS = ["auth", "console", "profile", "search", "enclave"] as const;
type App = (typeof APPS)[number];
type Call = {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string | Uint8Array;
};

const template = parse(readFileSync("examples/backend-worker/wrangler.jsonc", "utf8"));
/** What `wrangler deploy --name NAME --var WORKER_NAME:NAME` makes of the template. */
const backend = (name: string) => ({
  config: { ...template, main: "examples/backend-worker/src/index.ts", name, vars: { WORKER_NAME: name } },
});

const server = createTestHarness({
  root: process.cwd(),
  workers: [
    {
      config: {
        name: "caller",
        main: "test/journeys/fixtures/binding-caller.ts",
        compatibility_date: "2026-08-01",
        services: [
          ...APPS.map((app) => ({ binding: app, service: `motr-${app}` })),
          { binding: "BACKEND_SERVICE_1", service: "my-backend-worker-1" },
          { binding: "BACKEND_SERVICE_2", service: "another-backend-worker" },
        ],
      },
    },
    ...APPS.map((app) => ({ configPath: `examples/apps/${app}/wrangler.jsonc`, env: "" })),
    backend("my-backend-worker-1"),
    backend("another-backend-worker"),
  ],
});

let origin: URL;
beforeAll(async () => {
  ({ url: origin } = await server.listen());
});
afterAll(() => server.close());

const call = (target: string, path: string, { headers, ...rest }: Call = {}) =>
  server.fetch(new URL(path, "http://sonr.test").href, { ...rest, headers: { "X-Target": target, ...headers } });

const signedInAs = (userId: string, username: string) => ({
  "X-Session-Authenticated": "true",
  "X-Session-User-Id": encodeURIComponent(userId),
  "X-Session-Username": encodeURIComponent(username),
});
const asJson = { Accept: "application/json" };
const page = async (app: App, path: string, headers: Record<string, string> = {}) =>
  (await call(app, path, { headers: { Accept: "text/html", ...headers } })).text();

describe("every app", () => {
  it.each(APPS)("%s shows who the visitor is and what was asked, as a page", async (app) => {
    const text = await page(app, `/${app}/somewhere`, {
      ...signedInAs("sonr1abc", "Zoë Müller"),
      "X-Request-Id": "request-0001",
    });
    expect(text).toMatch(/^<!doctype html>\n<html lang="en">/);
    for (const told of [`/${app}/somewhere`, "sonr.test", "true", "sonr1abc", "Zoë Müller", "request-0001"]) {
      expect(text).toContain(`<dd>${told}</dd>`);
    }
  });

  it.each(APPS)("%s says so when nobody is signed in", async (app) => {
    const response = await call(app, "/x", { headers: asJson });
    expect(await response.json()).toMatchObject({
      app,
      path: "/x",
      host: "sonr.test",
      session: { authenticated: false, userId: null, username: null },
      requestId: null,
    });
  });

  it.each(APPS)("%s answers the same as JSON to who asks for JSON, and a page to a browser", async (app) => {
    const headers = { ...signedInAs("u 1", "é"), "X-Request-Id": "request-0002" };
    const json = await call(app, "/x", { headers: { ...headers, ...asJson } });
    expect(json.headers.get("Content-Type")).toBe("application/json");
    expect(await json.json()).toMatchObject({
      app,
      session: { authenticated: true, userId: "u 1", username: "é" },
      requestId: "request-0002",
    });
    const browser = await call(app, "/x", { headers: { ...headers, Accept: "text/html,application/json;q=0.9" } });
    expect(browser.headers.get("Content-Type")).toBe("text/html; charset=utf-8");
  });

  it.each(APPS)("%s lets nothing it was sent become part of its page", async (app) => {
    const hostile = `"><script>alert('x')</script>`;
    const text = await page(app, `/<img src=x>?q=${encodeURIComponent(hostile)}`, {
      ...signedInAs(hostile, hostile),
      "X-Request-Id": hostile,
    });
    expect(text).not.toContain("<script>alert");
    expect(text).not.toContain("<img");
    expect(text).toContain("&quot;&gt;&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;");
  });

  it.each(APPS)("%s shows a name that is no percent-encoding as it came", async (app) => {
    const headers = { "X-Session-Username": "100%", ...asJson };
    expect(await (await call(app, "/", { headers })).json()).toMatchObject({ session: { username: "100%" } });
  });

  it.each(APPS)("%s tells the length of its body through the binding, also to HEAD", async (app) => {
    const get = await call(app, "/x");
    const bytes = (await get.arrayBuffer()).byteLength;
    expect(get.headers.get("X-Length-Seen")).toBe(String(bytes));
    const head = await call(app, "/x", { method: "HEAD" });
    expect(head.headers.get("X-Length-Seen")).toBe(String(bytes));
    expect(await head.text()).toBe("");
  });

  it.each(APPS)("%s refuses a method it has no meaning for and says which it has", async (app) => {
    const response = await call(app, "/x", { method: "DELETE" });
    expect(response.status).toBe(405);
    expect(response.headers.get("Allow")).toMatch(/^GET, HEAD/);
  });

  it.each(APPS)("%s is deployed for its binding only, under the names the plane binds to", (app) => {
    const config = parse(readFileSync(`examples/apps/${app}/wrangler.jsonc`, "utf8"));
    expect(config).toMatchObject({ name: `motr-${app}`, workers_dev: false, preview_urls: false });
    expect(Object.keys(config.env)).toEqual(["staging", "production"]);
  });
});

describe("auth", () => {
  const form = (username: string) => ({
    method: "POST",
    headers: asJson,
    body: new URLSearchParams({ username }).toString(),
  });

  it("offers sign-in and sign-up to who is not signed in, under a path as on a host of its own", async () => {
    expect(await page("auth", "/login")).toContain(`<a href="/signup">`);
    expect(await page("auth", "/auth/signup")).toContain("<h1>Sign up</h1>");
    expect(await page("auth", "/auth/signup")).toContain(`<a href="/auth/login">`);
  });

  it("offers sign-out, and no form to sign in, to who is signed in", async () => {
    const text = await page("auth", "/", signedInAs("u1", "alice"));
    expect(text).toContain(`action="/api/session/logout"`);
    expect(text).not.toContain(`name="username"`);
  });

  it("gives the operator's command for the name that was typed, quoted for the shell", async () => {
    const { curl } = (await (await call("auth", "/login", form("o'neil $(id)"))).json()) as { curl: string };
    expect(curl).toContain("'http://sonr.test/api/super/sessions'");
    expect(curl).toContain(`'{"userId":"o'\\''neil $(id)","username":"o'\\''neil $(id)"}'`);
  });

  it.each([
    ["nothing", ""],
    ["only blanks", "   "],
    ["a name beyond the limit", "a".repeat(257)],
  ])("refuses %s as a user name", async (_, username) => {
    expect((await call("auth", "/login", form(username))).status).toBe(400);
  });

  it("refuses a body beyond its limit, whatever name stands in it", async () => {
    const { method, headers, body } = form("alice");
    expect((await call("auth", "/login", { method, headers, body: `${body}&more=${"a".repeat(4_000)}` })).status).toBe(
      200,
    );
    expect((await call("auth", "/login", { method, headers, body: `${body}&more=${"a".repeat(4_096)}` })).status).toBe(
      400,
    );
  });

  it("takes the longest name that is allowed", async () => {
    expect((await call("auth", "/login", form("a".repeat(256)))).status).toBe(200);
  });
});

describe("console", () => {
  it.each(["/dev/echo", "/console/dev/echo"])("sends a binary body back byte for byte at %s", async (path) => {
    const body = Uint8Array.from({ length: 70_000 }, (_, i) => (i * 7) % 256);
    const response = await call("console", path, { method: "PUT", body });
    expect(new Uint8Array(await response.arrayBuffer())).toEqual(body);
    expect(response.headers.get("X-Echo-Method")).toBe("PUT");
    expect(response.headers.get("X-Length-Seen")).toBe("70000");
  });

  it("never sends a body back as a page", async () => {
    const headers = { "Content-Type": "text/html" };
    const response = await call("console", "/dev/echo", { method: "POST", headers, body: "<script>alert(1)</script>" });
    expect(response.headers.get("Content-Type")).toBe("application/octet-stream");
    expect(response.headers.get("X-Content-Type-Options")).toBe("nosniff");
  });

  it("sends WebSocket messages back unchanged, text as text and bytes as bytes", async () => {
    const socket = new WebSocket(new URL("/dev/echo", origin).href.replace("http", "ws"), {
      headers: { "X-Target": "console" },
    });
    const received: unknown[] = [];
    await new Promise<void>((resolve, reject) => {
      socket.on("error", reject);
      socket.on("open", () => {
        socket.send("grüße");
        socket.send(Buffer.from([0, 255, 128]));
      });
      socket.on("message", (data, isBinary) => {
        received.push(isBinary ? data : String(data));
        if (received.length === 2) resolve();
      });
    });
    socket.terminate();
    expect(received).toEqual(["grüße", Buffer.from([0, 255, 128])]);
  });
});

describe("profile", () => {
  it("lets a signed-in visitor choose a start page, with its script where the page looks for it", async () => {
    const text = await page("profile", "/profile/settings", signedInAs("u1", "alice"));
    expect(text).toContain(`src="/profile/settings.js"`);
    const script = await call("profile", "/profile/settings.js");
    expect(script.headers.get("Content-Type")).toBe("text/javascript; charset=utf-8");
    expect(await script.text()).toContain("/api/session/preferences");
  });

  it("asks the enclave who the visitor is, and has it confirm that", async () => {
    const identity = async (method: string, path: string, userId = "profiled") => {
      const headers = { ...signedInAs(userId, "Zoë"), ...asJson };
      return ((await (await call("profile", path, { method, headers })).json()) as { identity: unknown }).identity;
    };
    expect(await identity("GET", "/profile/settings")).toBeNull();
    expect(await identity("POST", "/profile/identity")).toMatchObject({
      userId: "profiled",
      username: "Zoë",
      confirmations: 1,
    });
    expect(await identity("GET", "/settings")).toMatchObject({ userId: "profiled", confirmations: 1 });
    expect(await identity("GET", "/settings", "somebody-else")).toBeNull();
  });

  it("confirms nothing for who is not signed in, and nothing elsewhere than at its own path", async () => {
    expect((await call("profile", "/profile/identity", { method: "POST" })).status).toBe(401);
    const headers = signedInAs("unconfirmed", "x");
    expect((await call("profile", "/profile/settings", { method: "POST", headers })).status).toBe(405);
    expect((await call("enclave", "/", { headers })).status).toBe(404);
  });

  it("offers no settings to who is not signed in", async () => {
    const text = await page("profile", "/settings");
    expect(text).toContain(`<a href="/login">`);
    expect(text).not.toContain("settings.js");
  });
});

describe("search", () => {
  const found = async (query: string) => {
    const response = await call("search", `/search/?q=${encodeURIComponent(query)}`, { headers: asJson });
    return ((await response.json()) as { results: { term: string }[] }).results.map(({ term }) => term);
  };

  it("finds the entries that hold every word, whatever the case", async () => {
    expect(await found("ROUND")).toEqual(["Round robin"]);
    expect(await found("isolate  time")).toEqual(["Lease"]);
  });

  it("finds nothing for a word that stands nowhere, and nothing for no word", async () => {
    expect(await found("round zebra")).toEqual([]);
    expect(await found("   ")).toEqual([]);
  });

  it("keeps the query in the box and cuts one that is too long", async () => {
    expect(await page("search", "/?q=lease")).toContain(`value="lease"`);
    expect(await page("search", `/?q=${"a".repeat(500)}`)).toContain(`value="${"a".repeat(200)}"`);
  });
});

describe("enclave", () => {
  const identity = async (userId: string, method = "GET") => {
    const response = await call("enclave", "/", {
      method,
      headers: { ...signedInAs(userId, `name of ${userId}`), ...asJson },
    });
    return { status: response.status, identity: ((await response.json()) as { identity: unknown }).identity };
  };

  it("remembers an identity and how often it was confirmed, also after its object was evicted", async () => {
    expect(await identity("kept", "POST")).toMatchObject({
      status: 200,
      identity: { userId: "kept", confirmations: 1 },
    });
    await server.getWorker("motr-enclave").evictDurableObject("IDENTITIES", { name: "kept" });
    expect(await identity("kept")).toMatchObject({
      status: 200,
      identity: { userId: "kept", username: "name of kept", confirmations: 1 },
    });
    expect(await identity("kept", "POST")).toMatchObject({ identity: { confirmations: 2 } });
  });

  it("knows nothing of an identity that was never confirmed, however often others were", async () => {
    await identity("other", "POST");
    expect(await identity("stranger")).toEqual({ status: 404, identity: null });
  });

  it.each(["GET", "POST"])("refuses %s without a session", async (method) => {
    expect((await call("enclave", "/", { method })).status).toBe(401);
    const unauthenticated = { ...signedInAs("u1", "alice"), "X-Session-Authenticated": "false" };
    expect((await call("enclave", "/", { method, headers: unauthenticated })).status).toBe(401);
  });
});

describe("the backend template", () => {
  it.each([
    ["BACKEND_SERVICE_1", "my-backend-worker-1"],
    ["BACKEND_SERVICE_2", "another-backend-worker"],
  ])("answers as %s with the name it was deployed under, over RPC as over fetch", async (binding, name) => {
    for (const headers of [{ "X-By-Rpc": "1" }, {}]) {
      server.clearLogs();
      const response = await call(binding, "/some/path?q=1", { headers });
      const text = await response.text();
      expect(text).toBe(`Hello from Backend Worker: ${name} (path: /some/path)`);
      expect(response.headers.get("X-Length-Seen")).toBe(String(text.length));
      const logged = () => JSON.stringify(server.getLogs());
      await expect.poll(logged).toContain(`Backend Worker ${name} received request for path: /some/path`);
    }
  });

  it("fixes no name and no services, so that every deployment brings its own", () => {
    expect(template).not.toHaveProperty("name");
    expect(template).not.toHaveProperty("services");
  });
});
