// Relayed WebSockets and sessions, through real processes: who is let in, and who is cut when a session is revoked.

import { once } from "node:events";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { RegistryStatus } from "../../src/contracts/registry.ts";
import { ADMIN_SECRET, makeScratchDir, type Plane, type StartOptions, startPlane } from "./plane.ts";
import { type Client, handshakeStatus, openSocket } from "./socket-client.ts";
import { LATE_MS, type SocketOrigin, startSocketOrigin } from "./socket-origin.ts";

/** What a revocation may take to reach a socket while other tests keep the machine busy; by itself it takes no second. */
const CUT_MS = 5_000;
const CUT = [4401, "session ended"];

let plane: Plane;
let origin: SocketOrigin;
let options: StartOptions;

beforeAll(async () => {
  origin = await startSocketOrigin("only");
  options = {
    isolates: 2,
    stateDir: path.join(makeScratchDir(), "state"),
    config: {
      log: { sampleRate: 0 },
      pools: Object.fromEntries(
        ["all", "thoughtful"].map((name) => [name, { instances: [{ id: "only", url: origin.url }] }]),
      ),
      routes: [
        { id: "members", path: "/members/*", pool: "all", auth: "required" },
        { id: "thoughtful", path: "/thoughtful/*", pool: "thoughtful", auth: "required", stripPrefix: true },
        { id: "anyone", path: "/anyone/*", pool: "all", webSocket: "relay" },
        { id: "unasked", path: "/unasked/*", pool: "all", webSocket: "relay", auth: "none" },
        { id: "passed", path: "/passed/*", pool: "all", auth: "required", webSocket: "pass", revocable: false },
      ],
    },
  };
  plane = await startPlane(options);
});
afterAll(async () => {
  await plane?.stop();
  await origin?.kill();
});

type SignedIn = { readonly id: string; readonly cookie: string };
async function signIn(userId = "u1"): Promise<SignedIn> {
  const response = await fetch(`${plane.url()}/api/super/sessions`, {
    method: "POST",
    headers: { "X-Admin-Secret": ADMIN_SECRET, "Content-Type": "application/json" },
    body: JSON.stringify({ userId, username: "alice" }),
  });
  const cookie = response.headers.getSetCookie()[0]?.split(";")[0] ?? "";
  return { id: ((await response.json()) as { id: string }).id, cookie };
}

async function revoke({ id }: SignedIn): Promise<void> {
  const url = `${plane.url()}/api/super/sessions/${id}`;
  expect((await fetch(url, { method: "DELETE", headers: { "X-Admin-Secret": ADMIN_SECRET } })).status).toBe(200);
}

const as = ({ cookie }: SignedIn) => ({ headers: { Cookie: cookie } });
const url = (where: string, isolate = 0) => `${plane.url(isolate)}${where}`;

/** How each ended and when, in ms from now. */
const endsOf = (clients: readonly Client[]) => {
  const startedAtMs = Date.now();
  return Promise.all(
    clients.map(async ({ closed }) => {
      const end = await closed;
      return { end, ms: Date.now() - startedAtMs };
    }),
  );
};

const expectAlive = async (clients: readonly Client[]) => {
  for (const client of clients) expect(await client.ask("alive")).toBe("alive");
};

describe("a socket on a route that needs a session", () => {
  it("is opened for its holder, of whom the instance is told, and for nobody else", async () => {
    const { socket } = await openSocket(url("/members/x"), as(await signIn("sonr1abc")));
    expect(origin.handshakes.at(-1)?.headers).toMatchObject({
      "x-session-authenticated": "true",
      "x-session-user-id": "sonr1abc",
    });
    const before = origin.handshakes.length;
    expect(await handshakeStatus(url("/members/x"))).toEqual([401, "unauthenticated"]);
    expect(origin.handshakes).toHaveLength(before);
    socket.close();
  });

  it("is not opened for a session that was revoked, not even within the freshness bound of another isolate", async () => {
    const session = await signIn();
    for (const isolate of [0, 1]) {
      const { socket } = await openSocket(url("/members/x", isolate), as(session));
      socket.close();
      await once(socket, "close");
    }
    await revoke(session);
    const before = origin.handshakes.length;
    for (const isolate of [0, 1])
      expect(await handshakeStatus(url("/members/x", isolate), as(session).headers)).toEqual([401, "unauthenticated"]);
    expect(origin.handshakes).toHaveLength(before);
  });
});

describe("a revocation", () => {
  it("cuts every socket of its session with 4401 at once, on every isolate, and tells the instance", async () => {
    const session = await signIn();
    const open = (index: number) => openSocket(url("/members/x", index % 2), as(session));
    const clients = await Promise.all(Array.from({ length: 40 }, (_, index) => open(index)));
    const ends = endsOf(clients);
    const before = origin.closes.length;
    await revoke(session);
    for (const { end, ms } of await ends) {
      expect(end).toEqual(CUT);
      expect(ms).toBeLessThan(CUT_MS);
    }
    await expect.poll(() => origin.closes.slice(before)).toEqual(clients.map(() => CUT));
  });

  it("cuts nobody else: another session's sockets, those of strangers, and those that are passed", async () => {
    const [revoked, kept] = [await signIn("u1"), await signIn("u1")];
    const staying = await Promise.all([
      openSocket(url("/members/x"), as(kept)),
      openSocket(url("/anyone/x")),
      openSocket(url("/unasked/x"), as(revoked)),
      openSocket(url("/passed/x"), as(revoked)),
    ]);
    const leaving = await openSocket(url("/anyone/x"), as(revoked));
    await revoke(revoked);
    expect(await leaving.closed).toEqual(CUT);
    await expectAlive(staying);
    for (const { socket } of staying) socket.close();
  });

  it("by its holder's own logout cuts likewise", async () => {
    const session = await signIn();
    const client = await openSocket(url("/members/x", 1), as(session));
    const ends = endsOf([client]);
    const out = await fetch(url("/api/session/logout"), { method: "POST", ...as(session) });
    expect(out.status).toBe(200);
    const [end] = await ends;
    expect(end?.end).toEqual(CUT);
    expect(end?.ms).toBeLessThan(CUT_MS);
  });

  it("cuts a socket whose handshake its instance is still thinking about, as soon as it is open", async () => {
    const session = await signIn();
    const opening = openSocket(url("/thoughtful/late/x"), as(session));
    const inFlight = async () => {
      const response = await fetch(url("/balancer/status"), { headers: { "X-Admin-Secret": ADMIN_SECRET } });
      const { pools } = (await response.json()) as { pools: RegistryStatus[] };
      return pools.find(({ pool }) => pool === "thoughtful")?.inFlight.only;
    };
    await expect.poll(inFlight, { interval: 10, timeout: LATE_MS }).toBe(1);
    await revoke(session);
    expect(await (await opening).closed).toEqual(CUT);
  });

  it("leaves alone who has changed preferences only", async () => {
    const session = await signIn();
    const client = await openSocket(url("/members/x"), as(session));
    const changed = await fetch(url("/api/session/preferences"), {
      method: "POST",
      headers: { ...as(session).headers, "Content-Type": "application/json" },
      body: JSON.stringify({ defaultApp: "search" }),
    });
    expect(changed.status).toBe(200);
    await expectAlive([client]);
    client.socket.close(1000);
    expect(await client.closed).toEqual([1000, ""]);
  });
});

describe("kill -9 of the plane", () => {
  it("ends every socket, and after the next start a revocation cuts as before", async () => {
    const session = await signIn();
    const lost = await openSocket(url("/members/x"), as(session));
    await plane.kill9();
    expect(await lost.closed).toEqual([1006, ""]);
    plane = await startPlane({ ...options, port: plane.port });
    const client = await openSocket(url("/members/x", 1), as(session));
    await revoke(session);
    expect(await client.closed).toEqual(CUT);
  });
});
