// WebSockets in mode relay, through real processes: what is kept of frames and handshakes, how each end is told to the other side,
// keep-alives, counting, and what happens to whoever does not read.

import { randomBytes } from "node:crypto";
import type { Socket } from "node:net";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import WebSocket from "ws";
import type { RegistryStatus } from "../../src/contracts/registry.ts";
import { ADMIN_SECRET, type Plane, startPlane } from "./plane.ts";
import { sendRaw } from "./raw-http.ts";
import { openSocket } from "./socket-client.ts";
import { LATE_MS, type SocketOrigin, startSocketOrigin } from "./socket-origin.ts";

/** The registry hears within renewAfterMs; an isolate that is gone lapses after 15 s. None of these may need that. */
const HEARD_MS = 5_000;
const MIB = 1_048_576;

let plane: Plane;
let origin: SocketOrigin;

beforeAll(async () => {
  origin = await startSocketOrigin("only");
  const instances = [{ id: "only", url: origin.url }];
  plane = await startPlane({
    config: {
      pools: {
        relayed: { instances },
        passed: { instances },
        bound: { instances: [{ id: "console", binding: "CONSOLE_APP", rpc: true }] },
      },
      routes: [
        { id: "relayed", path: "/relayed/*", pool: "relayed", webSocket: "relay", stripPrefix: true },
        { id: "passed", path: "/passed/*", pool: "passed", webSocket: "pass", stripPrefix: true },
        { id: "bound", path: "/bound/*", pool: "bound", webSocket: "relay", stripPrefix: true },
      ],
    },
  });
});
afterAll(async () => {
  await plane?.stop();
  await origin?.kill();
});

const url = (path = "/relayed/x") => `${plane.url()}${path}`;

async function statusOf(pool: string): Promise<RegistryStatus> {
  const response = await fetch(url("/balancer/status"), { headers: { "X-Admin-Secret": ADMIN_SECRET } });
  const { pools } = (await response.json()) as { pools: RegistryStatus[] };
  const status = pools.find((one) => one.pool === pool);
  if (status === undefined) throw new Error(`no status of pool ${pool}`);
  return status;
}
const expectInFlight = (pool: string) =>
  expect.poll(async () => (await statusOf(pool)).inFlight.only ?? 0, { timeout: HEARD_MS, interval: 20 });

type Line = { readonly msg: string; readonly requestId: string; readonly [fact: string]: unknown };
/** What the plane has logged of that request. */
const linesOf = (requestId: unknown): Line[] =>
  plane
    .stdout()
    .concat(plane.stderr())
    .split("\n")
    .filter((line) => line.includes(`"requestId":"${String(requestId)}"`))
    .map((line) => JSON.parse(line.slice(line.indexOf("{"))) as Line);

describe("a relayed handshake", () => {
  it("offers the client's subprotocols to the instance and brings back its choice and its headers", async () => {
    const { socket, headers } = await openSocket(url("/relayed/room?id=1"), { protocols: ["chat.v1", "chat.v2"] });
    expect(socket.protocol).toBe("chat.v2");
    expect(headers).toMatchObject({ "x-origin": "only", "set-cookie": ["room=1"] });
    expect(headers["x-request-id"]).toMatch(/./);
    expect(origin.handshakes.at(-1)).toMatchObject({
      url: "/room?id=1",
      headers: { "sec-websocket-protocol": "chat.v1,chat.v2", "x-session-authenticated": "false" },
    });
    socket.close();
  });

  it("without a subprotocol stays without one", async () => {
    const { socket, headers } = await openSocket(url());
    expect([socket.protocol, headers["sec-websocket-protocol"]]).toEqual(["", undefined]);
    socket.close();
  });

  it("reaches a bound Worker by fetch, even where the instance is called by RPC", async () => {
    const { socket, ask } = await openSocket(url("/bound/dev/echo"));
    expect(await ask("hello")).toBe("hello");
    socket.close();
  });

  const KEY = "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n";
  const VERSION = "Sec-WebSocket-Version: 13\r\n";
  it.each([
    ["a key", VERSION],
    ["a version", KEY],
    ["a version that anyone speaks", `${KEY}Sec-WebSocket-Version: 8\r\n`],
  ])("that is none, for want of %s, is refused and reaches no instance", async (_, lines) => {
    const before = origin.handshakes.length;
    const head = `GET /relayed/x HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n${lines}\r\n`;
    expect(await sendRaw(plane.port, head)).toMatch(/^HTTP\/1\.1 400 .*"code":"bad_upgrade"/s);
    expect(await sendRaw(plane.port, head.replace(lines, KEY + VERSION))).toMatch(/^HTTP\/1\.1 101 /);
    expect(origin.handshakes).toHaveLength(before + 1);
  });

  it("whose client leaves before it is answered leaves nothing behind", async () => {
    const before = origin.handshakes.length;
    const leaving = new WebSocket(url("/relayed/late/x").replace("http", "ws"));
    await expectInFlight("relayed").toBe(1);
    const left = new Promise((resolve) => leaving.once("error", resolve));
    leaving.terminate();
    await left;
    await expect.poll(() => origin.handshakes.length, { timeout: 4 * LATE_MS }).toBe(before + 1);
    await expectInFlight("relayed").toBe(0);
    await expect.poll(() => origin.open()).toBe(0);
  });
});

describe("relayed frames", () => {
  it.each<[string, string | Buffer]>([
    ["text", "text"],
    ["empty text", ""],
    ["text beyond ASCII", "büro 東京 🚦"],
    ["bytes", randomBytes(70_000)],
    ["no bytes", Buffer.alloc(0)],
    ["31 MiB", Buffer.alloc(31 * MIB, "a")],
  ])("arrive as they were sent, and come back so: %s", async (_, frame) => {
    const { socket, ask } = await openSocket(url());
    const back = await ask(frame);
    // Equality of large buffers, byte by byte, is slow.
    expect(Buffer.from(back).equals(Buffer.from(frame))).toBe(true);
    expect(typeof back).toBe(typeof frame);
    socket.close();
  });

  it("keep their order in both directions", async () => {
    const { socket, heard } = await openSocket(url());
    const sent = Array.from({ length: 2_000 }, (_, index) => `frame ${index}`);
    for (const frame of sent) socket.send(frame);
    await expect.poll(() => heard.length, { timeout: HEARD_MS }).toBe(sent.length);
    expect(heard).toEqual(sent);
    socket.close();
  });

  it("beyond the platform's 32 MiB end the socket with 1009, and the instance is told that something broke", async () => {
    const { socket, closed } = await openSocket(url());
    const before = origin.closes.length;
    socket.send(Buffer.alloc(33 * MIB));
    expect((await closed)[0]).toBe(1009);
    await expect.poll(() => origin.closes.slice(before)).toEqual([[1011, ""]]);
  });
});

describe("the end of a relayed socket", () => {
  let before = 0;
  beforeEach(() => {
    before = origin.closes.length;
  });
  const seenByInstance = () => expect.poll(() => origin.closes.slice(before), { timeout: HEARD_MS });

  it.each([
    [1000, ""],
    [1001, "going"],
    [1008, "x".repeat(123)],
    [3000, "é".repeat(61)],
    [4999, "mine"],
  ])("by the client with %i is told to the instance, whose answer comes back", async (code, reason) => {
    const { socket, closed } = await openSocket(url());
    socket.close(code, reason);
    expect(await closed).toEqual([code, reason]);
    await seenByInstance().toEqual([[code, reason]]);
  });

  it.each([
    [1000, ""],
    [1011, "broken"],
    [4000, "yours"],
  ])("by the instance with %i is told to the client, whose answer goes back", async (code, reason) => {
    const { socket, closed } = await openSocket(url());
    socket.send(`close:${code}:${reason}`);
    expect(await closed).toEqual([code, reason]);
    await seenByInstance().toEqual([[code, reason]]);
  });

  it("without a code stays without one, whoever ends it", async () => {
    const one = await openSocket(url());
    one.socket.close();
    expect(await one.closed).toEqual([1005, ""]);
    const other = await openSocket(url());
    other.socket.send("close");
    expect(await other.closed).toEqual([1005, ""]);
    await seenByInstance().toEqual([
      [1005, ""],
      [1005, ""],
    ]);
  });

  it("by a client that vanishes is told to the instance as 1011", async () => {
    const { socket } = await openSocket(url());
    socket.terminate();
    await seenByInstance().toEqual([[1011, ""]]);
  });

  it("by a Close frame that says 1006, which none may, is answered: its sender has not vanished", async () => {
    const { socket, closed } = await openSocket(url());
    const connection = Reflect.get(socket, "_socket") as Socket;
    // FIN and opcode 8, masked with zeros, two bytes.
    connection.write(Buffer.from([0x88, 0x82, 0, 0, 0, 0, 0x03, 0xee]));
    expect(await closed).toEqual([1011, ""]);
    await seenByInstance().toEqual([[1011, ""]]);
  });

  it("by an instance that dies is told to the client as 1011", async () => {
    const { socket, closed } = await openSocket(url());
    socket.send("die");
    expect(await closed).toEqual([1011, ""]);
  });

  it("does not wait longer than a second for an instance that has stopped listening", async () => {
    await expectInFlight("relayed").toBe(0);
    const { socket, closed } = await openSocket(url());
    socket.send("deaf");
    await expectInFlight("relayed").toBe(1);
    const startedAtMs = Date.now();
    socket.close(4000, "enough");
    expect(await closed).toEqual([4000, "enough"]);
    expect(Date.now() - startedAtMs).toBeLessThan(5_000);
    await expectInFlight("relayed").toBe(0);
  });

  it("lets through what the instance still had to say", async () => {
    const { socket, heard, closed } = await openSocket(url());
    for (let frame = 0; frame < 100; frame++) socket.send(`last ${frame}`);
    socket.close(1000);
    await closed;
    expect(heard).toHaveLength(100);
  });
});

describe("a JSON keep-alive", () => {
  it("is answered by the relay and the instance never hears of it, however it is spelled", async () => {
    const { socket, ask } = await openSocket(url());
    const heardBefore = origin.heard.length;
    expect(await ask('{"type":"ping"}')).toBe('{"type":"pong"}');
    expect(await ask(' { "type" : "ping" }\n')).toBe('{"type":"pong"}');
    expect(await ask("after")).toBe("after");
    expect(origin.heard.slice(heardBefore)).toEqual(["after"]);
    socket.close();
  });

  it.each<string | Buffer>([
    '{"type":"ping","id":1}',
    '{"type":"pong"}',
    "ping",
    Buffer.from('{"type":"ping"}'),
    `{"type":"ping"}${" ".repeat(60)}`,
  ])("is nothing that only looks like one: %s goes to the instance", async (frame) => {
    const { socket, ask } = await openSocket(url());
    expect(await ask(frame)).toEqual(frame);
    socket.close();
  });

  it("on a route that passes sockets is the instance's own business", async () => {
    const { socket, ask } = await openSocket(url("/passed/x"));
    expect(await ask('{"type":"ping"}')).toBe('{"type":"ping"}');
    socket.close();
  });
});

describe("a relayed socket is in flight", () => {
  it("from its upgrade to its end, however it ends, and a passed one is not", async () => {
    await expectInFlight("relayed").toBe(0);
    const clients = await Promise.all(Array.from({ length: 4 }, () => openSocket(url())));
    const passed = await openSocket(url("/passed/x"));
    await expectInFlight("relayed").toBe(4);
    await expect.poll(async () => (await statusOf("passed")).uncounted, { timeout: HEARD_MS }).toBeGreaterThan(0);
    await expectInFlight("passed").toBe(0);
    const [closing, vanishing, dismissed, orphaned] = clients.map(({ socket }) => socket);
    closing?.close(1000);
    await expectInFlight("relayed").toBe(3);
    vanishing?.terminate();
    await expectInFlight("relayed").toBe(2);
    dismissed?.send("close:1000:");
    await expectInFlight("relayed").toBe(1);
    orphaned?.send("die");
    await expectInFlight("relayed").toBe(0);
    expect((await statusOf("relayed")).uncounted).toBe(0);
    passed.socket.close();
  });

  it("writes a line when it begins, and one with what went by when it has ended", async () => {
    const { socket, headers, ask, closed } = await openSocket(url("/relayed/logged"));
    const requestId = headers["x-request-id"];
    await expect.poll(() => linesOf(requestId).map(({ msg, status }) => [msg, status])).toEqual([["request", 101]]);
    await ask('{"type":"ping"}');
    await ask("é");
    await ask(Buffer.alloc(1_000));
    socket.close(4007, "done");
    await closed;
    await expect.poll(() => linesOf(requestId)).toHaveLength(2);
    expect(linesOf(requestId)[1]).toMatchObject({
      msg: "socket",
      route: "relayed",
      pool: "relayed",
      instance: "only",
      path: "/relayed/logged",
      endedBy: "client",
      code: 4007,
      fromClient: { messages: 2, bytes: 1_002 },
      fromInstance: { messages: 2, bytes: 1_002 },
      pings: 1,
    });
  });
});

describe("a client that does not read", () => {
  const FLOOD_MIB = 200;

  it("is given up once 64 MiB lie in wait for it: its instance is told 1013, and it is no longer in flight", async () => {
    await expectInFlight("relayed").toBe(0);
    const before = origin.closes.length;
    const { socket, closed } = await openSocket(url());
    socket.pause();
    socket.send(`flood:${FLOOD_MIB}`);
    await expect.poll(() => origin.closes.slice(before), { timeout: 20_000 }).toEqual([[1013, "too far behind"]]);
    await expectInFlight("relayed").toBe(0);
    // Whoever reads after all gets what was queued, and then the same.
    socket.resume();
    expect(await closed).toEqual([1013, "too far behind"]);
  });

  it("is told from one that says something now and then, however much that one is sent in all", async () => {
    const { socket, heard, closed } = await openSocket(url());
    for (let mib = 40; mib <= FLOOD_MIB; mib += 40) {
      socket.send("flood:40");
      await expect.poll(() => heard.length, { timeout: 20_000 }).toBe(mib);
    }
    socket.close(1000);
    expect(await closed).toEqual([1000, ""]);
  });
});
