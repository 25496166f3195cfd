// Relayed WebSockets over several isolates, through real processes: how they are spread, capped, and left alone by configuration changes.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import type { RegistryStatus } from "../../src/contracts/registry.ts";
import { ADMIN_SECRET, type Plane, startPlane } from "./plane.ts";
import { type Client, handshakeStatus, openSocket } from "./socket-client.ts";
import { type SocketOrigin, startSocketOrigin } from "./socket-origin.ts";

const ISOLATES = 4;

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function startOrigins(count: number): Promise<SocketOrigin[]> {
  const origins = await Promise.all(Array.from({ length: count }, (_, index) => startSocketOrigin(`o${index}`)));
  ends.push(...origins.map((origin) => origin.kill));
  return origins;
}

async function start(config: object, isolates = ISOLATES): Promise<Plane> {
  const plane = await startPlane({ isolates, config: { log: { sampleRate: 0 }, ...config } });
  ends.push(plane.kill9);
  return plane;
}

const instancesOf = (origins: readonly SocketOrigin[]) => origins.map(({ id, url }) => ({ id, url }));

describe("least-connections over long-lived sockets", () => {
  const SOCKETS = 40;

  async function inFlight(plane: Plane): Promise<RegistryStatus["inFlight"]> {
    const response = await fetch(`${plane.url()}/balancer/status`, { headers: { "X-Admin-Secret": ADMIN_SECRET } });
    const { pools } = (await response.json()) as { pools: RegistryStatus[] };
    return pools[0]?.inFlight ?? {};
  }

  it.each([
    ["one after another", 1],
    ["eight at a time", 8],
  ])("through four isolates, %s, gives each of four instances its quarter of them", async (_, atOnce) => {
    const origins = await startOrigins(4);
    const pools = { all: { strategy: "least-connections", instances: instancesOf(origins) } };
    const plane = await start({ pools, routes: [{ id: "all", pool: "all" }] });
    const clients: Client[] = [];
    for (let first = 0; first < SOCKETS; first += atOnce) {
      const batch = Array.from({ length: atOnce }, (_, index) => openSocket(plane.url((first + index) % ISOLATES)));
      clients.push(...(await Promise.all(batch)));
    }
    const spread = origins.map((origin) => origin.open());
    expect(spread.reduce((sum, sockets) => sum + sockets, 0)).toBe(SOCKETS);
    for (const sockets of spread) expect(Math.abs(sockets - SOCKETS / 4)).toBeLessThanOrEqual(1);
    const told = Object.fromEntries(origins.map((origin) => [origin.id, origin.open()]));
    await expect.poll(() => inFlight(plane), { timeout: 5_000 }).toEqual(told);
    for (const { socket } of clients) socket.close();
    await expect.poll(() => inFlight(plane), { timeout: 5_000 }).toEqual({});
  });
});

describe("a limit on sockets at one time", () => {
  const CAP = 5;
  const LEASE_MS = 2_000;

  async function startCapped(leaseMs = LEASE_MS) {
    const origins = await startOrigins(1);
    const plane = await start({
      pools: { all: { instances: instancesOf(origins) } },
      limits: { terminals: { key: "user", concurrency: CAP, leaseMs } },
      routes: [
        { id: "terminals", path: "/terminals/*", pool: "all", auth: "required", limits: ["terminals"] },
        {
          ...{ id: "passed", path: "/passed/*", pool: "all", auth: "required", limits: ["terminals"] },
          ...{ webSocket: "pass", revocable: false },
        },
      ],
    });
    const signIn = async (userId: string) => {
      const response = await fetch(`${plane.url()}/api/super/sessions`, {
        method: "POST",
        headers: { "X-Admin-Secret": ADMIN_SECRET, "Content-Type": "application/json" },
        body: JSON.stringify({ userId, username: userId }),
      });
      await response.arrayBuffer();
      return { Cookie: response.headers.getSetCookie()[0]?.split(";")[0] ?? "" };
    };
    const url = (isolate: number, path = "/terminals/x") => `${plane.url(isolate % ISOLATES)}${path}`;
    return { plane, origin: origins[0], signIn, url };
  }

  it("admits exactly five of six of a user's, whichever isolate they reach, and gives a slot back when one ends", async () => {
    const { signIn, url } = await startCapped(60_000);
    const [ann, bob] = [await signIn("ann"), await signIn("bob")];
    const asked = Array.from({ length: CAP + 1 }, (_, index) =>
      openSocket(url(index), { headers: ann }).catch((error: Error) => error.message),
    );
    const outcomes = await Promise.all(asked);
    const open = outcomes.filter((outcome): outcome is Client => typeof outcome !== "string");
    expect(open).toHaveLength(CAP);
    expect(outcomes.filter((outcome) => typeof outcome === "string")).toEqual(["Unexpected server response: 429"]);
    expect(await handshakeStatus(url(1), ann)).toEqual([429, "too_many_at_once"]);
    expect((await handshakeStatus(url(1), bob))[0]).toBe(101);
    for (const end of ["close", "terminate"] as const) {
      open.shift()?.socket[end]();
      const freedAtMs = Date.now();
      const back = async () => {
        const next = await openSocket(url(2), { headers: ann }).catch(() => undefined);
        if (next !== undefined) open.push(next);
        return next !== undefined;
      };
      await expect.poll(back, { timeout: 5_000, interval: 10 }).toBe(true);
      expect(Date.now() - freedAtMs).toBeLessThan(5_000);
      expect(await handshakeStatus(url(3), ann)).toEqual([429, "too_many_at_once"]);
    }
    for (const { socket } of open) socket.close();
  });

  it("holds slots far beyond their lease while sockets last, idle ones too, and not at all for those that are passed", async () => {
    const { signIn, url } = await startCapped();
    const [ann, bob] = [await signIn("ann"), await signIn("bob")];
    const held = await Promise.all(Array.from({ length: CAP }, (_, index) => openSocket(url(index), { headers: ann })));
    for (const untilMs = Date.now() + 3 * LEASE_MS; Date.now() < untilMs; await delay(50))
      expect((await handshakeStatus(url(1), ann))[0]).toBe(429);
    const passed: Client[] = [];
    for (let index = 0; index < 2 * CAP; index++) passed.push(await openSocket(url(0, "/passed/x"), { headers: bob }));
    for (const { socket } of [...held, ...passed]) socket.close();
  });

  it("gives back the slots of a client that was killed", async () => {
    const { signIn, url, origin } = await startCapped();
    const ann = await signIn("ann");
    const script = `import WebSocket from "ws";
      for (let n = 0; n < ${CAP}; n++) new WebSocket(${JSON.stringify(url(0).replace("http", "ws"))}, { headers: ${JSON.stringify(ann)} });`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
      cwd: import.meta.dirname,
      stdio: "ignore",
    });
    await expect.poll(() => origin?.open(), { timeout: 10_000 }).toBe(CAP);
    expect((await handshakeStatus(url(1), ann))[0]).toBe(429);
    child.kill("SIGKILL");
    await once(child, "exit");
    await expect.poll(async () => (await handshakeStatus(url(1), ann))[0], { timeout: LEASE_MS + 1_000 }).toBe(101);
  });
});

describe("configuration changes", () => {
  const SOCKETS = 200;
  const CHANGES = 100;

  it("a hundred of them end no socket, not even where its instance, its pool and its route are gone", async () => {
    const origins = await startOrigins(2);
    const [one, two] = origins.map(({ id, url }) => ({ id, url }));
    const document = (instances: unknown[], auth = "optional") => ({
      configFreshnessMs: 50,
      log: { sampleRate: 0 },
      pools: { all: { strategy: "least-connections", instances } },
      routes: [{ id: "all", path: "/all/*", pool: "all", auth, limits: [] }],
    });
    const plane = await start(document([one, two]), 1);
    const url = `${plane.url()}/all/x`;
    const clients = await Promise.all(Array.from({ length: SOCKETS }, () => openSocket(url)));
    const put = async (body: object) => {
      const response = await fetch(`${plane.url()}/api/super/config`, {
        method: "PUT",
        headers: { "X-Admin-Secret": ADMIN_SECRET, "Content-Type": "application/json" },
        body: JSON.stringify(body),
      });
      expect([response.status, await response.text()]).toEqual([200, expect.anything()]);
    };
    const statusIs = (status: number) =>
      expect.poll(async () => (await handshakeStatus(url))[0], { timeout: 5_000, interval: 10 }).toBe(status);
    const variants = [document([one]), document([two]), document([one, two], "required")];
    for (let change = 0; change < CHANGES - 1; change++) await put(variants[change % variants.length] ?? {});
    await statusIs(401);
    await put({ configFreshnessMs: 50, log: { sampleRate: 0 } });
    await statusIs(404);
    const answers = await Promise.all(clients.map(({ ask }, index) => ask(`socket ${index}`)));
    expect(answers).toEqual(clients.map((_, index) => `socket ${index}`));
    expect(origins.reduce((sum, origin) => sum + origin.open(), 0)).toBe(SOCKETS);
    for (const { socket } of clients) socket.close();
  });
});
