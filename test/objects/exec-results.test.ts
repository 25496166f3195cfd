// The ExecResultStore object through its stub: at most once, what its executor does to it, what survives, and what is kept how long.

import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type {
  ExecAcceptance,
  ExecOutput,
  ExecResult,
  ExecStatus,
  ExecSummary,
  SubmitExec,
} from "../../src/contracts/exec.ts";
import type { Result } from "../../src/contracts/refusals.ts";
import { ModelAgent } from "../model-agent.ts";

/** Ahead of the real clock, so that no alarm fires by itself. */
const T0 = Date.UTC(2040, 0, 1);
const DAY = 86_400_000;

let agent: ModelAgent;
let lines: { msg: string; cause?: string }[];
beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: T0 });
  agent = ModelAgent.boot();
  lines = [];
  for (const level of ["warn", "error"] as const)
    vi.spyOn(console, level).mockImplementation((line: string) => void lines.push(JSON.parse(line)));
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

const eventually = (check: () => void | Promise<void>) => vi.waitFor(check, { timeout: 10_000, interval: 5 });

let count = 0;
function aUser() {
  const userId = `user-${++count}`;
  const stub = env.EXEC_RESULTS.getByName(`1:${userId}`);
  const submit = async (command: string, more: Partial<SubmitExec> = {}) =>
    (await stub.submit({
      ...{ userId, execId: `e${++count}`, digest: command },
      order: { command, env: { SECRET: "s3cret" }, workingDir: ".", timeoutMs: 1_000 },
      ...more,
    })) as Result<ExecAcceptance>;
  const read = async (execId: string) => got((await stub.read(execId)) as Result<ExecResult>);
  /** The alarm, until there is nothing left to do or its time is over. */
  const drive = () => runDurableObjectAlarm(stub);
  return {
    ...{ userId, stub, submit, read, drive },
    /** Submits and returns the exec's id. */
    begin: async (command: string, more: Partial<SubmitExec> = {}) => got(await submit(command, more)).execId,
    follow: async (execId: string, after: number, waitMs = 0) =>
      got((await stub.follow({ execId, after, waitMs })) as Result<ExecOutput>),
    cancel: async (execId: string) => (await stub.cancel(execId)) as Result<ExecSummary>,
    /** The alarm at work until an exec's status is that; then its time is over. */
    driveUntil: async (execId: string, status: ExecStatus) => {
      const driving = drive();
      await eventually(async () => expect((await read(execId)).status).toBe(status));
      pass(60_000);
      await driving;
    },
  };
}

function got<T>(result: Result<T>): T {
  if (!result.ok) throw new Error(result.code);
  return result.value;
}
const codeOf = (result: Result<unknown>) => (result.ok ? "ok" : result.code);

type User = ReturnType<typeof aUser>;

const alarmAt = ({ stub }: User) => runInDurableObject(stub, (_, { storage }) => storage.getAlarm());
const rowsOf = ({ stub }: User) =>
  runInDurableObject(stub, (_, { storage: { sql } }) =>
    ["exec_results", "output_chunks", "releases"].map((table) => sql.exec(`SELECT * FROM ${table}`).toArray().length),
  );
const pass = (ms: number) => void vi.setSystemTime(Date.now() + ms);

describe("an exec", () => {
  it("is queued when it is accepted, begun by the alarm, and told with its output and exit code when it has ended", async () => {
    const user = aUser();
    const execId = await user.begin("echo hello");
    expect(await user.read(execId)).toMatchObject({ status: "queued", startedAt: null, stdout: "" });
    expect(agent.calls).toEqual([]);
    await user.drive();
    expect(await user.read(execId)).toEqual({
      ...{ execId, userId: user.userId, command: "echo hello", status: "succeeded", exitCode: 0, error: null },
      ...{ createdAt: T0, startedAt: T0, completedAt: T0, stdoutBytes: 6, stderrBytes: 0 },
      ...{ stdout: "hello\n", stderr: "", truncated: false },
    });
  });

  it.each([
    ["exit 3", "failed", 3],
    ["reject", "failed", null],
    ["lose", "lost", null],
  ] as const)("that does %s is %s", async (command, status, exitCode) => {
    const user = aUser();
    const execId = await user.begin(command);
    await user.drive();
    expect(await user.read(execId)).toMatchObject({ status, exitCode, error: expect.any(String) });
  });

  it("is forgotten by its executor once its end is written down, and only then", async () => {
    const user = aUser();
    const execId = await user.begin("echo x");
    await user.drive();
    expect(agent.calls).toEqual(["PUT execs", "POST watch", "DELETE execs"]);
    expect([agent.runs.size, (await rowsOf(user))[2]]).toEqual([0, 0]);
    expect((await user.read(execId)).stdout).toBe("x\n");
  });

  it("keeps no environment once it has ended", async () => {
    const user = aUser();
    await user.begin("echo x");
    await user.drive();
    const kept = await runInDurableObject(user.stub, (_, { storage: { sql } }) =>
      JSON.stringify(sql.exec("SELECT * FROM exec_results").toArray()),
    );
    expect(kept).not.toContain("s3cret");
  });

  it("hands its executor the order as it was given, valid until its deadline", async () => {
    const user = aUser();
    await user.driveUntil(await user.begin("sleep"), "running");
    expect(agent.run("sleep").order).toMatchObject({
      ...{ userId: user.userId, command: "sleep", env: { SECRET: "s3cret" }, workingDir: ".", timeoutMs: 1_000 },
      ...{ outputBytesMax: 1_048_576, notAfterMs: T0 + 30_000 },
    });
  });

  it("is found by nobody else's object, and neither is one that never was", async () => {
    const [ann, bob] = [aUser(), aUser()];
    const execId = await ann.begin("echo x");
    for (const [user, id] of [
      [bob, execId],
      [ann, "never"],
    ] as const) {
      expect(await user.stub.read(id)).toMatchObject({ ok: false, code: "unknown_exec" });
      expect(await user.stub.follow({ execId: id, after: 0, waitMs: 0 })).toMatchObject({ code: "unknown_exec" });
      expect(codeOf(await user.cancel(id))).toBe("unknown_exec");
    }
    expect(await bob.stub.list({ limit: 100 })).toEqual([]);
  });
});

describe("at most once", () => {
  it("forty calls at one time with one key are one exec, begun once", async () => {
    const user = aUser();
    const calls = Array.from({ length: 40 }, () => user.submit("echo x", { idempotencyKey: "k" }));
    const ids = new Set((await Promise.all(calls)).map((accepted) => got(accepted).execId));
    await user.drive();
    expect([ids.size, agent.begun]).toEqual([1, ["echo x"]]);
  });

  it("a key or an id for another order is refused, also after the first has ended, and begins nothing", async () => {
    const user = aUser();
    await user.begin("echo x", { idempotencyKey: "k", execId: "mine" });
    await user.drive();
    expect(codeOf(await user.submit("echo y", { idempotencyKey: "k" }))).toBe("idempotency_mismatch");
    expect(codeOf(await user.submit("echo y", { execId: "mine" }))).toBe("idempotency_mismatch");
    expect(got(await user.submit("echo x", { execId: "mine" }))).toEqual({ execId: "mine", status: "succeeded" });
    expect(await alarmAt(user)).toBeGreaterThan(Date.now() + 1_000);
    expect(agent.begun).toEqual(["echo x"]);
  });

  it("an executor whose answers get lost is told again, and begins nothing twice", async () => {
    const user = aUser();
    agent.mood = "deaf";
    const execId = await user.begin("echo x");
    const driving = user.driveUntil(execId, "succeeded");
    await eventually(() => expect(agent.calls.length).toBeGreaterThan(2));
    agent.mood = "up";
    await driving;
    expect(new Set(agent.calls.slice(0, 3))).toEqual(new Set(["PUT execs"]));
    expect(agent.begun).toEqual(["echo x"]);
  });

  it("an object that is killed after it accepted goes on from what it wrote", async () => {
    const user = aUser();
    const execId = await user.begin("echo x", { idempotencyKey: "k" });
    await evictDurableObject(user.stub);
    expect(got(await user.submit("echo x", { idempotencyKey: "k" })).execId).toBe(execId);
    await user.drive();
    expect([(await user.read(execId)).status, agent.begun]).toEqual(["succeeded", ["echo x"]]);
  });

  it("an object whose alarm got lost sets another as soon as it is woken", async () => {
    const user = aUser();
    const execId = await user.begin("echo x");
    await runInDurableObject(user.stub, (_, { storage }) => storage.deleteAlarm());
    await evictDurableObject(user.stub);
    await user.read(execId);
    await eventually(async () => expect(await alarmAt(user)).not.toBeNull());
  });

  it("an object that is killed in the middle takes up the output where it was", async () => {
    const user = aUser();
    const execId = await user.begin("talk");
    await user.driveUntil(execId, "running");
    agent.run("talk").stdout = "one ";
    const driving = user.drive();
    await eventually(async () => expect((await user.read(execId)).stdout).toBe("one "));
    pass(60_000);
    await driving;
    await evictDurableObject(user.stub);
    Object.assign(agent.run("talk"), {
      stdout: "one two",
      state: { state: "ended", startedAtMs: T0, endedAtMs: Date.now(), exitCode: 0, by: "itself" },
    });
    await user.drive();
    expect(await user.read(execId)).toMatchObject({ status: "succeeded", stdout: "one two" });
  });
});

describe("an executor that is down", () => {
  it("leaves an exec queued, and lost with the cause after its deadline", async () => {
    const user = aUser();
    agent.mood = "down";
    const execId = await user.begin("echo x");
    const driving = user.drive();
    pass(29_000);
    const before = agent.tries;
    await eventually(() => expect(agent.tries).toBeGreaterThan(before + 1));
    expect((await user.read(execId)).status).toBe("queued");
    pass(1_000);
    await eventually(async () => expect((await user.read(execId)).status).toBe("lost"));
    expect((await user.read(execId)).error).toContain("30000 ms: the agent does not answer");
    await driving;
    // What it may have been told all the same is taken back once it is there again; until then it is asked seldom.
    expect(await alarmAt(user)).toBe(Date.now() + 30_000);
    agent.mood = "up";
    await user.drive();
    expect([agent.begun, agent.calls]).toEqual([[], ["DELETE execs"]]);
  });

  it("that comes back before the deadline runs it", async () => {
    const user = aUser();
    agent.mood = "down";
    const execId = await user.begin("echo x");
    const driving = user.drive();
    pass(29_000);
    agent.mood = "up";
    await driving;
    expect((await user.read(execId)).status).toBe("succeeded");
  });

  it("leaves what runs as it is: it may go on there", async () => {
    const user = aUser();
    const execId = await user.begin("sleep");
    await user.driveUntil(execId, "running");
    agent.mood = "down";
    const before = agent.tries;
    const driving = user.drive();
    await eventually(() => expect(agent.tries).toBeGreaterThan(before + 1));
    pass(60_000);
    await driving;
    expect((await user.read(execId)).status).toBe("running");
  });

  it("and comes back without a record of what ran has lost it", async () => {
    const user = aUser();
    const execId = await user.begin("sleep");
    await user.driveUntil(execId, "running");
    agent.runs.clear();
    await user.drive();
    expect(await user.read(execId)).toMatchObject({ status: "lost", error: "the executor has no record of it" });
  });
});

it("what answers and is no agent is asked again only after a while, and named as the cause", async () => {
  const user = aUser();
  agent.mood = "foreign";
  const execId = await user.begin("echo x");
  const driving = user.drive();
  const startedAt = performance.now();
  await eventually(() => expect(performance.now() - startedAt).toBeGreaterThan(300));
  // After 50, 100, 200 ms … and not as often as it answers.
  expect(agent.tries).toBeLessThan(10);
  pass(30_000);
  await driving;
  expect(await user.read(execId)).toMatchObject({ status: "lost", error: expect.stringContaining("is no agent") });
});

it("an executor that refuses the key fails what is queued, with the cause, and is brought to notice once", async () => {
  const user = aUser();
  agent.mood = "refusing";
  const ids = [await user.begin("echo x"), await user.begin("echo y")];
  const driving = user.drive();
  for (const id of ids) {
    await eventually(async () => expect((await user.read(id)).status).toBe("failed"));
    expect((await user.read(id)).error).toContain("the agent answers 401");
  }
  agent.mood = "up";
  await driving;
  expect(lines.filter(({ msg }) => msg === "executor refuses the key")).toHaveLength(1);
  expect(agent.begun).toEqual([]);
});

it("an executor that can't begin one run just now begins the others, and that one later", async () => {
  const user = aUser();
  agent.hindered = "echo x";
  const [hindered, other] = [await user.begin("echo x"), await user.begin("echo y")];
  const driving = user.drive();
  await eventually(async () => expect((await user.read(other)).status).toBe("succeeded"));
  expect((await user.read(hindered)).status).toBe("queued");
  agent.hindered = undefined;
  await driving;
  expect([(await user.read(hindered)).status, agent.begun]).toEqual(["succeeded", ["echo y", "echo x"]]);
});

describe("cancelling", () => {
  it("stops what runs, and may be repeated", async () => {
    const user = aUser();
    const execId = await user.begin("sleep");
    await user.driveUntil(execId, "running");
    expect(codeOf(await user.cancel(execId))).toBe("ok");
    expect(codeOf(await user.cancel(execId))).toBe("ok");
    await user.drive();
    expect(await user.read(execId)).toMatchObject({ status: "cancelled", exitCode: 143 });
    expect(codeOf(await user.cancel(execId))).toBe("ok");
  });

  it("keeps what has not begun from ever beginning", async () => {
    const user = aUser();
    const execId = await user.begin("echo x");
    await user.cancel(execId);
    await user.drive();
    expect([(await user.read(execId)).status, agent.begun]).toEqual(["cancelled", []]);
  });

  it("of what has ended otherwise is refused", async () => {
    const user = aUser();
    const execId = await user.begin("echo x");
    await user.drive();
    expect(await user.cancel(execId)).toMatchObject({ code: "exec_ended", data: { execStatus: "succeeded" } });
    expect((await user.read(execId)).status).toBe("succeeded");
  });
});

describe("following", () => {
  it("waits for output and for the end, and tells each piece once", async () => {
    const user = aUser();
    const execId = await user.begin("talk");
    const waiting = user.follow(execId, 0, 10_000);
    const driving = user.driveUntil(execId, "cancelled");
    await eventually(() => expect(agent.runs.size).toBe(1));
    agent.run("talk").stdout = "hello";
    const first = await waiting;
    expect(first.chunks).toEqual([{ seq: 1, stream: "stdout", text: "hello" }]);
    const end = user.follow(execId, 1, 10_000);
    await user.cancel(execId);
    expect(await end).toMatchObject({ chunks: [], more: false, exec: { status: "cancelled" } });
    await driving;
  });

  it("of output beyond the cap says so, and the rest is gone", async () => {
    const user = aUser();
    const execId = await user.begin("talk");
    await user.driveUntil(execId, "running");
    Object.assign(agent.run("talk"), {
      stdout: "x".repeat(1_048_577),
      state: { state: "ended", startedAtMs: T0, endedAtMs: T0, exitCode: 0, by: "itself" },
    });
    await user.drive();
    const result = await user.read(execId);
    expect([result.stdoutBytes, result.stdout.length, result.truncated]).toEqual([1_048_576, 65_536, true]);
    expect(await user.follow(execId, 0)).toMatchObject({ capped: true, more: false });
  });
});

describe("what is kept", () => {
  it("is the newest hundred, whole or not at all", async () => {
    const user = aUser();
    const first = await user.begin("echo first");
    await user.drive();
    const second = await user.begin("echo second");
    await user.drive();
    for (let i = 0; i < 99; i++) {
      pass(1);
      await user.begin(`echo ${i}`);
    }
    await user.drive();
    expect((await rowsOf(user)).slice(0, 2)).toEqual([100, 100]);
    expect(codeOf((await user.stub.read(first)) as Result<unknown>)).toBe("unknown_exec");
    expect((await user.read(second)).stdout).toBe("second\n");
  });

  it("never goes to make room while it has not ended: a hundred and first is refused", async () => {
    const user = aUser();
    for (let i = 0; i < 100; i++) await user.begin(`echo ${i}`);
    expect(codeOf(await user.submit("echo late"))).toBe("too_many_at_once");
    await user.drive();
    expect(codeOf(await user.submit("echo late"))).toBe("ok");
  });

  it("goes a day after it ended, by the alarm", async () => {
    const user = aUser();
    const execId = await user.begin("echo x");
    await user.drive();
    expect(await alarmAt(user)).toBe(T0 + DAY);
    pass(DAY - 1);
    await user.drive();
    expect((await user.read(execId)).status).toBe("succeeded");
    pass(1);
    await user.drive();
    expect([await rowsOf(user), await alarmAt(user)]).toEqual([[0, 0, 0], null]);
  });

  it("is listed newest first, by status, and below a time", async () => {
    const user = aUser();
    const ids: string[] = [];
    for (const command of ["echo a", "exit 1", "echo b"]) {
      ids.push(await user.begin(command));
      pass(10);
    }
    await user.drive();
    const list = async (which: object) =>
      (await user.stub.list({ limit: 100, ...which })).map(({ execId }: ExecSummary) => ids.indexOf(execId));
    expect(await list({})).toEqual([2, 1, 0]);
    expect(await list({ status: "succeeded" })).toEqual([2, 0]);
    expect(await list({ before: T0 + 20 })).toEqual([1, 0]);
    expect(await list({ limit: 1 })).toEqual([2]);
    expect(await list({ status: "queued" })).toEqual([]);
  });
});
