// /api/super/users/{userId}/exec over HTTP: what is accepted, told, streamed and refused. The agent behind it is a model.

import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { ModelAgent } from "../model-agent.ts";
import { configure, jsonOf, type Sent, send, sendAsAdmin } from "./send.ts";

beforeAll(() => configure({}));

let agent: ModelAgent;
beforeEach(() => {
  agent = ModelAgent.boot();
  vi.spyOn(console, "warn").mockImplementation(() => undefined);
});
afterEach(() => {
  vi.restoreAllMocks();
});

let count = 0;
/** The path of a user who is registered. */
async function aUser(): Promise<string> {
  const name = `exec-user-${++count}`;
  const path = `/api/super/users/${name}`;
  expect((await sendAsAdmin(path, { method: "PUT", body: { name, tier: 1 } })).status).toBeLessThan(300);
  return path;
}
const post = (user: string, body: unknown, headers: Record<string, string> = {}) =>
  sendAsAdmin(`${user}/exec`, { body, headers });
const begin = async (user: string, body: object) => jsonOf(await post(user, body)).execId as string;
const get = async (path: string) => jsonOf(await sendAsAdmin(path));
/** The exec once it has ended. */
const ended = async (user: string, execId: string) => {
  await get(`${user}/exec/${execId}/output?after=999&waitMs=10000`);
  return await get(`${user}/exec/${execId}/status`);
};

describe("POST …/exec", () => {
  it("is 202 with where to ask, and there is told what came of it", async () => {
    const user = await aUser();
    const answer = await post(user, { command: "echo hello" });
    const { execId, status, pollUrl } = jsonOf(answer) as Record<string, string>;
    expect([answer.status, status, pollUrl]).toEqual([202, "queued", `${user}/exec/${execId}/status`]);
    expect(answer.headers.get("Location")).toBe(pollUrl);
    await ended(user, execId ?? "");
    expect(await get(pollUrl ?? "")).toEqual({
      ...{ execId, userId: user.slice("/api/super/users/".length), command: "echo hello", status: "succeeded" },
      ...{ exitCode: 0, stdout: "hello\n", stderr: "", stdoutBytes: 6, stderrBytes: 0, truncated: false, error: null },
      ...{ createdAt: expect.any(Number), startedAt: expect.any(Number), completedAt: expect.any(Number), pollUrl },
    });
  });

  it("under one key is one exec for one order, and 409 for another", async () => {
    const user = await aUser();
    const key = { "Idempotency-Key": "k-1" };
    const ids = await Promise.all(
      Array.from(
        { length: 40 },
        async () => jsonOf(await post(user, { command: "echo x", env: { A: "1" } }, key)).execId,
      ),
    );
    expect(new Set(ids).size).toBe(1);
    const other = await post(user, { command: "echo x", env: { A: "2" } }, key);
    expect([other.status, jsonOf(other)]).toMatchObject([409, { code: "idempotency_mismatch", execId: ids[0] }]);
    await ended(user, String(ids[0]));
    expect(agent.begun).toEqual(["echo x"]);
  });

  it("takes the caller's execId, once", async () => {
    const user = await aUser();
    expect(jsonOf(await post(user, { command: "echo x", execId: "mine" }))).toMatchObject({ execId: "mine" });
    expect((await post(user, { command: "echo x", execId: "mine" })).status).toBe(202);
    expect((await post(user, { command: "echo y", execId: "mine" })).status).toBe(409);
    await ended(user, "mine");
    expect(agent.begun).toEqual(["echo x"]);
  });

  it.each([
    ["no command", {}, "command"],
    ["a command beyond 64 KiB", { command: "x".repeat(65_537) }, "command"],
    [
      "1,001 variables",
      { command: "x", env: Object.fromEntries(Array.from({ length: 1_001 }, (_, i) => [`N${i}`, ""])) },
      "env",
    ],
    ["NUL", { argv: ["a", "\0"] }, "argv[1]"],
    ["a folder that is not the user's", { command: "x", workingDir: "a/../../other" }, "workingDir"],
    ["301 s", { command: "x", timeout: 301_000 }, "timeout"],
  ])("with %s is 400 and names the field; nothing is begun", async (_, body, path) => {
    const user = await aUser();
    const refused = await post(user, body);
    expect([refused.status, jsonOf(refused)]).toMatchObject([400, { code: "invalid_body", problems: [{ path }] }]);
    expect(await get(`${user}/exec`)).toEqual({ execs: [] });
  });

  it.each(["", "a b", "x".repeat(256)])("with the key %j is 400", async (key) => {
    const refused = await post(await aUser(), { command: "echo x" }, { "Idempotency-Key": key });
    expect([refused.status, jsonOf(refused).code]).toEqual([400, "invalid_header"]);
  });

  it.each(["a%2Fb", "%00", "%", ".hidden", "a%20b", "x".repeat(129)])(
    "for the user %s is 404 or a bad path",
    async (id) => {
      const refused = await post(`/api/super/users/${id}`, { command: "echo x" });
      expect(["unknown_user", "bad_path"]).toContain(jsonOf(refused).code);
      expect(agent.calls).toEqual([]);
    },
  );
});

describe("a user who is not registered", () => {
  it.each(["/exec", "/exec-sync"])("gets nothing run by %s", async (path) => {
    const refused = await sendAsAdmin(`/api/super/users/nobody${path}`, { body: { command: "echo x" } });
    expect([refused.status, jsonOf(refused)]).toMatchObject([
      404,
      { code: "unknown_user", problems: [{ path: "userId" }] },
    ]);
    expect(await get("/api/super/users/nobody/exec")).toEqual({ execs: [] });
  });

  it("any more may still be asked about", async () => {
    const user = await aUser();
    const execId = await begin(user, { command: "echo x" });
    expect((await sendAsAdmin(user, { method: "DELETE" })).status).toBe(200);
    expect(await ended(user, execId)).toMatchObject({ status: "succeeded", stdout: "x\n" });
    expect((await post(user, { command: "echo y" })).status).toBe(404);
  });
});

describe("an exec of another user's", () => {
  it.each([
    ["GET", "/status"],
    ["GET", "/output"],
    ["GET", "/stream"],
    ["DELETE", ""],
  ])("is not there for %s …%s, nor is one that never was", async (method, below) => {
    const [ann, bob] = [await aUser(), await aUser()];
    const execId = await begin(ann, { command: "echo secret" });
    for (const path of [`${bob}/exec/${execId}`, `${ann}/exec/never`, `${ann}/exec/a.b`]) {
      const refused = await sendAsAdmin(`${path}${below}`, { method });
      expect([refused.status, jsonOf(refused).code]).toEqual([404, "unknown_exec"]);
    }
    expect(await get(`${bob}/exec`)).toEqual({ execs: [] });
    await ended(ann, execId);
  });
});

describe("GET …/exec", () => {
  it("lists without output, by status", async () => {
    const user = await aUser();
    const [good, bad] = [
      await begin(user, { command: "echo x" }),
      await begin(user, { argv: ["exit", "1"], execId: "bad" }),
    ];
    await Promise.all([ended(user, good), ended(user, bad)]);
    const { execs } = (await get(`${user}/exec?status=succeeded`)) as { execs: Record<string, unknown>[] };
    expect(execs).toMatchObject([{ execId: good, status: "succeeded" }]);
    expect(execs[0]).not.toHaveProperty("stdout");
    expect((await get(`${user}/exec?limit=1`)).execs).toHaveLength(1);
  });

  it.each(["status=done", "limit=0", "limit=101", "before=-1", "page=2"])("with ?%s is 400", async (query) => {
    expect((await sendAsAdmin(`${await aUser()}/exec?${query}`)).status).toBe(400);
  });
});

describe("POST …/exec-sync", () => {
  it("answers with the exec once it has ended", async () => {
    const answer = await sendAsAdmin(`${await aUser()}/exec-sync`, { body: { command: "echo hello" } });
    expect([answer.status, jsonOf(answer)]).toMatchObject([200, { status: "succeeded", stdout: "hello\n" }]);
  });

  it("is refused like …/exec", async () => {
    expect((await sendAsAdmin(`${await aUser()}/exec-sync`, { body: {} })).status).toBe(400);
  });
});

describe("DELETE …/exec/{execId}", () => {
  it("is 202 while it is being stopped, 200 once it has been, 409 where it ended otherwise", async () => {
    const user = await aUser();
    const execId = await begin(user, { command: "sleep" });
    const remove = async (id: string) => (await sendAsAdmin(`${user}/exec/${id}`, { method: "DELETE" })).status;
    expect(await remove(execId)).toBe(202);
    expect(await ended(user, execId)).toMatchObject({ status: "cancelled" });
    expect(await remove(execId)).toBe(200);
    const over = await begin(user, { command: "echo x" });
    await ended(user, over);
    expect(await remove(over)).toBe(409);
  });
});

describe("GET …/exec/{execId}/stream", () => {
  const stream = async (path: string, headers: Record<string, string> = {}) => await sendAsAdmin(path, { headers });

  it("tells all output and then the end; goes on behind the last id, and says nothing to who has seen the end", async () => {
    const user = await aUser();
    const execId = await begin(user, { command: "echo hello" });
    const path = `${user}/exec/${execId}/stream`;
    const whole = await stream(path);
    expect([whole.status, whole.headers.get("Content-Type")]).toEqual([200, "text/event-stream"]);
    const events = whole.text.split("\n\n").filter((event) => event.startsWith("event:"));
    expect(events[0]).toBe('event: stdout\nid: 1\ndata: {"text":"hello\\n"}');
    expect(events[1]).toMatch(/^event: end\nid: 2\ndata: \{.*"status":"succeeded"/);
    expect(events).toHaveLength(2);
    expect((await stream(path, { "Last-Event-ID": "1" })).text).toBe(`${events[1]}\n\n`);
    expect((await stream(`${path}?after=1`)).text).toBe(`${events[1]}\n\n`);
    expect((await stream(path, { "Last-Event-ID": "2" })).status).toBe(204);
    expect((await stream(path, { "Last-Event-ID": "nonsense" })).text).toBe(
      whole.text.replace(/^(: keep-alive\n\n)+/, ""),
    );
  });
});

const ROUTES: readonly [string, Sent][] = [
  ["/exec", { body: { command: "echo x" } }],
  ["/exec", {}],
  ["/exec-sync", { body: { command: "echo x" } }],
  ["/exec/e1/status", {}],
  ["/exec/e1/output", {}],
  ["/exec/e1/stream", {}],
  ["/exec/e1", { method: "DELETE" }],
];
it.each(ROUTES)("%s needs the admin secret", async (path, sent) => {
  expect((await send(`${await aUser()}${path}`, sent)).status).toBe(401);
  expect(agent.calls).toEqual([]);
});
