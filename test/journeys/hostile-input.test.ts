// Bytes that well-behaved clients never send. Each is refused before any route is looked at, and no backend hears of it.

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Origin, startOrigin } from "./origin.ts";
import { type Plane, startPlane } from "./plane.ts";
import { ask, parseAnswer, sendRaw } from "./raw-http.ts";

let plane: Plane;
let origin: Origin;

beforeAll(async () => {
  origin = await startOrigin("only");
  plane = await startPlane({
    config: {
      pools: { only: { instances: [{ id: "only", url: origin.url }] } },
      routes: [{ id: "all", pool: "only" }],
    },
  });
});
afterAll(async () => {
  await plane?.stop();
  await origin?.kill();
});

const codeOf = (body: string): string => (JSON.parse(body) as { code: string }).code;

/** Sends it and checks that the origin was not asked. */
async function refused(bytes: string): Promise<{ status: number; body: string }> {
  const before = origin.hits();
  const answer = parseAnswer(await sendRaw(plane.port, Buffer.from(bytes, "latin1")));
  expect(origin.hits()).toBe(before);
  return answer;
}

describe("the Host header", () => {
  it.each([
    "a/b@c",
    "a/health",
    "u@x",
    "x%41",
    "x:0x50",
    "x:123456",
    "x y",
    "x:99999",
    "999.999.999.999",
    "[::::]",
    "x?y",
    "..",
    "-a",
  ])("%s is refused with 400", async (host) => {
    const { status, body } = await refused(`GET /echo HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
    expect(status).toBe(400);
    if (body.startsWith("{")) expect(codeOf(body)).toMatch(/^bad_(host|path)$/);
  });

  it("sent twice is refused with 400", async () => {
    const { status } = await refused("GET /echo HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n");
    expect(status).toBe(400);
  });

  it("in front of a control path is refused just so", async () => {
    const { status, body } = await refused("GET /health HTTP/1.1\r\nHost: a/b@c\r\nConnection: close\r\n\r\n");
    expect([status, codeOf(body)]).toEqual([400, "bad_host"]);
  });

  it.each(["x", "X.Y:8080", "[::1]:1", "1.2.3.4", "under_score.example"])("%s passes", async (host) => {
    expect((await ask(plane.port, "/echo", { host })).status).toBe(200);
  });
});

describe("the path", () => {
  it.each([
    "/a/../echo",
    "/..",
    "/./a",
    "/a/.",
    "/%2e%2e/echo",
    "/%2E/echo",
    "/a\\b",
    "/a%00",
    "/\xe9",
    "*",
    "/admin/../echo",
  ])("%s is refused with 400", async (path) => {
    const { status } = await refused(`GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
    expect(status).toBe(400);
  });

  it.each(["/a//b", "/a%2fb", "/a;b=1", "/...", "/a..b", "/%zz", "/?q=/../", "/%61dmin/workers"])(
    "%s passes byte for byte",
    async (path) => {
      const answer = await ask(plane.port, path);
      expect([answer.status, (JSON.parse(answer.body) as { url: string }).url]).toEqual([200, path]);
    },
  );
});

describe("headers", () => {
  const many = (count: number) => Array.from({ length: count }, (_, index) => `X-H${index}: 1\r\n`).join("");

  it("more than a hundred are refused with 431", async () => {
    const { status, body } = await refused(`GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${many(99)}\r\n`);
    expect([status, codeOf(body)]).toEqual([431, "headers_too_large"]);
    const within = parseAnswer(
      await sendRaw(plane.port, `GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${many(98)}\r\n`),
    );
    expect(within.status).toBe(200);
  });

  it("of more than 128 KB are refused with 431", async () => {
    const { status } = await refused(
      `GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Big: ${"a".repeat(131_072)}\r\n\r\n`,
    );
    expect(status).toBe(431);
  });

  it.each([
    ["two lengths that differ", "Content-Length: 1\r\nContent-Length: 2\r\n"],
    ["a negative length", "Content-Length: -1\r\n"],
    ["a name with a space", "X Bad: 1\r\n"],
    ["an obsolete fold", "X-A: 1\r\n 2\r\n"],
  ])("%s are refused", async (_, lines) => {
    const { status } = await refused(`POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${lines}\r\nab`);
    expect(status).toBe(400);
  });

  it("a WebSocket handshake that is no GET is refused", async () => {
    const { status, body } = await refused(
      "POST / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 0\r\n\r\n",
    );
    expect(status).toBe(400);
    if (body.startsWith("{")) expect(codeOf(body)).toBe("bad_upgrade");
  });
});

describe("methods", () => {
  it("TRACE is refused: an instance would show what was added for it alone", async () => {
    const { status } = await refused("TRACE /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    expect(status).toBe(405);
  });

  it("HEAD with a body on a control path is answered like any other", async () => {
    const said = await sendRaw(
      plane.port,
      "HEAD /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 1\r\n\r\na",
    );
    expect(said).toMatch(/^HTTP\/1\.1 200 /);
  });
});

describe("after all of it", () => {
  it("the plane still serves", async () => {
    expect((await ask(plane.port, "/echo")).status).toBe(200);
  });
});
