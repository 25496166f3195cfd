// kill -9 of the plane, of the agent and of both while commands run: every exec that was acknowledged ends in a truthful state with
// its output, and none runs twice. The commands themselves count: each writes its name to a file of its user's, first thing.

import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, expect, it } from "vitest";
import { childPid, countLines, ended, post, type Told } from "../journeys/exec-plane.ts";
import { makeScratchDir, type Plane, startPlane } from "../journeys/plane.ts";

const USERS = ["ann", "bob", "eve", "dan"];
const EXECS_PER_USER = 50;
const LANES = 8;
/** `plane`: its workerd. `both`: the starter too, all at once. */
const KILLS = ["agent", "plane", "both", "agent", "both"] as const;

type Exec = { readonly userId: string; readonly name: string };

const options = {
  ...{ agent: true, config: {}, stateDir: path.join(makeScratchDir(), "state") },
  // A slow machine takes its time for all of them.
  env: { EXEC_QUEUE_DEADLINE_MS: "120000" },
};
let plane: Plane;
afterAll(async () => {
  await plane?.stop();
});

/** Acknowledged, however often it takes: the same key each time. */
async function acknowledged({ userId, name }: Exec): Promise<string> {
  const command = `echo ${name} >> runs; echo begin ${name}; sleep 0.${1 + Math.floor(Math.random() * 8)}; echo end ${name}`;
  for (;;) {
    try {
      const { execId } = await post(plane, userId, { command, execId: name }, { "Idempotency-Key": name });
      if (execId === name) return execId;
    } catch {
      // Nobody listens between a kill and the next start.
    }
    await delay(20);
  }
}

async function kill(what: (typeof KILLS)[number]): Promise<void> {
  if (what === "agent") {
    const pid = childPid(plane, "agent");
    process.kill(pid, "SIGKILL");
    await expect.poll(() => childPid(plane, "agent"), { timeout: 20_000 }).not.toBe(pid);
    return;
  }
  if (what === "plane") process.kill(childPid(plane, "workerd"), "SIGKILL");
  else await plane.kill9();
  await plane.ended;
  plane = await startPlane({ ...options, port: plane.port });
}

it("two hundred execs through five kills end truthfully, with their output, and none ran twice", async () => {
  plane = await startPlane(options);
  const execs: Exec[] = USERS.flatMap((userId) =>
    Array.from({ length: EXECS_PER_USER }, (_, index) => ({ userId, name: `${userId}-${index}` })),
  );
  const waiting = [...execs];
  let begun = 0;
  const lane = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      await acknowledged(next);
      begun++;
    }
  };
  const lanes = Promise.all(Array.from({ length: LANES }, lane));
  for (const [index, what] of KILLS.entries()) {
    const share = (index + Math.random()) / KILLS.length;
    await expect.poll(() => begun, { interval: 1, timeout: 30_000 }).toBeGreaterThan(share * execs.length * 0.9);
    await kill(what);
  }
  await lanes;
  const told = await Promise.all(execs.map(({ userId, name }) => ended(plane, userId, name)));
  expect(told.map(({ execId }) => execId)).toEqual(execs.map(({ name }) => name));
  for (const exec of told) expectTruth(exec);
  // Most were never in danger, and of the others nearly all survive.
  expect(told.filter(({ status }) => status === "succeeded").length).toBeGreaterThan(execs.length * 0.9);
}, 180_000);

/** What is told is what happened: counted by the command itself. */
function expectTruth({ execId, userId, status, stdout, exitCode, error }: Told): void {
  const ran = countLines(plane, String(userId), "runs").get(execId) ?? 0;
  expect([execId, ran <= 1]).toEqual([execId, true]);
  if (status === "succeeded") expect([ran, stdout, exitCode]).toEqual([1, `begin ${execId}\nend ${execId}\n`, 0]);
  else expect([execId, status, typeof error]).toEqual([execId, "lost", "string"]);
}
