// What anyone may ask: whether this isolate serves (D28) and what runs here (L72), in exactly the documents' shapes.

import { afterEach, describe, expect, it, vi } from "vitest";
import manifest from "../../package.json" with { type: "json" };
import { downObject, jsonOf, send } from "./send.ts";

const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const PATHS = ["/health", "/version"];

afterEach(() => {
  vi.useRealTimers();
});

describe("GET /health", () => {
  it("is D28's four fields and the service's name", async () => {
    const answer = await send("/health");
    expect([answer.status, answer.headers.get("Content-Type")]).toEqual([200, "application/json"]);
    expect(jsonOf(answer)).toEqual({
      status: "healthy",
      service: "signalbox",
      version: manifest.version,
      timestamp: expect.stringMatching(ISO),
      uptime: expect.any(Number),
    });
  });

  it("counts uptime in whole milliseconds, which pass as time does", async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: 4_000_000_000_000 });
    const before = jsonOf(await send("/health"));
    vi.setSystemTime(4_000_000_001_234);
    const after = jsonOf(await send("/health"));
    expect(Number(after.uptime) - Number(before.uptime)).toBe(1_234);
    expect(Date.parse(String(after.timestamp)) - Date.parse(String(before.timestamp))).toBe(1_234);
    expect(Number.isInteger(after.uptime)).toBe(true);
  });

  it("answers whatever else does not", async () => {
    const down = downObject();
    const vars = { CONTROL: down, REGISTRY: down, SESSION: down, REVOCATIONS: down, RATE_LIMITER: down };
    for (const path of PATHS) expect((await send(path, { vars })).status).toBe(200);
  });
});

describe("GET /version", () => {
  it("is L72's fields, null where a Worker cannot know", async () => {
    const answer = await send("/version", { vars: { COMMIT: "0123abc" } });
    expect(answer.status).toBe(200);
    expect(jsonOf(answer)).toMatchObject({
      version: manifest.version,
      commit: "0123abc",
      node: null,
      uptime: expect.any(Number),
      memory: { rss: null, heapTotal: null, heapUsed: null },
      timestamp: expect.stringMatching(ISO),
    });
  });

  it("counts uptime in seconds, and has no commit where none was said", async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: 4_000_000_000_000 });
    const before = jsonOf(await send("/version"));
    vi.setSystemTime(4_000_000_002_000);
    const after = jsonOf(await send("/version"));
    expect(Number(after.uptime) - Number(before.uptime)).toBe(2);
    expect(before.commit).toBeNull();
  });

  it("tells no secret", async () => {
    expect((await send("/version")).text).not.toMatch(/secret|SESSION_KEYS|test-/i);
  });
});

describe("HEAD", () => {
  it.each(PATHS)("%s has GET's status and headers and no body", async (path) => {
    const [get, head] = [await send(path), await send(path, { method: "HEAD" })];
    expect([head.status, head.text]).toEqual([200, ""]);
    expect(head.headers.get("Content-Type")).toBe(get.headers.get("Content-Type"));
    expect(head.headers.get("Cache-Control")).toBe("no-store");
  });
});

describe("405", () => {
  it.each(PATHS.flatMap((path) => ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"].map((method) => [method, path])))(
    "%s %s names what is allowed",
    async (method, path) => {
      const answer = await send(path, { method });
      expect([answer.status, answer.headers.get("Allow")]).toEqual([405, "HEAD, GET"]);
      expect(jsonOf(answer).code).toBe("method_not_allowed");
    },
  );
});

describe("404", () => {
  it("a path that only looks like one of them is traffic", async () => {
    for (const path of ["/health/", "/healthy", "/version/x", "/Health"])
      expect(jsonOf(await send(path)).code).toBe("no_route");
  });
});
