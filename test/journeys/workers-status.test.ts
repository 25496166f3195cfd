// GET /api/workers/status over real origins: each is asked at the same time, and none can hold up the answer.

import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ADMIN_SECRET, type Plane, startPlane } from "./plane.ts";

const ANSWERS: { readonly [id: string]: RequestListener } = {
  sound: (request, response) =>
    response.writeHead(request.url === "/version" ? 200 : 500).end('{"version":"7.1","uptime":12}'),
  old: (request, response) => response.writeHead(request.url === "/health" ? 200 : 404).end("fine"),
  sick: (_, response) => response.writeHead(503).end(),
  silent: () => undefined,
  /** Begins to answer and never ends. */
  endless: (_, response) => void response.writeHead(200).write('{"version":"'),
  flood: (_, response) => response.writeHead(200).end(`{"version":"${"9".repeat(1_000_000)}"}`),
  gone: () => undefined,
};
const asAdmin = { "X-Admin-Secret": ADMIN_SECRET };
const servers = new Map<string, Server>();
let plane: Plane;

beforeAll(async () => {
  for (const [id, answer] of Object.entries(ANSWERS)) {
    const server = createServer(answer);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    servers.set(id, server);
  }
  const instances = [...servers].map(([id, server]) => ({
    id,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    region: "US Chicago",
    type: "oracle",
    features: ["Terminal"],
  }));
  await new Promise((resolve) => servers.get("gone")?.close(resolve));
  plane = await startPlane({
    config: {
      log: { sampleRate: 0 },
      pools: { all: { instances } },
      routes: [{ id: "all", path: "/all/*", pool: "all" }],
    },
  });
});
afterAll(async () => {
  await plane?.stop();
  for (const server of servers.values()) {
    server.closeAllConnections();
    server.close();
  }
});

const ask = (headers: Record<string, string> = {}) => fetch(`${plane.url()}/api/workers/status`, { headers });
type Told = { readonly workers: readonly Record<string, unknown>[]; readonly timestamp: string };

describe("GET /api/workers/status", () => {
  it("asks all at the same time, 5 s at most, and says of each how it is (L68, L69)", { timeout: 20_000 }, async () => {
    const startedAt = Date.now();
    const response = await ask(asAdmin);
    const tookMs = Date.now() - startedAt;
    expect(response.status).toBe(200);
    const { workers, timestamp } = (await response.json()) as Told;
    expect(Object.fromEntries(workers.map(({ id, status }) => [id, status]))).toEqual({
      sound: "online",
      old: "online",
      sick: "degraded",
      silent: "offline",
      endless: "online",
      flood: "online",
      gone: "offline",
    });
    expect(workers[0]).toMatchObject({
      name: "sound",
      pool: "all",
      type: "oracle",
      region: "US Chicago",
      version: "7.1",
      uptime: 12,
    });
    expect(workers[0]?.features).toEqual(["Terminal"]);
    expect(workers.find(({ id }) => id === "flood")).toMatchObject({ version: null, uptime: null });
    expect(workers.find(({ id }) => id === "gone")).toMatchObject({ version: null, responseTime: null });
    expect(Number.isNaN(Date.parse(timestamp))).toBe(false);
    expect(tookMs).toBeGreaterThanOrEqual(4_900);
    expect(tookMs).toBeLessThan(9_000);
  });

  it("is for who is signed in and for operators, nobody else", { timeout: 20_000 }, async () => {
    expect((await ask()).status).toBe(401);
    expect((await ask({ Cookie: "session=made-up" })).status).toBe(401);
    expect((await ask({ "X-Admin-Secret": "wrong" })).status).toBe(401);
    const made = await fetch(`${plane.url()}/api/super/sessions`, {
      method: "POST",
      headers: { ...asAdmin, "Content-Type": "application/json" },
      body: JSON.stringify({ userId: "u1", username: "alice" }),
    });
    expect(made.status).toBe(201);
    const cookie = made.headers.getSetCookie()[0]?.split(";", 1)[0] ?? "";
    const seen = await ask({ Cookie: cookie });
    expect(seen.status).toBe(200);
    const { workers } = (await seen.json()) as Told;
    expect(workers.map(({ url }) => url)).toEqual(workers.map(() => null));
  });
});
