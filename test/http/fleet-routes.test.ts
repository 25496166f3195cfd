// What users' executors do, and restarting them, over HTTP: states, the dashboard, jobs. They speak to the plane's one Directory object.

import { env } from "cloudflare:workers";
import { beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { callControl, callExecs } from "../../src/objects.ts";
import { ModelAgent } from "../model-agent.ts";
import { type Answer, configure, jsonOf, type Sent, send, sendAsAdmin } from "./send.ts";

const USERS = "/api/super/users";
const BULK = "/api/super/bulk/restart";
const DASHBOARD = "/api/super/state/dashboard";

let agent: ModelAgent;
beforeAll(async () => {
  // To the end: jobs go on behind the last test.
  agent = ModelAgent.boot();
  await configure({});
});
beforeEach(() => {
  agent.mood = "up";
});

let count = 0;
async function register(id = `fleet-${count++}`): Promise<string> {
  await sendAsAdmin(`${USERS}/${id}`, { method: "PUT", body: { name: `Name of ${id}`, tier: 2 } });
  return id;
}
const stateOf = (id: string, sent?: Sent) => sendAsAdmin(`${USERS}/${id}/state`, sent);
const said = (answer: Answer) => [answer.status, jsonOf(answer).code];
const restart = (body: unknown, headers: Record<string, string> = {}) => sendAsAdmin(BULK, { body, headers });

/** An exec that runs until it is stopped. */
async function running(userId: string): Promise<string> {
  const order = { command: "sleep", env: {}, workingDir: ".", timeoutMs: 300_000 };
  const execId = crypto.randomUUID();
  await callExecs(env, userId, (execs) => execs.submit({ userId, execId, digest: "d", order }));
  await until(async () => jsonOf(await stateOf(userId)).state === "active");
  return execId;
}
const until = (holds: () => Promise<boolean>) =>
  vi.waitFor(async () => expect(await holds()).toBe(true), { timeout: 10_000, interval: 20 });
const job = async (url: unknown) => jsonOf(await sendAsAdmin(String(url)));
const completed = (url: unknown) => until(async () => (await job(url)).status === "completed");

describe("a user's state", () => {
  it("is idle, then active while a command runs, and idle again when a restart has ended it", async () => {
    const id = await register();
    expect(jsonOf(await stateOf(id))).toEqual({ userId: id, state: "idle", runningExecs: 0, restartedAt: null });
    const execId = await running(id);
    expect(jsonOf(await stateOf(id))).toMatchObject({ state: "active", runningExecs: 1 });
    const { jobId, userId, checkStatusUrl, pollUrl } = jsonOf(
      await sendAsAdmin(`${USERS}/${id}/restart-async`, { method: "POST" }),
    );
    expect([userId, checkStatusUrl, pollUrl]).toEqual([id, `/api/super/jobs/${jobId}`, checkStatusUrl]);
    await completed(checkStatusUrl);
    expect(await callExecs(env, id, (execs) => execs.read(execId))).toMatchObject({ value: { status: "cancelled" } });
    expect(jsonOf(await stateOf(id))).toMatchObject({ state: "idle", restartedAt: expect.any(Number) });
  });

  it.each(["constructor", "prototype"])("is told of one who is called %s too", async (id) => {
    const execId = await running(await register(id));
    await callExecs(env, id, (execs) => execs.cancel(execId));
    await until(async () => jsonOf(await stateOf(id)).state === "idle");
  });

  it("live says how long the executor took and when the backup was last synced", async () => {
    const id = await register();
    const live = async () => jsonOf(await sendAsAdmin(`${USERS}/${id}/state/v2`));
    expect(await live()).toEqual({
      ...{ userId: id, state: "idle", runningExecs: 0, restartedAt: null, lastSyncAt: null },
      latencyMs: expect.any(Number),
      checkedAt: expect.any(Number),
    });
    const stored = await env.BACKUPS.put(`users/${id}/notes.md`, "x");
    expect((await live()).lastSyncAt).toBe(stored?.uploaded.getTime());
    const withoutBucket = await sendAsAdmin(`${USERS}/${id}/state/v2`, { vars: { BACKUPS: undefined } });
    expect(jsonOf(withoutBucket)).toMatchObject({ state: "idle", lastSyncAt: null });
  });

  it("is stopped without an executor, and an error with its cause where it is down or refuses the key", async () => {
    const id = await register();
    expect(jsonOf(await stateOf(id, { vars: { EXEC_AGENT_URL: "" } }))).toMatchObject({
      state: "stopped",
      runningExecs: null,
    });
    agent.mood = "down";
    expect(jsonOf(await stateOf(id))).toMatchObject({ state: "error", cause: expect.stringContaining("not answer") });
    agent.mood = "refusing";
    expect(jsonOf(await stateOf(id))).toMatchObject({ state: "error", cause: "the agent answers 401" });
  });

  it.each(["state", "state/v2"])("%s of somebody unknown is 404", async (path) => {
    expect(said(await sendAsAdmin(`${USERS}/nobody/${path}`))).toEqual([404, "unknown_user"]);
  });
});

describe("the dashboard", () => {
  it("has exactly the document's keys and tells of everybody with one question to the agent", async () => {
    const [busy, quiet] = [await register(), await register()];
    const execId = await running(busy);
    agent.calls.length = 0;
    const board = jsonOf(await sendAsAdmin(DASHBOARD)) as {
      users: { userId: string; state: string }[];
      summary: Record<string, number>;
    };
    expect(agent.calls.filter((call) => call === "GET users")).toHaveLength(1);
    expect(Object.keys(board).sort()).toEqual(["checkedAt", "summary", "totalLatencyMs", "users"]);
    expect(Object.keys(board.summary).sort()).toEqual(["active", "error", "idle", "starting", "stopped", "total"]);
    const stateIn = (id: string) => board.users.find(({ userId }) => userId === id)?.state;
    expect([stateIn(busy), stateIn(quiet)]).toEqual(["active", "idle"]);
    const { total = 0, ...states } = board.summary;
    expect(Object.values(states).reduce((sum, one) => sum + one, 0)).toBe(total);
    expect(total).toBe(board.users.length);
    await callExecs(env, busy, (execs) => execs.cancel(execId));
    await until(async () => jsonOf(await stateOf(busy)).state === "idle");
  });
});

describe("where each user has a container", () => {
  /** Objects of execs that say what `standingOf` says. */
  const withContainers = (standingOf: (userId: string) => Promise<unknown>): Sent => ({
    vars: {
      EXEC_AGENT_URL: "",
      EXEC_RESULTS: {
        getByName: (name: string) => ({ standing: () => standingOf(name.slice(name.indexOf(":") + 1)) }),
      },
    },
  });

  it("each one's is asked, six at a time, and one that fails spoils nobody else's answer", async () => {
    const [up, down, broken] = [await register(), await register(), await register()];
    for (let more = 0; more < 10; more++) await register();
    let atOnce = 0;
    let most = 0;
    const sent = withContainers(async (userId) => {
      most = Math.max(most, ++atOnce);
      await scheduler.wait(5);
      atOnce--;
      if (userId === broken) throw new Error("the object broke");
      return { container: userId === down ? "down" : "up", running: userId === up ? 2 : 0 };
    });
    const { users } = jsonOf(await sendAsAdmin(DASHBOARD, sent)) as { users: { userId: string; state: string }[] };
    const stateIn = (id: string) => users.find(({ userId }) => userId === id)?.state;
    expect([stateIn(up), stateIn(down), stateIn(broken)]).toEqual(["active", "stopped", "error"]);
    expect(new Set(users.map(({ state }) => state))).toEqual(new Set(["active", "stopped", "error", "idle"]));
    expect(most).toBe(6);
  });

  it("and none has one, one object is asked for all", async () => {
    let asked = 0;
    const sent = withContainers(async () => {
      asked++;
      return { container: "none", running: 0 };
    });
    const { summary } = jsonOf(await sendAsAdmin(DASHBOARD, sent)) as { summary: Record<string, number> };
    expect([asked, summary.stopped]).toEqual([1, summary.total]);
  });
});

describe("202", () => {
  it("for many: a job with its progress, an audit row, and the same job for the same key", async () => {
    const userIds = [await register(), await register()];
    const key = { "Idempotency-Key": crypto.randomUUID() };
    const started = await restart({ userIds, delayMs: 0 }, key);
    const { jobId, pollUrl, users } = jsonOf(started);
    expect([started.status, pollUrl, users]).toEqual([202, `/api/super/jobs/${jobId}`, 2]);
    expect(started.headers.get("Location")).toBe(pollUrl);
    expect(jsonOf(await restart({ userIds, delayMs: 0 }, key)).jobId).toBe(jobId);
    await completed(pollUrl);
    expect(await job(pollUrl)).toMatchObject({
      ...{ jobId, kind: "restart", status: "completed", delayMs: 0, next: null },
      progress: { total: 2, restarted: 2, failed: 0 },
      users: userIds.map((userId) => ({ userId, status: "restarted", error: null })),
    });
    expect(await job(`${pollUrl}?limit=1`)).toMatchObject({ users: [{ userId: userIds[0] }], next: 1 });
    const rows = await callControl(env, (control) => control.auditLog({ limit: 1_000 }));
    expect(rows.filter(({ action, detail }) => action === "user.restart" && detail?.jobId === jobId)).toMatchObject([
      { subject: "2 users", detail: { users: 2, delayMs: 0 } },
    ]);
  });

  it("for everybody where nobody is named, five seconds apart unless told otherwise", async () => {
    await register();
    const { users } = jsonOf(await sendAsAdmin(DASHBOARD)) as { users: unknown[] };
    const started = jsonOf(await restart({}));
    expect(await job(started.pollUrl)).toMatchObject({ delayMs: 5_000, progress: { total: users.length } });
  });
});

describe("refused, and nothing begins", () => {
  it.each<[string, unknown, string]>([
    ["a delay of more than a minute", { delayMs: 60_001 }, "delayMs"],
    ["a negative delay", { delayMs: -1 }, "delayMs"],
    ["an empty list", { userIds: [] }, "userIds"],
    ["an id nobody can have", { userIds: ["../etc"] }, "userIds[0]"],
    ["an unknown field", { users: ["a"] }, "users"],
  ])("%s: 400 with the field", async (_what, body, path) => {
    const answer = await restart(body);
    expect([said(answer), (jsonOf(answer).problems as { path: string }[]).map((one) => one.path)]).toEqual([
      [400, "invalid_body"],
      [path],
    ]);
  });

  it("somebody unknown: 404 with the place in the list", async () => {
    const answer = await restart({ userIds: [await register(), "ghost"] });
    expect([said(answer), jsonOf(answer).problems]).toMatchObject([[404, "unknown_user"], [{ path: "userIds[1]" }]]);
    expect(said(await sendAsAdmin(`${USERS}/ghost/restart-async`, { method: "POST" }))).toEqual([404, "unknown_user"]);
  });

  it("one key for two requests: 409", async () => {
    const key = { "Idempotency-Key": crypto.randomUUID() };
    const userIds = [await register()];
    expect((await restart({ userIds, delayMs: 0 }, key)).status).toBe(202);
    expect(said(await restart({ userIds, delayMs: 1 }, key))).toEqual([409, "idempotency_mismatch"]);
  });

  it("a key that is no key: 400", async () => {
    expect(said(await restart({}, { "Idempotency-Key": "a b" }))).toEqual([400, "invalid_header"]);
    expect(said(await restart({}, { "Idempotency-Key": "k".repeat(256) }))).toEqual([400, "invalid_header"]);
  });

  it.each(["x", "00000000-0000-4000-8000-000000000000"])("the job %s: 404", async (id) => {
    expect(said(await sendAsAdmin(`/api/super/jobs/${id}`))).toEqual([404, "unknown_job"]);
  });

  it.each(["limit=0", "limit=1001", "after=-1", "more=1"])("a page of ?%s: 400", async (query) => {
    const url = `/api/super/jobs/${crypto.randomUUID()}?${query}`;
    expect(said(await sendAsAdmin(url))).toEqual([400, "invalid_query"]);
  });

  it.each([BULK, DASHBOARD, "/api/super/jobs/x", `${USERS}/a/state`])(
    "%s without the admin secret: 401",
    async (path) => {
      expect((await send(path)).status).toBe(401);
    },
  );
});
