// The agent as a part of `npm start`: it is started with the plane, started again when it dies, and ended with it. What it runs is
// ended by a stop and goes on through a crash, and either way the next start tells the truth about it.

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { agentUrl, childPid, ended, post, runToEnd, userFolder } from "./exec-plane.ts";
import { isAlive, makeScratchDir, type Plane, recordedPids, type StartOptions, startPlane } from "./plane.ts";

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  await Promise.all(ends.splice(0).map((end) => end()));
});

async function start(options: StartOptions = {}): Promise<Plane> {
  const plane = await startPlane({ agent: true, config: {}, ...options });
  ends.push(plane.kill9);
  return plane;
}
const stateDir = () => path.join(makeScratchDir(), "state");

/** An exec that waits for a file `go`, and the pid of its shell. */
async function beginWaiting(plane: Plane, userId: string) {
  const command =
    "echo $$ > pid; echo begun; i=0; while [ ! -e go ] && [ $((i+=1)) -lt 500 ]; do sleep 0.05; done; echo gone on";
  const { execId } = await post(plane, userId, { command });
  const file = path.join(userFolder(plane, userId), "pid");
  await expect.poll(() => existsSync(file) && readFileSync(file, "utf8"), { timeout: 10_000 }).toMatch(/\d\n/);
  return { execId, pid: Number(readFileSync(file, "utf8")) };
}

describe("a plane that is asked to stop", () => {
  it("has ended its agent and all it ran, and the next one says so", async () => {
    const folder = stateDir();
    const first = await start({ stateDir: folder });
    const { execId, pid } = await beginWaiting(first, "ann");
    const pids = [...recordedPids(folder), pid];
    expect(pids).toHaveLength(4);
    expect(await first.stop()).toMatchObject({ code: 0 });
    expect(pids.filter(isAlive)).toEqual([]);
    const second = await start({ stateDir: folder });
    expect(await ended(second, "ann", execId)).toMatchObject({
      ...{ status: "failed", stdout: "begun\n", error: "its executor was stopped" },
    });
  });
});

describe("a command goes on", () => {
  it.each(["agent", "workerd", "starter"] as const)(
    "through kill -9 of the %s, and ends with all of its output",
    async (what) => {
      const folder = stateDir();
      let plane = await start({ stateDir: folder });
      const { execId, pid } = await beginWaiting(plane, "ann");
      const agent = childPid(plane, "agent");
      if (what === "starter") plane.signal("SIGKILL");
      else process.kill(childPid(plane, what), "SIGKILL");
      if (what === "agent") await expect.poll(() => childPid(plane, "agent"), { timeout: 10_000 }).not.toBe(agent);
      else {
        await plane.ended;
        plane = await start({ stateDir: folder, port: plane.port });
      }
      expect([isAlive(pid), isAlive(agent)]).toEqual([true, false]);
      writeFileSync(path.join(userFolder(plane, "ann"), "go"), "");
      expect(await ended(plane, "ann", execId)).toMatchObject({ status: "succeeded", stdout: "begun\ngone on\n" });
    },
  );
});

it("an order that an agent gets only after its exec was given up is never begun", async () => {
  const plane = await start({ env: { EXEC_QUEUE_DEADLINE_MS: "4000" } });
  await runToEnd(plane, "ann", { command: "echo one >> ran" });
  const agent = childPid(plane, "agent");
  process.kill(agent, "SIGSTOP");
  const given = await runToEnd(plane, "ann", { command: "echo two >> ran" });
  process.kill(agent, "SIGCONT");
  expect(given).toMatchObject({ status: "lost", startedAt: null });
  expect(await runToEnd(plane, "ann", { command: "cat ran" })).toMatchObject({ stdout: "one\n" });
});

describe("a plane that was named an agent", () => {
  it("starts none of its own, and says that nobody answers there once the deadline has passed", async () => {
    const env = { EXEC_AGENT_URL: "http://127.0.0.1:1", EXEC_AGENT_KEY: "k", EXEC_QUEUE_DEADLINE_MS: "500" };
    const plane = await start({ agent: false, env });
    expect(recordedPids(plane.stateDir)).toHaveLength(2);
    expect(await runToEnd(plane, "ann", { command: "echo x" })).toMatchObject({
      ...{ status: "lost", stdout: "", startedAt: null },
      error: expect.stringContaining("within 500 ms: the agent does not answer"),
    });
  });

  it("with another key fails what is asked for, once, with the cause", async () => {
    const owner = await start();
    const plane = await start({ agent: false, env: { EXEC_AGENT_URL: agentUrl(owner), EXEC_AGENT_KEY: "wrong" } });
    const told = await runToEnd(plane, "ann", { command: "echo x > ran" });
    expect(told).toMatchObject({ status: "failed", error: expect.stringContaining("401") });
    expect(
      plane.stdout().match(/executor refuses the key/g) ?? plane.stderr().match(/executor refuses the key/g),
    ).toHaveLength(1);
    expect(existsSync(userFolder(owner, "ann"))).toBe(false);
  });

  it("that is none says so", async () => {
    const plane = await start({ agent: false });
    expect(await post(plane, "ann", { command: "echo x" })).toMatchObject({ status: 503, code: "executor_unset" });
  });
});
