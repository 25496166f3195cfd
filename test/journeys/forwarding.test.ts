// What a client and a backend see of a request that goes through a real plane to real HTTP origins.

import { createHash, randomBytes } from "node:crypto";
import { connect } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { EventSource } from "eventsource";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import WebSocket from "ws";
import { type Origin, oddEvents, startOrigin } from "./origin.ts";
import { ADMIN_SECRET, type Plane, startPlane } from "./plane.ts";
import { ask, sendRaw } from "./raw-http.ts";

let plane: Plane;
let origins: [Origin, Origin];

type Echo = {
  readonly origin: string;
  readonly method: string;
  readonly url: string;
  readonly headers: Record<string, string>;
  readonly bytes: number;
  readonly sha256: string;
};

beforeAll(async () => {
  origins = [await startOrigin("one"), await startOrigin("two")];
  const [one, two] = origins;
  plane = await startPlane({
    env: { BACKEND_API_KEY: "key-for-backends", ANOTHER_API_KEY: undefined },
    config: {
      domain: "sonr.id",
      pools: {
        one: { instances: [{ id: "one", url: one.url }] },
        keyed: { instances: [{ id: "keyed", url: `${one.url}/base`, apiKeyEnv: "BACKEND_API_KEY" }] },
        keyless: { instances: [{ id: "keyless", url: one.url, apiKeyEnv: "ANOTHER_API_KEY" }] },
        both: { instances: [one, two].map(({ id, url }) => ({ id, url })) },
        app: { instances: [{ id: "app", binding: "CONSOLE_APP" }] },
        found: { discover: "BACKEND_SERVICE", exposed: true },
        nobody: { discover: "NO_SUCH_SERVICE" },
        gone: { instances: [{ id: "gone", url: "http://127.0.0.1:1" }] },
      },
      routes: [
        { id: "keyed", path: "/keyed/*", pool: "keyed" },
        { id: "keyless", path: "/keyless/*", pool: "keyless" },
        { id: "stripped", path: "/mount/*", pool: "one", stripPrefix: true },
        { id: "both", path: "/both/*", pool: "both", stripPrefix: true },
        { id: "app", path: "/dev/*", pool: "app" },
        { id: "found", path: "/found/*", pool: "found" },
        { id: "nobody", path: "/nobody/*", pool: "nobody" },
        { id: "gone", path: "/gone/*", pool: "gone" },
        { id: "brief", path: "/brief/*", pool: "both", stripPrefix: true, timeoutMs: 700, tryTimeoutMs: 300 },
        { id: "idle", path: "/idle/*", pool: "one", stripPrefix: true, idleTimeoutMs: 300 },
        { id: "small", path: "/small/*", pool: "one", bodyBytesMax: 1000 },
        { id: "members", path: "/members/*", pool: "one", auth: "required" },
        { id: "operators", path: "/operators/*", pool: "one", auth: "admin" },
        { id: "plain", path: "/plain/*", pool: "one" },
        { id: "files", path: "/files/*", pool: "one", stripPrefix: true },
      ],
    },
  });
});

afterAll(async () => {
  await plane?.stop();
  for (const origin of origins ?? []) await origin.kill();
});

const echo = async (path: string, init: RequestInit = {}): Promise<Echo> => {
  const response = await fetch(`${plane.url()}${path}`, init);
  expect(response.status).toBe(200);
  return (await response.json()) as Echo;
};

/** Requests under way in pool "both", as its registry last heard. */
async function inFlightOnBoth(): Promise<number> {
  const response = await fetch(`${plane.url()}/balancer/status`, { headers: { "X-Admin-Secret": ADMIN_SECRET } });
  const { pools } = (await response.json()) as { pools: { pool: string; inFlight: Record<string, number> }[] };
  const both = pools.find(({ pool }) => pool === "both");
  return Object.values(both?.inFlight ?? {}).reduce((sum, requests) => sum + requests, 0);
}

describe("what a backend is told", () => {
  it("is the path byte for byte, the client's address and the public host", async () => {
    const answer = await ask(plane.port, "/plain//a%2Fb;c=1?x=/../y&z=%20", {
      host: "shop.sonr.id:8080",
      headers: { "X-Kept": "1" },
    });
    const told = JSON.parse(answer.body) as Echo;
    expect(told.url).toBe("/plain//a%2Fb;c=1?x=/../y&z=%20");
    expect(told.headers).toMatchObject({
      "x-kept": "1",
      "x-forwarded-for": "127.0.0.1",
      "x-real-ip": "127.0.0.1",
      "x-forwarded-host": "shop.sonr.id:8080",
      "x-forwarded-proto": "http",
      "x-session-authenticated": "false",
    });
    expect(told.headers.traceparent).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
    expect(told.headers["x-request-id"]).toBe(answer.headers.get("X-Request-Id"));
  });

  it("is nothing that a client has no right to say", async () => {
    const headers = {
      "X-Session-Authenticated": "true",
      "X-Session-User-Id": "root",
      X_Session_User_Id: "root",
      "X-Signalbox-Anything": "1",
      "X-Forwarded-For": "6.6.6.6",
      "X-Forwarded-Client-Cert": "mine",
      X_Forwarded_For: "6.6.6.6",
      Forwarded: "for=6.6.6.6",
      "X-Real-IP": "6.6.6.6",
      "CF-Connecting-IP": "6.6.6.6",
      "X-Admin-Secret": ADMIN_SECRET,
      Authorization: `Bearer ${ADMIN_SECRET}`,
      "X-API-Key": ADMIN_SECRET,
      "Proxy-Authorization": "Basic eDp5",
      "Proxy-Connection": "keep-alive",
      TE: "trailers",
      "X-Nominated": "1",
      Cookie: "a=1; signalbox-session=stolen; __Host-signalbox-session=stolen; b=2",
      Connection: "close, X-Nominated",
    };
    const told = JSON.parse((await ask(plane.port, "/plain/x", { headers })).body) as Echo;
    expect(told.headers).toMatchObject({
      "x-session-authenticated": "false",
      "x-forwarded-for": "127.0.0.1",
      "x-real-ip": "127.0.0.1",
      cookie: "a=1; b=2",
    });
    const leaked = Object.keys(told.headers).filter((name) =>
      /^(x-session-user|x_session|x-signalbox|x-forwarded-client|x_forwarded|forwarded|cf-|x-admin|authorization|x-api-key|proxy-|te$|x-nominated)/.test(
        name,
      ),
    );
    expect(leaked).toEqual([]);
  });

  it("is no admin secret, even in a header that was sent twice", async () => {
    const lines = `X-API-Key: theirs\r\nX-API-Key: ${ADMIN_SECRET}\r\nAuthorization: Bearer a\r\nAuthorization: Bearer ${ADMIN_SECRET}`;
    const said = await sendRaw(plane.port, `GET /plain/x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${lines}\r\n\r\n`);
    expect(said).toMatch(/^HTTP\/1\.1 200 /);
    expect(said).not.toContain(ADMIN_SECRET);
  });

  it("is the client's own credentials where they are not ours", async () => {
    const told = await echo("/plain/x", { headers: { Authorization: "Bearer theirs", "X-API-Key": "theirs" } });
    expect(told.headers).toMatchObject({ authorization: "Bearer theirs", "x-api-key": "theirs" });
  });

  it("is the instance's API key in place of the client's, below the instance's own path", async () => {
    const told = await echo("/keyed/x?q=1", { headers: { "X-API-Key": "theirs" } });
    expect(told).toMatchObject({ url: "/base/keyed/x?q=1" });
    expect(told.headers["x-api-key"]).toBe("key-for-backends");
  });

  it("is nothing at all while that key is not set", async () => {
    const before = origins[0].hits();
    const response = await fetch(`${plane.url()}/keyless/x`);
    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({ code: "api_key_unset" });
    expect(origins[0].hits()).toBe(before);
  });

  it("continues the caller's trace and keeps the caller's request id", async () => {
    const trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    const told = await echo("/plain/x", { headers: { traceparent: trace, "X-Request-Id": "caller-0001" } });
    expect(told.headers.traceparent).toMatch(
      /^00-4bf92f3577b34da6a3ce929d0e0e4736-(?!00f067aa0ba902b7)[0-9a-f]{16}-01$/,
    );
    expect(told.headers["x-request-id"]).toBe("caller-0001");
    const replaced = await echo("/plain/x", { headers: { "X-Request-Id": "a b" } });
    expect(replaced.headers["x-request-id"]).toMatch(/^[0-9a-f-]{36}$/);
  });

  it("is the path without its mount where the route says so", async () => {
    expect((await echo("/mount/page?x=1")).url).toBe("/page?x=1");
    expect((await echo("/mount?x=1")).url).toBe("/?x=1");
    expect((await echo("/mount/")).url).toBe("/");
  });
});

describe("bodies", () => {
  it.each(["POST", "PUT", "PATCH", "DELETE"])("a binary %s body arrives intact", async (method) => {
    const body = randomBytes(300_000);
    const told = await echo("/plain/x", { method, body });
    expect(told).toMatchObject({ method, bytes: body.length, sha256: createHash("sha256").update(body).digest("hex") });
    expect(told.headers["content-length"]).toBe("300000");
  });

  it("an undeclared body of 20 MiB streams through", async () => {
    const piece = randomBytes(65_536);
    const hash = createHash("sha256");
    let left = 320;
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        if (left-- === 0) return controller.close();
        hash.update(piece);
        controller.enqueue(piece);
      },
    });
    const told = await echo("/plain/x", { method: "POST", body, duplex: "half" } as RequestInit);
    expect(told).toMatchObject({ bytes: 320 * 65_536, sha256: hash.digest("hex") });
  });

  it("a body over the route's bound is refused, declared or not", async () => {
    const declared = await fetch(`${plane.url()}/small/x`, { method: "POST", body: Buffer.alloc(1001) });
    expect([declared.status, ((await declared.json()) as { code: string }).code]).toEqual([413, "body_too_large"]);
    const stream = new Blob([Buffer.alloc(1001)]).stream();
    const undeclared = await fetch(`${plane.url()}/small/x`, {
      method: "POST",
      body: stream,
      duplex: "half",
    } as RequestInit);
    expect([undeclared.status, ((await undeclared.json()) as { code: string }).code]).toEqual([413, "body_too_large"]);
    expect((await echo("/small/x", { method: "POST", body: Buffer.alloc(1000) })).bytes).toBe(1000);
  });

  it.each([
    ["chunked", "Transfer-Encoding: chunked", "5\r\nfirst\r\n"],
    ["declared", "Content-Length: 100", "first"],
  ])("a %s body that the client breaks off never looks whole", async (_, framing, beginning) => {
    const [one] = origins;
    const before = { hits: one.hits(), whole: one.whole() };
    const socket = connect(plane.port, "127.0.0.1");
    socket.write(`POST /plain/x HTTP/1.1\r\nHost: x\r\n${framing}\r\n\r\n${beginning}`);
    await expect.poll(() => one.hits()).toBe(before.hits + 1);
    socket.resetAndDestroy();
    await echo("/plain/x");
    expect(one.whole()).toBe(before.whole + 1);
  });

  it.each([
    ["chunked POST", "POST", "Transfer-Encoding: chunked", "5\r\nfirst\r\n"],
    ["declared POST", "POST", "Content-Length: 100", "first"],
  ])("a %s that the client breaks off is not held against its instance", async (_, method, framing, beginning) => {
    for (let request = 0; request < 2; request++) {
      const id = `broken-off-${method}-${request}-${Math.random()}`;
      const socket = connect(plane.port, "127.0.0.1");
      socket.write(`${method} /both/x HTTP/1.1\r\nHost: x\r\nX-Request-Id: ${id}\r\n${framing}\r\n\r\n${beginning}`);
      await expect.poll(inFlightOnBoth).toBe(1);
      socket.resetAndDestroy();
      await expect.poll(() => plane.stdout().includes(id)).toBe(true);
      await expect.poll(inFlightOnBoth).toBe(0);
      expect(plane.stderr()).not.toContain(id);
    }
    const served = [await echo("/both/x"), await echo("/both/x")].map(({ origin }) => origin);
    expect(served.toSorted()).toEqual(["one", "two"]);
  });

  it("a PUT that the client breaks off reaches nobody, because it is only sent once it is whole", async () => {
    const before = origins[0].hits() + origins[1].hits();
    const socket = connect(plane.port, "127.0.0.1");
    const written = new Promise((resolve) =>
      socket.write("PUT /both/x HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nfirst", resolve),
    );
    await written;
    // Answered after what was written before it has been read: the plane has one thread.
    expect((await fetch(`${plane.url()}/health`)).status).toBe(200);
    socket.resetAndDestroy();
    await echo("/both/x");
    expect(origins[0].hits() + origins[1].hits()).toBe(before + 1);
  });

  it("a 30 MB response streams back whole, its length undeclared or declared", async () => {
    for (const kind of ["bytes", "declared"]) {
      const response = await fetch(`${plane.url()}/files/${kind}/30000000`);
      expect(response.headers.get("Content-Length")).toBe(kind === "declared" ? "30000000" : null);
      expect((await response.arrayBuffer()).byteLength).toBe(30_000_000);
    }
  });

  it("an encoded response passes as it is", async () => {
    const answer = await fetch(`${plane.url()}/files/gzip`, { headers: { "Accept-Encoding": "gzip" } });
    const direct = await fetch(`${origins[0].url}/gzip`, { headers: { "Accept-Encoding": "gzip" } });
    expect(answer.headers.get("Content-Encoding")).toBe("gzip");
    expect(answer.headers.get("Content-Length")).toBe(direct.headers.get("Content-Length"));
    expect(await answer.text()).toBe(await direct.text());
  });

  it("events arrive one by one, not at the end", async () => {
    const response = await fetch(`${plane.url()}/files/sse/6`, { headers: { "Last-Event-ID": "2" } });
    const arrivals: number[] = [];
    const text: string[] = [];
    for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
      arrivals.push(Date.now());
      text.push(Buffer.from(chunk).toString());
    }
    expect(text.join("").match(/^id: \d+/gm)).toEqual(["id: 3", "id: 4", "id: 5", "id: 6"]);
    expect((arrivals.at(-1) ?? 0) - (arrivals[0] ?? 0)).toBeGreaterThanOrEqual(100);
  });

  it("a browser's EventSource gets each event once, also when its stream ends and it comes back for more", async () => {
    const source = new EventSource(`${plane.url()}/files/sse/3`);
    let opened = 0;
    const seen: string[] = [];
    source.addEventListener("open", () => opened++);
    source.addEventListener("message", ({ lastEventId }) => seen.push(lastEventId));
    await expect.poll(() => opened, { timeout: 15_000 }).toBe(2);
    source.close();
    expect(seen).toEqual(["1", "2", "3"]);
  });

  it("events pass byte for byte while their stream goes on, whatever they look like, from where the client left off", async () => {
    const leaving = new AbortController();
    const headers = { "Last-Event-ID": "7/a b", Accept: "text/event-stream" };
    const response = await fetch(`${plane.url()}/files/events`, { headers, signal: leaving.signal });
    expect([response.headers.get("Content-Type"), response.headers.get("Cache-Control")]).toEqual([
      "text/event-stream; charset=utf-8",
      "no-store",
    ]);
    const expected = Buffer.concat(oddEvents("7/a b"));
    let seen = Buffer.alloc(0);
    const reader = response.body?.getReader();
    // The stream never ends: what has come, came through unbuffered.
    while (seen.length < expected.length) seen = Buffer.concat([seen, (await reader?.read())?.value ?? Buffer.of(0)]);
    expect(seen.equals(expected)).toBe(true);
    leaving.abort();
  });

  it("HEAD has no body, and a redirect is passed on, never followed", async () => {
    const head = await fetch(`${plane.url()}/files/declared/70000`, { method: "HEAD" });
    expect([head.status, await head.text()]).toEqual([200, ""]);
    const moved = await fetch(`${plane.url()}/files/redirect`, { redirect: "manual" });
    expect([moved.status, moved.headers.get("Location")]).toEqual([302, "/elsewhere"]);
  });
});

describe("what a client is told", () => {
  it("is nothing that ends at this hop", async () => {
    const answer = await ask(plane.port, "/files/hop");
    expect(answer.status).toBe(200);
    expect(answer.headers.get("X-Kept")).toBe("1");
    expect(["X-Hop", "Keep-Alive", "Proxy-Authenticate"].map((name) => answer.headers.get(name))).toEqual([
      null,
      null,
      null,
    ]);
  });

  it("is an upstream's own error as it is", async () => {
    const response = await fetch(`${plane.url()}/files/status/503`);
    expect([response.status, await response.text()]).toEqual([503, "as asked"]);
  });

  it("is a broken-off body as broken off", async () => {
    const response = await fetch(`${plane.url()}/files/short`);
    await expect(response.arrayBuffer()).rejects.toThrow();
  });

  it("is the end of a body whose upstream falls silent", async () => {
    const response = await fetch(`${plane.url()}/idle/stall`);
    await expect(response.arrayBuffer()).rejects.toThrow();
  });

  it("is a problem for programs and a page for browsers", async () => {
    const problem = await fetch(`${plane.url()}/gone/x`);
    expect(problem.headers.get("Content-Type")).toBe("application/problem+json");
    expect(await problem.json()).toMatchObject({
      status: 502,
      code: "upstream_failed",
      requestId: problem.headers.get("X-Request-Id"),
    });
    const page = await fetch(`${plane.url()}/gone/x`, { headers: { Accept: "text/html,*/*;q=0.8" } });
    expect([page.status, page.headers.get("Content-Type")]).toEqual([502, "text/html; charset=utf-8"]);
    expect(await page.text()).toContain("<h1>The upstream failed</h1>");
  });
});

describe("failing upstreams", () => {
  it.each(["reset", "garbage"])(
    "a GET answered by a %s is a clean 502 after every instance was tried once",
    async (kind) => {
      const before = origins.map((origin) => origin.hits());
      const response = await fetch(`${plane.url()}/both/${kind}`);
      expect([response.status, ((await response.json()) as { code: string }).code]).toEqual([502, "upstream_failed"]);
      expect(origins.map((origin, index) => origin.hits() - (before[index] ?? 0))).toEqual([1, 1]);
    },
  );

  it("a POST is sent once, because its first try may have been carried out", async () => {
    const before = origins[0].hits() + origins[1].hits();
    const response = await fetch(`${plane.url()}/both/reset`, { method: "POST", body: "once" });
    expect(response.status).toBe(502);
    expect(origins[0].hits() + origins[1].hits() - before).toBe(1);
  });

  it("a POST with an idempotency key goes on to the next instance, body and all", async () => {
    const [one] = origins;
    await one.kill();
    for (let sent = 0; sent < 4; sent++) {
      const told = await echo("/both/x", { method: "POST", body: "again", headers: { "Idempotency-Key": `k${sent}` } });
      expect(told).toMatchObject({ origin: "two", bytes: 5 });
    }
    await one.revive();
  });

  /** Sends the head and `first`, then `rest` after `pauseMs`; the status line of the answer. */
  const uploadSlowly = async (target: string, [first, rest]: [string, string], pauseMs: number): Promise<string> => {
    const socket = connect(plane.port, "127.0.0.1");
    const said = new Promise<string>((resolve) => socket.once("data", (data) => resolve(data.toString())));
    socket.write(`${target} HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n${first}`);
    await delay(pauseMs);
    socket.write(rest);
    const [line = ""] = (await said).split("\r\n");
    socket.destroy();
    return line;
  };

  it("a slow upload is the client's time, not the instance's", async () => {
    expect(await uploadSlowly("PUT /brief/slow/250", ["first", "after"], 500)).toBe("HTTP/1.1 200 OK");
  });

  it.each(["PUT", "POST"])(
    "a %s whose body stalls is refused with 408, and no instance is skipped for it",
    async (method) => {
      for (let upload = 0; upload < 2; upload++) {
        expect(await uploadSlowly(`${method} /brief/x`, ["first", ""], 1_200)).toBe("HTTP/1.1 408 Request Timeout");
      }
      const served = [await echo("/brief/x"), await echo("/brief/x")].map(({ origin }) => origin);
      expect(served.toSorted()).toEqual(["one", "two"]);
    },
  );

  it("an instance that cuts a large upload short is a 502, not the client's fault", async () => {
    for (const body of [Buffer.alloc(200_000), Buffer.alloc(3_000_000)]) {
      const response = await fetch(`${plane.url()}/files/cutoff`, { method: "POST", body });
      expect([response.status, ((await response.json()) as { code: string }).code]).toEqual([502, "upstream_failed"]);
    }
  });

  it.each([600, 999])("a status of %i is the instance's failure", async (status) => {
    const response = await fetch(`${plane.url()}/files/odd/${status}`);
    expect([response.status, ((await response.json()) as { code: string }).code]).toEqual([502, "upstream_failed"]);
  });

  it("a Connection header that names nothing does no harm", async () => {
    expect(await (await fetch(`${plane.url()}/files/odd`)).text()).toBe("ok");
  });

  it("an instance that never answers costs one try, and all of them a 504, and none is left waiting", async () => {
    const before = origins.map((origin) => origin.cut());
    const response = await fetch(`${plane.url()}/brief/hang`);
    expect([response.status, ((await response.json()) as { code: string }).code]).toEqual([504, "upstream_timeout"]);
    await expect
      .poll(() => origins.map((origin, index) => origin.cut() - (before[index] ?? 0)), { timeout: 5_000 })
      .toEqual([1, 1]);
  });

  it("a pool fed by discovery says document 001's words, and no others", async () => {
    const nobody = await fetch(`${plane.url()}/nobody/x`);
    expect([nobody.status, await nobody.text()]).toEqual([500, "No backend workers configured or discovered."]);
    expect(nobody.headers.get("Content-Type")).toMatch(/^text\/plain/);
  });
});

describe("backend workers", () => {
  it("are found by their bindings, called by RPC and taken in turn", async () => {
    const said = await Promise.all([0, 1, 2, 3].map(async () => (await fetch(`${plane.url()}/found/page`)).text()));
    expect(said.toSorted()).toEqual([
      "Hello from Backend Worker: my-backend-worker-1 (path: /found/page)",
      "Hello from Backend Worker: my-backend-worker-1 (path: /found/page)",
      "Hello from Backend Worker: my-backend-worker-2 (path: /found/page)",
      "Hello from Backend Worker: my-backend-worker-2 (path: /found/page)",
    ]);
  });
});

describe("WebSockets in mode pass", () => {
  const open = async (path: string, protocols: string[] = []) => {
    const socket = new WebSocket(`${plane.url().replace("http", "ws")}${path}`, protocols);
    const messages: { data: Buffer; isBinary: boolean }[] = [];
    socket.on("message", (data, isBinary) => messages.push({ data: data as Buffer, isBinary }));
    await new Promise((resolve, reject) => socket.once("open", resolve).once("error", reject));
    return { socket, messages };
  };

  it("reach an origin with their subprotocol, and its frames come back as they were", async () => {
    const { socket, messages } = await open("/plain/socket?room=1", ["chat.v2"]);
    expect(socket.protocol).toBe("chat.v2");
    const binary = randomBytes(70_000);
    socket.send("text");
    socket.send(binary);
    await expect.poll(() => messages.length).toBe(3);
    expect(JSON.parse(messages[0]?.data.toString() ?? "")).toMatchObject({
      url: "/plain/socket?room=1",
      headers: { "x-session-authenticated": "false" },
    });
    expect(messages[1]).toEqual({ data: Buffer.from("text"), isBinary: false });
    expect(messages[2]).toEqual({ data: binary, isBinary: true });
    const closed = new Promise<[number, string]>((resolve) =>
      socket.once("close", (code, reason) => resolve([code, reason.toString()])),
    );
    socket.close(4123, "bye");
    expect(await closed).toEqual([4123, "bye"]);
  });

  it("reach a bound Worker", async () => {
    const { socket, messages } = await open("/dev/echo");
    socket.send("hello");
    await expect.poll(() => messages.some(({ data }) => data.toString().includes("hello"))).toBe(true);
    socket.close();
  });
});

describe("who may use a route", () => {
  it("needs a session where the route says required", async () => {
    expect((await fetch(`${plane.url()}/members/x`)).status).toBe(401);
    const opened = await fetch(`${plane.url()}/api/super/sessions`, {
      method: "POST",
      headers: { "X-Admin-Secret": ADMIN_SECRET, "Content-Type": "application/json" },
      body: JSON.stringify({ userId: "sonr1abc", username: "Ålice %" }),
    });
    expect(opened.status).toBe(201);
    const cookie = opened.headers.getSetCookie()[0]?.split(";")[0] ?? "";
    const told = await echo("/members/x", { headers: { Cookie: `a=1; ${cookie}` } });
    expect(told.headers).toMatchObject({
      "x-session-authenticated": "true",
      "x-session-user-id": "sonr1abc",
      "x-session-username": "%C3%85lice %25",
      cookie: "a=1",
    });
  });

  it("needs the admin secret where the route says admin", async () => {
    expect((await fetch(`${plane.url()}/operators/x`)).status).toBe(401);
    expect((await fetch(`${plane.url()}/operators/x`, { headers: { "X-Admin-Secret": "wrong" } })).status).toBe(401);
    const told = await echo("/operators/x", { headers: { "X-Admin-Secret": ADMIN_SECRET } });
    expect(told.headers["x-admin-secret"]).toBeUndefined();
  });
});

describe("the access log", () => {
  it("says where a request went and why, and never a secret", async () => {
    await fetch(`${plane.url()}/plain/logged?token=in-the-query`, {
      headers: {
        "X-Request-Id": "log-me-0001",
        Authorization: "Bearer my-own-token",
        Cookie: "c=my-cookie",
        "X-Admin-Secret": ADMIN_SECRET,
      },
    });
    await expect.poll(() => plane.stdout().includes("log-me-0001")).toBe(true);
    const line =
      plane
        .stdout()
        .split("\n")
        .find((text) => text.includes("log-me-0001")) ?? "";
    expect(JSON.parse(line)).toMatchObject({
      msg: "request",
      method: "GET",
      path: "/plain/logged",
      status: 200,
      route: "plain",
      pool: "one",
      instance: "one",
      tries: 1,
      why: "forwarded",
    });
    const printed = plane.stdout() + plane.stderr();
    for (const secret of ["in-the-query", "my-own-token", "my-cookie", ADMIN_SECRET, "key-for-backends"])
      expect(printed).not.toContain(secret);
  });
});
