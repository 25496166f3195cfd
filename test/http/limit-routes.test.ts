// /api/super/limits over HTTP: what is limited, how a key stands, and what an operator does about it.

import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it, vi } from "vitest";
import type { LimiterCall } from "../../src/contracts/limits.ts";
import { configureExactly, jsonOf, type Sent, send, sendAsAdmin } from "./send.ts";

const MINUTE = { windowMs: 60_000 };
/** Whom calls without a peer count as: the tests' own. */
const MYSELF = "~";
const UNLIMITED_FOR_ME = { overrides: { [MYSELF]: { limit: 1_000_000 } } };
/** One for a control path, so that the second call shows who counts. */
const onceEach = { key: "ip", limit: 1, ...MINUTE, ...UNLIMITED_FOR_ME };

const DOCUMENT = {
  pools: { app: { instances: [{ id: "app", binding: "AUTH_APP" }] } },
  routes: [
    { id: "teams", path: "/teams/*", pool: "app", limits: ["team"] },
    { id: "repos", path: "/repos/*", pool: "app", limits: ["repo"] },
    { id: "open", path: "/open/*", pool: "app", limits: [] },
    { id: "visits", path: "/visits/*", pool: "app", limits: ["visitors", "people", "streams"] },
    { id: "vault", path: "/vault/*", pool: "app", auth: "admin", limits: ["visitors"] },
    { id: "rest", pool: "app" },
  ],
  limits: {
    team: {
      key: "repository+header:x-team",
      limit: 3,
      ...MINUTE,
      cost: 1,
      onError: "closed",
      onMissingKey: "deny",
      headers: true,
      overrides: { "a+vip": { limit: 100 }, "*+v*": { limit: 50 } },
    },
    repo: { key: "repository", limit: 3, ...MINUTE },
    visitors: { key: "ip", limit: 5, ...MINUTE },
    people: { key: "user", limit: 5, ...MINUTE },
    streams: { key: "ip", concurrency: 2, leaseMs: 30_000 },
    health: onceEach,
    metrics: onceEach,
    admin: onceEach,
    super: onceEach,
    "admin-failures": onceEach,
  },
};

beforeAll(() => configureExactly(DOCUMENT));

const limitPath = (policy: string, key: string) => `/api/super/limits/${policy}/${encodeURIComponent(key)}`;
const look = async (policy: string, key: string) => jsonOf(await sendAsAdmin(limitPath(policy, key)));
const reset = async (policy: string, key: string) =>
  jsonOf(await sendAsAdmin(limitPath(policy, key), { method: "DELETE" }));
const refund = (policy: string, key: string, body: unknown) =>
  sendAsAdmin(`${limitPath(policy, key)}/refund`, { body });
const visitRepo = (repository: string, times = 1) =>
  several(times, () => send(`/repos/x?repository=${encodeURIComponent(repository)}`));

async function several(times: number, visit: () => Promise<{ status: number }>): Promise<number[]> {
  const statuses: number[] = [];
  for (let i = 0; i < times; i++) statuses.push((await visit()).status);
  return statuses;
}

let keys = 0;
const freshKey = () => `key-${++keys}`;
const freshPeer = () => `198.51.100.${++keys}:4711`;

const auditLog = () => env.CONTROL.getByName("1:plane").auditLog({ limit: 1_000 });
/** What is written down while `work` goes on. */
async function audited(work: () => Promise<unknown>) {
  const before = (await auditLog()).length;
  await work();
  return (await auditLog()).slice(before);
}

type Described = { name: string; attached: { routes: string[]; paths: string[] } } & Record<string, unknown>;
const described = async () => jsonOf(await sendAsAdmin("/api/super/limits")).limits as Described[];
const limitNamed = async (name: string) => (await described()).find((limit) => limit.name === name);

describe("GET /api/super/limits", () => {
  it("tells every field of a configured limit, defaults included, and what stands under it", async () => {
    expect(await limitNamed("team")).toEqual({
      name: "team",
      ...DOCUMENT.limits.team,
      kind: "rate",
      shadow: false,
      attached: { routes: ["teams"], paths: [] },
    });
    expect(await limitNamed("streams")).toEqual({
      name: "streams",
      kind: "slots",
      key: "ip",
      limit: 2,
      leaseMs: 30_000,
      cost: 1,
      onError: "open",
      onMissingKey: "fallback",
      shadow: false,
      headers: false,
      overrides: {},
      attached: { routes: ["visits"], paths: [] },
    });
  });

  it("names those that ship beside those of the document, each once", async () => {
    const names = (await described()).map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(["general", "chat", "api", "router", "terminals", "team"]));
    expect(new Set(names).size).toBe(names.length);
    expect(await limitNamed("chat")).toMatchObject({ kind: "rate", key: "user", limit: 100, windowMs: 3_600_000 });
  });

  it("says which routes stand under a limit: those that name it, and those that name none under general", async () => {
    expect((await limitNamed("general"))?.attached).toEqual({ routes: ["rest"], paths: [] });
    expect((await limitNamed("visitors"))?.attached.routes.toSorted()).toEqual(["vault", "visits"]);
    expect((await limitNamed("admin-failures"))?.attached.routes).toEqual(["vault"]);
    expect((await limitNamed("router"))?.attached).toEqual({ routes: [], paths: [] });
  });

  it.each(["health", "metrics", "admin", "super"])("%s counts on every path it is said to stand over", async (name) => {
    const { paths } = (await limitNamed(name))?.attached ?? { paths: [] };
    expect(paths.length).toBeGreaterThan(0);
    for (const path of paths) {
      const peer = freshPeer();
      const where = path.replace("*", path.endsWith("/*") ? "x" : "");
      expect((await sendAsAdmin(where, { peer })).status).not.toBe(429);
      const second = await sendAsAdmin(where, { peer });
      expect([second.status, jsonOf(second).detail]).toEqual([429, `limit ${name}`]);
    }
  });

  it("admin-failures counts wrong secrets on every path and route it is said to stand over", async () => {
    const { paths, routes } = (await limitNamed("admin-failures"))?.attached ?? { paths: [], routes: [] };
    for (const where of [...paths.map((path) => path.replace("*", "x")), ...routes.map((id) => `/${id}/x`)]) {
      const wrong: Sent = { peer: freshPeer(), headers: { "X-Admin-Secret": "wrong" } };
      expect((await send(where, wrong)).status).toBe(401);
      expect((await send(where, wrong)).status).toBe(429);
    }
  });

  it("a path that no limit is said to stand over is not counted", async () => {
    const listed = (await described()).flatMap(({ attached }) => attached.paths);
    expect(listed).not.toContain("/version");
    const peer = freshPeer();
    expect(await several(3, () => send("/version", { peer }))).toEqual([200, 200, 200]);
  });
});

describe("GET /api/super/limits/{policy}/{key}", () => {
  it("tells what is counted, what remains and who holds leases", async () => {
    const key = freshKey();
    expect(await visitRepo(key, 2)).toEqual([200, 200]);
    const status = await look("repo", key);
    expect(status).toMatchObject({
      policy: "repo",
      key,
      kind: "rate",
      limit: 3,
      windowMs: 60_000,
      used: 2,
      remaining: 1,
    });
    expect(Number(status.releaseInMs)).toBeGreaterThan(59_000);
    const [lease] = status.leases as Record<string, unknown>[];
    expect(lease).toMatchObject({ leaseId: expect.any(String), isolateId: expect.any(String), tokens: 1 });
    expect(Number(lease?.endsInMs)).toBeLessThanOrEqual(5_000);
  });

  it("a key nobody has spent from has all of its limit left, and asking spends nothing of it", async () => {
    const key = freshKey();
    for (let i = 0; i < 3; i++)
      expect(await look("repo", key)).toEqual({
        policy: "repo",
        key,
        kind: "rate",
        limit: 3,
        windowMs: 60_000,
        used: 0,
        remaining: 3,
        releaseInMs: 0,
        leases: [],
      });
    expect(await visitRepo(key, 4)).toEqual([200, 200, 200, 429]);
  });

  it("shows the override that holds for the key: exact before wildcard before the limit's own", async () => {
    expect((await look("team", "a+vip")).limit).toBe(100);
    expect((await look("team", "b+vip")).limit).toBe(50);
    expect((await look("team", "b+x")).limit).toBe(3);
  });

  it.each([
    ["a slash", "owner/name"],
    ["a colon, a plus and a tilde", "a:b+c~d"],
    ["a tilde in front", "~owner"],
    ["percent signs", "100%41%2e%7E"],
    ["another alphabet", "日本語/naïve 😀"],
    ["quotes and brackets", "\"'<>[]{}|\\^`"],
    ["a space, an ampersand and a question mark", " a&b?c#d="],
    ["dots", "...a./.b"],
    ["the word refund", "refund"],
    ["10 kB", "x".repeat(10_240)],
  ])("names a key with %s as explain shows it", async (_, repository) => {
    const query = `repository=${encodeURIComponent(repository)}`;
    expect((await send(`/repos/x?${query}`)).status).toBe(200);
    const explained = jsonOf(
      await sendAsAdmin("/api/super/explain", { body: { url: `http://localhost/repos/x?${query}` } }),
    );
    const [{ key } = { key: "" }] = explained.limits as { key: string }[];
    expect(await look("repo", key)).toMatchObject({ key, used: 1 });
    expect(await look("repo", `${key}.`)).toMatchObject({ used: 0 });
  });

  it("takes an IPv6 address for its /64, however it is spelled, and no other address", async () => {
    await send("/visits/x", { peer: "[2001:db8:0:7:1:2:3:4]:4711" });
    for (const key of ["2001:db8:0:7::9", "2001:DB8::7:0:0:0:1", "2001:db8:0:7::/64", "2001:0db8:0:7:0:0:0:0/64"])
      expect(await look("visitors", key)).toMatchObject({ key: "2001:db8:0:7::/64", used: 1 });
    expect(await look("people", "~2001:db8:0:7::9")).toMatchObject({ key: "~2001:db8:0:7::/64", used: 1 });
    expect(await look("visitors", "2001:db8:0:8::9")).toMatchObject({ used: 0 });
  });

  it("takes an IPv4 address as it is", async () => {
    await send("/visits/x", { peer: "192.0.2.77:4711" });
    expect(await look("visitors", "192.0.2.77")).toMatchObject({ used: 1 });
    expect(await look("visitors", "192.0.2.78")).toMatchObject({ used: 0 });
  });

  it("shows who holds slots while their requests go on, and nobody afterwards", async () => {
    const slow = send("/visits/slow", { peer: "192.0.2.99:4711" });
    await vi.waitFor(async () =>
      expect(await look("streams", "192.0.2.99")).toMatchObject({
        kind: "slots",
        limit: 2,
        leaseMs: 30_000,
        used: 1,
        remaining: 1,
        leases: [{ tokens: 1, used: 1 }],
      }),
    );
    expect((await slow).status).toBe(200);
    await vi.waitFor(async () => expect(await look("streams", "192.0.2.99")).toMatchObject({ used: 0, leases: [] }));
  });
});

describe("DELETE /api/super/limits/{policy}/{key}", () => {
  it("forgets what was spent, answers what that was, and the key is admitted again within a second", async () => {
    const key = freshKey();
    expect(await visitRepo(key, 4)).toEqual([200, 200, 200, 429]);
    expect(await reset("repo", key)).toMatchObject({ policy: "repo", key, limit: 3, used: 3, remaining: 0 });
    expect(await look("repo", key)).toMatchObject({ used: 0, remaining: 3 });
    await vi.waitFor(async () => expect(await visitRepo(key)).toEqual([200]), { timeout: 2_000 });
  });

  it("leaves other keys as they are", async () => {
    const [key, other] = [freshKey(), freshKey()];
    await visitRepo(key, 4);
    await visitRepo(other, 4);
    await reset("repo", key);
    expect(await look("repo", other)).toMatchObject({ used: 3 });
  });

  it("cancels no lease that is out", async () => {
    const key = freshKey();
    await visitRepo(key);
    expect(await reset("repo", key)).toMatchObject({ used: 1, leases: [{ tokens: 1 }] });
    expect(await look("repo", key)).toMatchObject({ used: 1, leases: [{ tokens: 1 }] });
  });

  it("is written to the audit log with what was counted, also when that was nothing", async () => {
    const key = freshKey();
    await visitRepo(key, 4);
    const rows = await audited(async () => {
      await reset("repo", key);
      await reset("repo", key);
    });
    const row = { action: "limit.reset", actor: "admin", subject: expect.stringMatching(/^repo\/[0-9a-f]{32}$/) };
    expect(rows).toMatchObject([
      { ...row, detail: { key, used: 3 } },
      { ...row, detail: { key, used: 0 } },
    ]);
    expect(rows[0]?.subject).toBe(rows[1]?.subject);
  });

  it("cuts a long key in the audit log, and keeps a header's value, which may be a secret, out of it", async () => {
    const rows = await audited(async () => {
      await reset("repo", "x".repeat(10_000));
      await reset("team", "a+s3cret");
    });
    expect(rows.map(({ detail }) => detail)).toEqual([{ key: "x".repeat(256), used: 0 }, { used: 0 }]);
    expect(JSON.stringify(rows)).not.toContain("s3cret");
  });
});

describe("POST /api/super/limits/{policy}/{key}/refund", () => {
  it("gives back up to what is asked for, and no more than was spent", async () => {
    const key = freshKey();
    await visitRepo(key, 4);
    expect(jsonOf(await refund("repo", key, { tokens: 2 }))).toEqual({ refunded: 2 });
    expect(await look("repo", key)).toMatchObject({ used: 1, remaining: 2 });
    expect(jsonOf(await refund("repo", key, { tokens: 1_000_000_000 }))).toEqual({ refunded: 1 });
    expect(jsonOf(await refund("repo", key, { tokens: 1 }))).toEqual({ refunded: 0 });
    expect(await look("repo", key)).toMatchObject({ used: 0 });
  });

  it("is written to the audit log: what was asked for, and what was given", async () => {
    const key = freshKey();
    await visitRepo(key, 4);
    const rows = await audited(() => refund("repo", key, { tokens: 5 }));
    expect(rows).toMatchObject([{ action: "limit.refund", actor: "admin", detail: { key, tokens: 5, refunded: 3 } }]);
  });

  it("gives back no slot", async () => {
    expect(jsonOf(await refund("streams", "192.0.2.50", { tokens: 1 }))).toEqual({ refunded: 0 });
  });

  it.each([
    ["no tokens", {}],
    ["none", { tokens: 0 }],
    ["less than none", { tokens: -1 }],
    ["too many", { tokens: 1_000_000_001 }],
    ["half a token", { tokens: 1.5 }],
    ["text", { tokens: "1" }],
    ["a field nobody knows", { tokens: 1, why: "x" }],
    ["a list", [1]],
  ])("with %s is refused, and changes and writes nothing", async (_, body) => {
    const key = freshKey();
    await visitRepo(key, 4);
    const rows = await audited(async () => {
      const refused = await refund("repo", key, body);
      expect([refused.status, jsonOf(refused).code]).toEqual([400, "invalid_body"]);
    });
    expect(rows).toEqual([]);
    expect(await look("repo", key)).toMatchObject({ used: 3 });
  });

  it("with something that is not JSON is refused", async () => {
    const refused = await refund("repo", freshKey(), "tokens=1");
    expect([refused.status, jsonOf(refused).code]).toEqual([400, "malformed_json"]);
  });
});

const VERBS: readonly [string, Sent, string][] = [
  ["GET", {}, ""],
  ["DELETE", { method: "DELETE" }, ""],
  ["POST refund", { body: { tokens: 1 } }, "/refund"],
];

describe.each(VERBS)("%s of a key", (_, sent, suffix) => {
  const answer = async (path: string, more: Sent = {}) => {
    const { status, text } = await sendAsAdmin(`/api/super/limits/${path}${suffix}`, { ...sent, ...more });
    return [status, (JSON.parse(text) as { code?: string }).code];
  };

  it("of a limit that is not in force is 404, and nothing is written", async () => {
    const rows = await audited(async () => {
      for (const policy of ["nothing", "Repo", "constructor", "__proto__", "repo%2F", "x".repeat(1_000)])
        expect(await answer(`${policy}/k`)).toEqual([404, "unknown_limit"]);
    });
    expect(rows).toEqual([]);
  });

  it("with a percent-encoding that is none is 400, and nothing is written", async () => {
    const rows = await audited(async () => {
      for (const path of ["repo/%", "repo/%4", "repo/%ZZ", "repo/a%ff", "repo/%C3%28", "repo/%ED%A0%80", "%ff/k"])
        expect(await answer(path)).toEqual([400, "bad_path"]);
    });
    expect(rows).toEqual([]);
  });

  it("needs the admin secret", async () => {
    expect((await send(`/api/super/limits/repo/k${suffix}`, sent)).status).toBe(401);
  });

  it("while the shard does not answer is 503, and nothing is written", async () => {
    const down = Object.assign(new Error("down"), { overloaded: true });
    const shard = (name: string) => ({
      exchange: (call: LimiterCall) => env.RATE_LIMITER.getByName(name).exchange(call),
      describe: () => Promise.reject(down),
      reset: () => Promise.reject(down),
      refund: () => Promise.reject(down),
    });
    const rows = await audited(async () => {
      expect(await answer("repo/k", { vars: { RATE_LIMITER: { getByName: shard } } })).toEqual([
        503,
        "object_unavailable",
      ]);
    });
    expect(rows).toEqual([]);
  });
});
