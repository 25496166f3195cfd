// What a relayed handshake is refused with when its session can't watch over it, and what it then leaves behind.

import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";
import { type Answer, asAdmin, configure, downObject, jsonOf, open, send } from "../http/send.ts";

const HANDSHAKE = {
  Upgrade: "websocket",
  Connection: "Upgrade",
  "Sec-WebSocket-Version": "13",
  "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
};
const slots = { key: "user", concurrency: 1, leaseMs: 60_000 };

beforeAll(async () => {
  const pools = { app: { strategy: "least-connections", instances: [{ id: "app", binding: "AUTH_APP" }] } };
  const members = { pool: "app", auth: "required" };
  await configure({
    log: { sampleRate: 0 },
    pools,
    limits: { slots },
    routes: [
      { ...members, id: "members", path: "/members/*" },
      { ...members, id: "capped", path: "/capped/*", limits: ["slots"] },
      { ...members, id: "passed", path: "/passed/*", webSocket: "pass", revocable: false },
      { id: "anyone", path: "/anyone/*", pool: "app", webSocket: "relay" },
    ],
  });
});

async function signIn() {
  const opened = await send("/api/super/sessions", { headers: asAdmin, body: { userId: "u1", username: "alice" } });
  const Cookie = opened.headers.getSetCookie()[0]?.split(";")[0] ?? "";
  const session = { id: String(jsonOf(opened).id), headers: { Cookie } };
  // From here on this isolate knows it without asking.
  expect((await send("/members/x", session)).status).toBe(200);
  return session;
}
const codeOf = (answer: Answer) => [answer.status, jsonOf(answer).code];
/** Everything of a session's object but its leashes. */
const leashless = {
  SESSION: {
    getByName: (name: string) => ({
      read: (command: object) => env.SESSION.getByName(name).read(command),
      fetch: () => Promise.reject(new Error("no leash today")),
    }),
  },
};

describe("503 object_unavailable", () => {
  it.each(["/members/socket", "/anyone/socket"])("for a holder's socket that could not be cut: %s", async (path) => {
    const { headers } = await signIn();
    const upgrade = { headers: { ...headers, ...HANDSHAKE } };
    for (const vars of [leashless, { SESSION: downObject() }])
      expect(codeOf(await send(path, { ...upgrade, vars }))).toEqual([503, "object_unavailable"]);
    // The app answers a handshake as any request: nothing kept it from being asked.
    expect((await send(path, upgrade)).status).toBe(200);
  });

  it("for nothing else of the holder's: other requests, and sockets that are passed", async () => {
    const { headers } = await signIn();
    expect((await send("/members/x", { headers, vars: leashless })).status).toBe(200);
    expect((await send("/passed/socket", { headers: { ...headers, ...HANDSHAKE }, vars: leashless })).status).toBe(200);
  });

  it("for no stranger where strangers are welcome: there is no session to watch over", async () => {
    expect((await send("/anyone/socket", { headers: HANDSHAKE, vars: leashless })).status).toBe(200);
  });

  it("and the slot that was taken for it is given back", async () => {
    const { headers } = await signIn();
    const upgrade = { headers: { ...headers, ...HANDSHAKE } };
    expect(codeOf(await send("/capped/socket", { ...upgrade, vars: leashless }))).toEqual([503, "object_unavailable"]);
    await expect.poll(async () => (await send("/capped/x", { headers })).status, { timeout: 5_000 }).toBe(200);
  });
});

describe("a handshake the instance does not take", () => {
  it("is answered as the instance did, and lets its leash go", async () => {
    const { id, headers } = await signIn();
    const closed = Promise.withResolvers<unknown>();
    const vars = {
      SESSION: {
        getByName: (name: string) => ({
          read: (command: object) => env.SESSION.getByName(name).read(command),
          fetch: () => {
            expect(name).toBe(`1:${id}`);
            const { 0: holder, 1: end } = new WebSocketPair();
            end.accept();
            end.addEventListener("close", ({ code }) => closed.resolve(code));
            return Promise.resolve(new Response(null, { status: 101, webSocket: holder }));
          },
        }),
      },
    };
    const answer = await open("/members/socket", { headers: { ...headers, ...HANDSHAKE }, vars });
    expect([answer.status, answer.webSocket]).toEqual([200, null]);
    await answer.text();
    expect(await closed.promise).toBe(1000);
  });
});
