// What the agent makes of a state folder that is not as it left it: torn by a crash of the machine, or on a disk that is full.
// The agent is a process of its own, as npm start runs it.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { createInterface } from "node:readline";
import { afterEach, expect, it } from "vitest";
import type { RunNews, RunOrder } from "../../src/contracts/executor.ts";
import { makeScratchDir } from "../journeys/plane.ts";

const ENTRY = path.join(import.meta.dirname, "../../examples/agent/agent.ts");
const LISTENING = /^agent listening on (\S+)$/;

const agents: ChildProcess[] = [];
afterEach(async () => {
  for (const agent of agents.splice(0)) {
    if (agent.exitCode !== null || agent.signalCode !== null) continue;
    agent.kill("SIGTERM");
    await once(agent, "exit");
  }
});

async function startAgent(stateDir: string) {
  const env = { ...process.env, AGENT_KEY: "key", AGENT_STATE_DIR: stateDir };
  const agent = spawn(process.execPath, [ENTRY], { env, stdio: ["ignore", "pipe", "ignore"] });
  agents.push(agent);
  const lines = createInterface({ input: agent.stdout });
  const [line] = (await Promise.race([once(lines, "line"), once(agent, "exit").then(() => ["it ended"])])) as string[];
  const url = LISTENING.exec(line ?? "")?.[1];
  if (url === undefined) throw new Error(`the agent does not listen: ${line}`);
  const call = async (method: string, where: string, body: object) => {
    const headers = { Authorization: "Bearer key" };
    const response = await fetch(`${url}${where}`, { method, headers, body: JSON.stringify(body) });
    return await response.json();
  };
  return {
    start: (runId: string, order: Partial<RunOrder>) => call("PUT", `/execs/${runId}`, { ...ORDER, ...order }),
    /** How it stands when it has ended. */
    ended: async (runId: string) => {
      for (;;) {
        const ask = { runs: [{ runId, stdout: 0, stderr: 0 }], waitMs: 2_000 };
        const { runs } = (await call("POST", "/watch", ask)) as { runs: readonly RunNews[] };
        const run = runs[0]?.run;
        if (run !== undefined && run.state !== "running") return run;
      }
    },
  };
}

const ORDER: RunOrder = {
  ...{ userId: "ann", command: "echo hello", env: {}, workingDir: ".", timeoutMs: 10_000, outputBytesMax: 1_000 },
  notAfterMs: Number.MAX_SAFE_INTEGER,
};
const RECORD = JSON.stringify({ userId: "ann", timeoutMs: 10_000, outputBytesMax: 1_000, startedAtMs: Date.now() });
const CARRIER = JSON.stringify({ pid: 2 ** 22 + 1, start: "another boot/1" });
const TORN = ["", "null", "{}", "[]", '"', "1", '{"pid":"x"}', "\0\0\0\0"];

function writeRun(stateDir: string, runId: string, files: Readonly<Record<string, string>>): void {
  const folder = path.join(stateDir, "execs", runId);
  mkdirSync(folder, { recursive: true });
  for (const [name, text] of Object.entries(files)) writeFileSync(path.join(folder, name), text);
}

it("begins and goes on with other runs whatever has become of the files of one", async () => {
  const stateDir = makeScratchDir();
  TORN.forEach((torn, index) => {
    writeRun(stateDir, `record-${index}`, { "record.json": torn, "carrier.json": CARRIER });
    writeRun(stateDir, `carrier-${index}`, { "record.json": RECORD, "carrier.json": torn });
    writeRun(stateDir, `exit-${index}`, { "record.json": RECORD, "carrier.json": CARRIER, exit: torn });
    writeRun(stateDir, `stop-${index}`, { "record.json": RECORD, "carrier.json": CARRIER, exit: "7\n", stop: torn });
  });
  writeFileSync(path.join(stateDir, "execs", "no-folder"), "");
  const agent = await startAgent(stateDir);
  await agent.start("new", {});
  expect(await agent.ended("new")).toMatchObject({ state: "ended", exitCode: 0, by: "itself" });
  for (const index of TORN.keys()) {
    expect(await agent.ended(`record-${index}`)).toEqual({ state: "unknown" });
    expect(await agent.ended(`exit-${index}`)).toMatchObject({ state: "lost" });
    expect(await agent.ended(`stop-${index}`)).toMatchObject({ state: "ended", exitCode: 7, by: "itself" });
  }
});

it("ends what runs too long also where nothing more can be written, and goes on", async () => {
  const stateDir = makeScratchDir();
  const agent = await startAgent(stateDir);
  await agent.start("endless", { command: "sleep 60", timeoutMs: 1_000 });
  // As with a full disk, but for this one file only.
  mkdirSync(path.join(stateDir, "execs", "endless", "stop.new"));
  expect(await agent.ended("endless")).toMatchObject({ state: "ended", by: "timeout" });
  await agent.start("new", {});
  expect(await agent.ended("new")).toMatchObject({ state: "ended", exitCode: 0 });
});
