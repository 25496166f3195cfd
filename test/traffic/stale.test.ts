// The control plane may fail, traffic may not: what is served from last-good knowledge, and that it says so.

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { captureLines } from "../captured-lines.ts";
import { type Answer, asAdmin, configure, downObject, jsonOf, send } from "../http/send.ts";

/** In the true future, so that no alarm fires by itself. */
const T0 = 4_000_000_000_000;
const later = (ms: number) => vi.setSystemTime(Date.now() + ms);
const lines = captureLines();

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ["Date"], now: T0 });
  await configure({
    domain: "sonr.id",
    configFreshnessMs: 50,
    pools: { app: { instances: [{ id: "app", binding: "AUTH_APP" }] } },
    routes: [
      { id: "members", path: "/members/*", pool: "app", auth: "required" },
      { id: "strict", path: "/strict/*", pool: "app", auth: "required", sessionFreshnessMs: 0 },
      { id: "blind", path: "/blind/*", pool: "app", auth: "none" },
      { id: "all", pool: "app" },
    ],
  });
});
afterEach(() => {
  vi.useRealTimers();
});

const staleOf = ({ status, headers }: Answer) => [status, headers.get("X-Signalbox-Stale")];
const told = (answer: Answer) => jsonOf(answer).headers as Record<string, string>;

async function signIn(): Promise<{ Cookie: string }> {
  const opened = await send("/api/super/sessions", { headers: asAdmin, body: { userId: "u1", username: "alice" } });
  return { Cookie: opened.headers.getSetCookie()[0]?.split(";")[0] ?? "" };
}

describe("a configuration that cannot be checked", () => {
  const vars = { CONTROL: downObject() };

  it("goes on serving past its bound, and the answer and its log line say so, until it is checked again", async () => {
    expect(staleOf(await send("/x"))).toEqual([200, null]);
    later(60);
    const headers = { "X-Request-Id": "stale-0001" };
    expect(staleOf(await send("/x", { vars, headers }))).toEqual([200, "config"]);
    const line = lines.find((text) => text.includes("stale-0001") && text.includes('"request"')) ?? "{}";
    expect(JSON.parse(line)).toMatchObject({ status: 200, stale: ["config"] });
    later(200);
    expect(staleOf(await send("/x"))).toEqual([200, null]);
  });

  it("is not called stale within its bound", async () => {
    later(20);
    expect(staleOf(await send("/x", { vars }))).toEqual([200, null]);
  });

  it("marks a refusal too", async () => {
    later(60);
    const answer = await send("/members/x", { vars });
    expect(staleOf(answer)).toEqual([401, "config"]);
  });
});

describe("a revocation log that does not answer", () => {
  const vars = { REVOCATIONS: downObject() };

  it("leaves a known visitor signed in, and the answer says on what ground", async () => {
    const headers = await signIn();
    expect(staleOf(await send("/members/x", { headers }))).toEqual([200, null]);
    later(1_500);
    const answer = await send("/members/x", { headers, vars });
    expect(staleOf(answer)).toEqual([200, "session"]);
    expect(told(answer)["x-session-user-id"]).toBe("u1");
    later(1_500);
    expect(staleOf(await send("/members/x", { headers }))).toEqual([200, null]);
  });

  it("is nothing to a visitor without a session, nor to a route that asks nobody", async () => {
    const headers = await signIn();
    later(1_500);
    expect(staleOf(await send("/x", { vars }))).toEqual([200, null]);
    expect(staleOf(await send("/blind/x", { vars, headers }))).toEqual([200, null]);
  });
});

describe("a session that does not answer", () => {
  const vars = { SESSION: downObject() };

  it("lets nobody in where a session is needed: 503, for who it is cannot be told", async () => {
    const headers = await signIn();
    for (const path of ["/members/x", "/strict/x"]) {
      const answer = await send(path, { headers, vars });
      expect([answer.status, jsonOf(answer).code]).toEqual([503, "object_unavailable"]);
      later(200);
    }
  });

  it("makes the visitor anonymous where none is needed, and the answer stale", async () => {
    const headers = await signIn();
    const answer = await send("/x", { headers, vars });
    expect(staleOf(answer)).toEqual([200, "session"]);
    expect(told(answer)).toMatchObject({ "x-session-authenticated": "false" });
  });
});

describe("a registry that does not answer", () => {
  it("costs no request its answer", async () => {
    await configure({
      configFreshnessMs: 50,
      pools: { apps: { instances: ["AUTH_APP", "CONSOLE_APP"].map((binding) => ({ id: binding, binding })) } },
      routes: [{ id: "all", pool: "apps" }],
    });
    const vars = { REGISTRY: downObject() };
    const apps = new Set<unknown>();
    for (let i = 0; i < 4; i++) {
      const answer = await send("/x", { vars });
      expect(answer.status).toBe(200);
      apps.add(jsonOf(answer).app);
    }
    expect(apps.size).toBe(2);
  });
});
