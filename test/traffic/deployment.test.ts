// What a deployment's variables change: who is believed about addresses, what is logged, and never who is let in.

import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";
import { captureLines } from "../captured-lines.ts";
import { asAdmin, BACKEND_API_KEY, configure, jsonOf, send } from "../http/send.ts";

beforeAll(async () => {
  await configure({
    log: { sampleRate: 0 },
    pools: { app: { instances: [{ id: "app", binding: "AUTH_APP" }] } },
    routes: [
      { id: "operators", path: "/operators/*", pool: "app", auth: "admin" },
      { id: "all", path: "/app/*", pool: "app", timeoutMs: 1_234 },
    ],
  });
});

const lines = captureLines();
const lineOf = (requestId: string): Record<string, unknown> | undefined => {
  const line = lines.find((text) => text.includes(requestId) && text.includes('"msg":"request"'));
  return line === undefined ? undefined : (JSON.parse(line) as Record<string, unknown>);
};

describe("CLIENT_IP_SOURCE and TRUSTED_HOPS", () => {
  const forwarded = { "X-Forwarded-For": "6.6.6.6, 1.1.1.1, 2.2.2.2", "CF-Connecting-IP": "5.5.5.5" };
  const addressSeen = async (vars: object, peer?: string) => {
    const sent = { headers: forwarded, vars: { ...vars }, ...(peer !== undefined && { peer }) };
    const { headers } = jsonOf(await send("/app/x", sent)) as { headers: Record<string, string> };
    expect(headers["x-real-ip"]).toBe(headers["x-forwarded-for"]);
    return headers["x-forwarded-for"];
  };

  it.each([
    ["0", "9.9.9.9"],
    ["1", "2.2.2.2"],
    ["2", "1.1.1.1"],
    ["3", "6.6.6.6"],
    ["4", "9.9.9.9"],
    ["-1", "9.9.9.9"],
    ["many", "9.9.9.9"],
  ])("TRUSTED_HOPS %s under peer tells the backend %j", async (TRUSTED_HOPS, address) => {
    expect(await addressSeen({ TRUSTED_HOPS }, "9.9.9.9:4321")).toBe(address);
  });

  it("cloudflare believes CF-Connecting-IP, peer never does, and anything else is read as cloudflare", async () => {
    expect(await addressSeen({ CLIENT_IP_SOURCE: "cloudflare" }, "9.9.9.9:4321")).toBe("5.5.5.5");
    expect(await addressSeen({ CLIENT_IP_SOURCE: "peer" }, "[2001:db8::1]:4321")).toBe("2001:db8::1");
    expect(await addressSeen({ CLIENT_IP_SOURCE: "" })).toBe("5.5.5.5");
  });

  it.each([
    ["0", "https", "http"],
    ["1", "https", "https"],
    ["1", "https, http", "http"],
    ["2", "https, http", "https"],
    ["2", "HTTPS", "https"],
    ["1", "gopher", "http"],
    ["1", "", "http"],
  ])("TRUSTED_HOPS %s with X-Forwarded-Proto %j tells the backend %s", async (TRUSTED_HOPS, proto, told) => {
    const answer = await send("/app/x", { headers: { "X-Forwarded-Proto": proto }, vars: { TRUSTED_HOPS } });
    expect(jsonOf(answer)).toMatchObject({ headers: { "x-forwarded-proto": told } });
  });

  it("the log line has the same address", async () => {
    const headers = { ...forwarded, "X-Request-Id": "address-0001" };
    await send("/app/x", { headers, vars: { TRUSTED_HOPS: "1", DEV_MODE: "true" } });
    expect(lineOf("address-0001")).toMatchObject({ clientIp: "2.2.2.2" });
  });
});

describe("ADMIN_SECRET", () => {
  const PATHS = ["/api/super/config", "/admin/workers", "/balancer/status", "/discovery/services", "/operators/x"];
  const OFFERS: Record<string, string>[] = [
    {},
    asAdmin,
    { "X-Admin-Secret": "" },
    { Authorization: "Bearer " },
    { Authorization: "" },
    { "X-API-Key": "undefined" },
    { "X-API-Key": BACKEND_API_KEY },
  ];

  it.each([
    ["unset", { ADMIN_SECRET: undefined }],
    ["empty", { ADMIN_SECRET: "" }],
    ["unset in development with DEV_MODE", { ADMIN_SECRET: undefined, ENVIRONMENT: "development", DEV_MODE: "true" }],
    ["empty though the alias is set", { ADMIN_SECRET: "", ORCHESTRATOR_API_KEY: env.ADMIN_SECRET }],
  ])("%s: every operator's path is 503 naming it, whatever is offered (B1, B17, B19)", async (_, vars) => {
    for (const path of PATHS) {
      for (const headers of OFFERS) {
        const answer = await send(path, { headers, vars });
        expect([answer.status, jsonOf(answer).code]).toEqual([503, "admin_secret_unset"]);
        expect(answer.text).toContain("ADMIN_SECRET");
      }
    }
  });

  it("unset costs visitors nothing", async () => {
    const vars = { ADMIN_SECRET: undefined };
    expect((await send("/app/x", { vars })).status).toBe(200);
    expect((await send("/health", { vars })).status).toBe(200);
  });

  it("may be called ORCHESTRATOR_API_KEY (D37)", async () => {
    const vars = { ADMIN_SECRET: undefined, ORCHESTRATOR_API_KEY: "the-other-name" };
    const headers = { Authorization: "Bearer the-other-name" };
    expect((await send("/admin/workers", { vars, headers })).status).toBe(200);
    expect((await send("/operators/x", { vars, headers })).status).toBe(200);
    expect((await send("/admin/workers", { vars, headers: asAdmin })).status).toBe(401);
  });
});

describe("ENVIRONMENT (D40)", () => {
  it.each(["development", "staging", "production"])("%s is what GET /version says", async (ENVIRONMENT) => {
    expect(jsonOf(await send("/version", { vars: { ENVIRONMENT } })).environment).toBe(ENVIRONMENT);
  });

  it("development opens no door (B16)", async () => {
    const headers = { Authorization: "Bearer dev-token" };
    const vars = { ENVIRONMENT: "development", DEV_MODE: "true" };
    expect((await send("/admin/workers", { headers, vars })).status).toBe(401);
    expect((await send("/operators/x", { headers, vars })).status).toBe(401);
  });
});

describe("DEV_MODE (D76)", () => {
  it("logs every request with the rules that decided, whatever the sampling", async () => {
    await send("/app/x", { headers: { "X-Request-Id": "dev-mode-0001" }, vars: { DEV_MODE: "true" } });
    expect(lineOf("dev-mode-0001")).toMatchObject({
      route: "all",
      instance: "app",
      rules: { path: "/app/*", auth: "optional", timeoutMs: 1_234 },
    });
  });

  it.each(["false", "", "1", "TRUE"])("%j is not DEV_MODE", async (DEV_MODE) => {
    await send("/app/x", { headers: { "X-Request-Id": "dev-mode-0002" }, vars: { DEV_MODE } });
    expect(lineOf("dev-mode-0002")).toBeUndefined();
  });
});

describe("the log line of a request", () => {
  it("is written for an error whatever the sampling, and never holds what a client sent as a secret", async () => {
    const headers = {
      "X-Request-Id": "secret-0001",
      Cookie: "c=my-cookie; signalbox-session=my-session",
      Authorization: "Bearer my-token",
      "X-Admin-Secret": env.ADMIN_SECRET,
    };
    await send("/app/x?token=my-query", { headers, vars: { DEV_MODE: "true" } });
    expect(lineOf("secret-0001")).toMatchObject({ status: 200, path: "/app/x" });
    expect(lines.join("\n")).not.toMatch(/my-cookie|my-session|my-token|my-query|test-admin-secret/);
    await send("/app/throw", { headers: { "X-Request-Id": "failed-0001" } });
    expect(lineOf("failed-0001")).toMatchObject({
      level: "error",
      status: 502,
      why: "upstream_failed",
      failed: ["app"],
    });
  });
});
