// The Directory's restart jobs through its stub, with the users' own objects of execs behind it: whose execs end, whose do not, how often,
// and what a job is after an eviction, a silent executor and a day.

import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Directory } from "../../durable-objects/directory/directory-object.ts";
import type { ExecStatus } from "../../src/contracts/exec.ts";
import type { StartRestart } from "../../src/contracts/restart-jobs.ts";
import type { User } from "../../src/contracts/users.ts";
import { type callDirectory, callExecs } from "../../src/objects.ts";
import { ModelAgent } from "../model-agent.ts";

/** Ahead of the real clock, so that no alarm fires by itself. */
const T0 = Date.UTC(2040, 0, 1);
const DAY_MS = 86_400_000;

let agent: ModelAgent;
beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: T0 });
  agent = ModelAgent.boot();
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});
const pass = (ms: number) => void vi.setSystemTime(Date.now() + ms);

let count = 0;
type Calls = Parameters<Parameters<typeof callDirectory>[1]>[0];
type Rig = Awaited<ReturnType<typeof withUsers>>;

/** A directory of the case's own with that many users, whose ids no other case has. */
async function withUsers(users: number) {
  const stub = env.DIRECTORY.getByName(`restarts-${count++}`);
  const calls = stub as unknown as Calls;
  const ids = Array.from({ length: users }, (_, n) => `u${count}-${n}`);
  for (const id of ids) await calls.put({ id, name: id, tier: 1, commandId: id });
  const start = (more: Partial<StartRestart> = {}) =>
    calls.startRestart({ jobId: crypto.randomUUID(), delayMs: 0, ...more });
  return {
    ...{ stub, calls, ids, start },
    begin: async (more: Partial<StartRestart> = {}) => got(await start(more)).jobId,
    describe: async (jobId: string) => got(await calls.restartJob(jobId, { limit: 100, after: 0 })),
    user: async (id: string): Promise<User> => got(await calls.find(id)),
  };
}

function got<T>(result: { ok: true; value: T } | { ok: false; code: string }): T {
  if (!result.ok) throw new Error(result.code);
  return result.value;
}

const alarmAt = ({ stub }: Rig) => runInDurableObject(stub, (_, { storage }) => storage.getAlarm());
/** The next alarm, at its time. */
async function round(rig: Rig): Promise<void> {
  vi.setSystemTime(Math.max(Date.now(), (await alarmAt(rig)) ?? 0));
  await runDurableObjectAlarm(rig.stub);
}
const statuses = async (rig: Rig, jobId: string) => (await rig.describe(jobId)).users.map(({ status }) => status);
async function untilCompleted(rig: Rig, jobId: string): Promise<void> {
  for (let rounds = 0; (await rig.describe(jobId)).status !== "completed"; rounds++) {
    expect(rounds).toBeLessThan(200);
    await round(rig);
  }
}

/** An exec that runs until it is stopped. */
async function running(userId: string): Promise<string> {
  const execId = `e${count++}`;
  const order = { command: `sleep ${execId}`, env: {}, workingDir: ".", timeoutMs: 300_000 };
  got(await callExecs(env, userId, (execs) => execs.submit({ userId, execId, digest: execId, order })));
  const driving = drive(userId);
  await vi.waitFor(async () => expect(await statusOf(userId, execId)).toBe("running"), {
    timeout: 10_000,
    interval: 5,
  });
  pass(60_000);
  await driving;
  return execId;
}
const drive = (userId: string) => runDurableObjectAlarm(env.EXEC_RESULTS.getByName(`1:${userId}`));
const statusOf = async (userId: string, execId: string): Promise<ExecStatus> =>
  got(await callExecs(env, userId, (execs) => execs.read(execId))).status;
const stops = () => agent.calls.filter((call) => call === "POST execs stop").length;

describe("a restart", () => {
  it("ends what runs for each of its users, one after another with the delay between, and marks when", async () => {
    const rig = await withUsers(3);
    const [a = "", b = "", c = ""] = rig.ids;
    const [execA, execB, execC] = [await running(a), await running(b), await running(c)];
    const jobId = await rig.begin({ userIds: [a, b], delayMs: 5_000 });
    await round(rig);
    expect(await statuses(rig, jobId)).toEqual(["restarting", "pending"]);
    expect(await rig.calls.restarting()).toEqual([a]);
    await drive(a);
    expect(await statusOf(a, execA)).toBe("cancelled");
    await round(rig);
    expect(await rig.user(a)).toMatchObject({ restartedAt: Date.now() });
    expect([await statusOf(b, execB), await alarmAt(rig)]).toEqual(["running", Date.now() + 5_000]);
    await round(rig);
    await drive(b);
    await round(rig);
    expect([await statusOf(b, execB), await statusOf(c, execC)]).toEqual(["cancelled", "running"]);
    expect(await rig.describe(jobId)).toMatchObject({
      status: "completed",
      completedAt: Date.now(),
      progress: { total: 2, pending: 0, restarting: 0, restarted: 2, failed: 0, skipped: 0 },
      next: null,
    });
    expect([await rig.calls.restarting(), (await rig.user(c)).restartedAt]).toEqual([[], null]);
  });

  it("of everybody is of all who are registered, by id, and of nobody is completed at once", async () => {
    const rig = await withUsers(3);
    const jobId = await rig.begin();
    expect((await rig.describe(jobId)).users.map(({ userId }) => userId)).toEqual(rig.ids);
    const empty = await withUsers(0);
    const none = await empty.begin();
    await round(empty);
    expect(await empty.describe(none)).toMatchObject({ status: "completed", progress: { total: 0 } });
  });

  it("leaves execs alone that were accepted after it began, however long it takes", async () => {
    const rig = await withUsers(1);
    const [id = ""] = rig.ids;
    const before = await running(id);
    const jobId = await rig.begin();
    agent.mood = "down";
    await round(rig);
    expect(await statuses(rig, jobId)).toEqual(["restarting"]);
    agent.mood = "up";
    pass(500);
    const execId = `late${count++}`;
    const order = { command: "sleep late", env: {}, workingDir: ".", timeoutMs: 300_000 };
    got(await callExecs(env, id, (execs) => execs.submit({ userId: id, execId, digest: "d", order })));
    await round(rig);
    const driving = drive(id);
    await vi.waitFor(async () => expect(await statusOf(id, before)).toBe("cancelled"), {
      timeout: 10_000,
      interval: 5,
    });
    await vi.waitFor(async () => expect(await statusOf(id, execId)).toBe("running"), { timeout: 10_000, interval: 5 });
    await untilCompleted(rig, jobId);
    expect([await statuses(rig, jobId), await statusOf(id, execId)]).toEqual([["restarted"], "running"]);
    pass(60_000);
    await driving;
  });

  it("happens once, also where its object is evicted in the middle and its alarms come again", async () => {
    const rig = await withUsers(2);
    const [a = ""] = rig.ids;
    await running(a);
    const jobId = await rig.begin();
    await round(rig);
    await evictDurableObject(rig.stub);
    await round(rig);
    await drive(a);
    await evictDurableObject(rig.stub);
    await untilCompleted(rig, jobId);
    const { restartedAt } = await rig.user(a);
    const told = stops();
    const execId = await running(a);
    for (let again = 0; again < 3; again++) await runDurableObjectAlarm(rig.stub);
    expect([await statusOf(a, execId), stops(), (await rig.user(a)).restartedAt]).toEqual([
      "running",
      told,
      restartedAt,
    ]);
    expect(await statuses(rig, jobId)).toEqual(["restarted", "restarted"]);
  });

  it("is not given up for the time in which its object was not there", async () => {
    const rig = await withUsers(1);
    const [id = ""] = rig.ids;
    const execId = await running(id);
    const jobId = await rig.begin();
    agent.mood = "down";
    await round(rig);
    pass(3_600_000);
    agent.mood = "up";
    await evictDurableObject(rig.stub);
    await round(rig);
    expect(await statuses(rig, jobId)).toEqual(["restarting"]);
    await drive(id);
    await untilCompleted(rig, jobId);
    expect([await statuses(rig, jobId), await statusOf(id, execId)]).toEqual([["restarted"], "cancelled"]);
  });

  it("skips who was deleted before it was their turn", async () => {
    const rig = await withUsers(2);
    const jobId = await rig.begin({ delayMs: 60_000 });
    await rig.calls.remove(rig.ids[0] ?? "");
    await round(rig);
    await round(rig);
    expect(Date.now()).toBeLessThan(T0 + 60_000);
    expect(await statuses(rig, jobId)).toEqual(["skipped", "restarted"]);
  });

  it("whose alarm got lost goes on as soon as anything wakes its object", async () => {
    const rig = await withUsers(1);
    const jobId = await rig.begin();
    await runInDurableObject(rig.stub, (_, { storage }) => storage.deleteAlarm());
    await evictDurableObject(rig.stub);
    await rig.describe(jobId);
    expect(await alarmAt(rig)).toBe(Date.now() + 10);
    await untilCompleted(rig, jobId);
  });
});

describe("while the executor", () => {
  it("is silent, a restart is tried for 30 s, then failed with the cause, and the next one's turn comes", async () => {
    const rig = await withUsers(2);
    agent.mood = "down";
    const jobId = await rig.begin();
    await round(rig);
    const startedAt = Date.now();
    while ((await statuses(rig, jobId))[0] === "restarting") await round(rig);
    expect(Date.now() - startedAt).toBe(30_000);
    agent.mood = "up";
    await untilCompleted(rig, jobId);
    const [failed, restarted] = (await rig.describe(jobId)).users;
    expect(failed).toMatchObject({ status: "failed", error: expect.stringContaining("does not answer") });
    expect(restarted).toMatchObject({ status: "restarted", error: null });
    expect((await rig.user(rig.ids[0] ?? "")).restartedAt).toBeNull();
  });

  it("refuses the key, each user fails at once", async () => {
    const rig = await withUsers(2);
    agent.mood = "refusing";
    const jobId = await rig.begin();
    await untilCompleted(rig, jobId);
    expect(Date.now()).toBeLessThan(T0 + 5_000);
    expect(await rig.describe(jobId)).toMatchObject({ progress: { failed: 2, restarted: 0 } });
  });

  it("does not end an exec, the restart is given up after 30 s with how many are left", async () => {
    const rig = await withUsers(1);
    await running(rig.ids[0] ?? "");
    const jobId = await rig.begin();
    await untilCompleted(rig, jobId);
    expect((await rig.describe(jobId)).users).toMatchObject([
      { status: "failed", error: "1 execs have not ended within 30000 ms" },
    ]);
  });

  it("is not there at all, each user fails at once with just that", async () => {
    const rig = await withUsers(1);
    const jobId = await rig.begin();
    await runInDurableObject(rig.stub, (_, state) => new Directory(state, { ...env, EXEC_AGENT_URL: "" }).alarm());
    expect((await rig.describe(jobId)).users).toMatchObject([{ status: "failed", error: "no executor is set" }]);
  });
});

describe("asked for again", () => {
  it("under its id or its key it is the same job; the key for another is refused", async () => {
    const rig = await withUsers(2);
    const first = { jobId: crypto.randomUUID(), userIds: rig.ids, delayMs: 1_000, idempotencyKey: "k" };
    expect(got(await rig.start(first))).toEqual({ jobId: first.jobId, users: 2, created: true });
    const again = { jobId: first.jobId, users: 2, created: false };
    expect(got(await rig.start(first))).toEqual({ ...again, created: true });
    expect(got(await rig.start({ ...first, jobId: crypto.randomUUID() }))).toEqual(again);
    const other = { ...first, jobId: crypto.randomUUID(), delayMs: 2_000 };
    expect(await rig.start(other)).toMatchObject({ code: "idempotency_mismatch", data: { jobId: first.jobId } });
    expect(got(await rig.start({ ...other, idempotencyKey: "k2" })).created).toBe(true);
  });

  it("by forty at once under one key it is one job", async () => {
    const rig = await withUsers(1);
    const asked = Array.from({ length: 40 }, () => rig.begin({ userIds: rig.ids, idempotencyKey: "k" }));
    expect(new Set(await Promise.all(asked)).size).toBe(1);
  });
});

describe("a job", () => {
  it("for somebody who is not registered begins for nobody, and names the places", async () => {
    const rig = await withUsers(1);
    const refused = await rig.start({ userIds: [...rig.ids, "ghost"] });
    expect(refused).toMatchObject({ code: "unknown_user", data: { problems: [{ path: "userIds[1]" }] } });
    expect(await alarmAt(rig)).toBeNull();
  });

  it("is told page by page", async () => {
    const rig = await withUsers(3);
    const jobId = await rig.begin();
    const page = async (after: number) => got(await rig.calls.restartJob(jobId, { limit: 2, after }));
    expect(await page(0)).toMatchObject({ users: [{ userId: rig.ids[0] }, { userId: rig.ids[1] }], next: 2 });
    expect(await page(2)).toMatchObject({ users: [{ userId: rig.ids[2] }], next: null });
  });

  it("is one of twenty at most that run, and room is made by one that has completed", async () => {
    const rig = await withUsers(1);
    const jobs = await Promise.all(Array.from({ length: 20 }, () => rig.begin()));
    expect(await rig.start()).toMatchObject({ ok: false, code: "too_many_at_once" });
    for (const jobId of jobs) await untilCompleted(rig, jobId);
    expect((await rig.start()).ok).toBe(true);
  });

  it("is forgotten a day after it has completed, and not before", async () => {
    const rig = await withUsers(1);
    const jobId = await rig.begin();
    await untilCompleted(rig, jobId);
    expect(await alarmAt(rig)).toBe(Date.now() + DAY_MS);
    pass(DAY_MS - 1_000);
    await runDurableObjectAlarm(rig.stub);
    expect((await rig.describe(jobId)).status).toBe("completed");
    await round(rig);
    expect(await rig.calls.restartJob(jobId, { limit: 1, after: 0 })).toMatchObject({ code: "unknown_job" });
    expect(await alarmAt(rig)).toBeNull();
  });
});
