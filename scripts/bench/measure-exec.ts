// What it costs to have a command run through the plane, beside the agent alone in the same rounds; many at one time; much output;
// and to ask how one ended. A plane and an agent of their own.

import { readFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import path from "node:path";
import { AgentProcess } from "../start/agent-process.ts";
import type { WorkerSpec } from "../start/worker-spec.ts";
import { type BenchPlane, callPlane, launchBenchPlane, type PlaneSecrets } from "./bench-plane.ts";
import { BenchProblem } from "./bench-problem.ts";
import type { Ending } from "./bench-process.ts";
import type { BenchWorkers } from "./bench-workers.ts";
import { findFreePorts } from "./free-ports.ts";
import { ask, forEachBounded } from "./loopback-client.ts";
import { median, pairedDifferences, pairedRatios } from "./statistics.ts";

export type ExecFindings = {
  /** `echo`, one after the other: the agent alone from its order to its output, and the plane from post to answer. */
  readonly agentP50Ms: number;
  readonly planeP50Ms: number;
  /** Of the pairs of one round. */
  readonly addedP50Ms: number;
  /** Posted at one time, and how many of them did not succeed. */
  readonly concurrent: number;
  readonly concurrentMs: number;
  readonly concurrentFailed: number;
  /** Resident memory after 50 MB of output against before, MB. */
  readonly planeGrowthMb: number;
  readonly agentGrowthMb: number;
  /** Status of a finished exec ÷ another answer that costs one object call, requests per second. */
  readonly statusRatio: number;
};

export type ExecPlan = {
  readonly folder: string;
  readonly workers: BenchWorkers;
  readonly secrets: PlaneSecrets;
  readonly print: (line: string) => void;
};

const ROOT = path.resolve(import.meta.dirname, "../..");
const ROUND_TRIPS = 60;
const USERS = ["ann", "bob", "eve", "dan"];
const PER_USER = 50;
const OUTPUT_BYTES = 50_000_000;
const RATE_ROUNDS = 5;
const RATE_MS = 1_500;
const CONNECTIONS = 16;

type Stage = {
  readonly plane: BenchPlane;
  readonly agent: { readonly port: number; readonly key: string; readonly pid: () => number };
};

export async function measureExec({ folder, workers, secrets, print }: ExecPlan, outer: Ending): Promise<ExecFindings> {
  const ending = new AsyncDisposableStack();
  outer.defer(() => ending.disposeAsync());
  const stage = await launchExecStage({ folder: path.join(folder, "exec"), workers, secrets }, ending);
  print("exec: round trips");
  const trips = await measureRoundTrips(stage);
  print(`exec: ${USERS.length * PER_USER} at one time`);
  const many = await measureConcurrent(stage.plane);
  print("exec: 50 MB of output");
  const growth = await measureOutput(stage);
  print("exec: status of a finished exec");
  const statusRatio = await measureStatus(stage.plane);
  await ending.disposeAsync();
  return { ...trips, ...many, ...growth, statusRatio };
}

async function launchExecStage({ folder, workers, secrets }: Omit<ExecPlan, "print">, ending: Ending): Promise<Stage> {
  await mkdir(folder, { recursive: true });
  let pid = 0;
  const record = (own: number): void => {
    pid = own;
  };
  const process = new AgentProcess({ root: ROOT, stateDir: path.join(folder, "agent"), record });
  ending.defer(() => process.end());
  const url = await process.listen();
  const named = workers.plane.bindings.filter(({ name }) => name !== "EXEC_AGENT_URL");
  const bindings: WorkerSpec["bindings"] = [
    ...named,
    { kind: "text", name: "EXEC_AGENT_URL", value: url },
    { kind: "secret", name: "EXEC_AGENT_KEY" },
  ];
  const launch = { folder, plane: { ...workers.plane, bindings }, backends: workers.backends, fleets: [] };
  const withKey = { ...secrets, EXEC_AGENT_KEY: process.key };
  const plane = await launchBenchPlane({ ...launch, secrets: withKey, ports: await findFreePorts(1) }, ending);
  await callPlane(plane, { method: "PUT", path: "/api/super/config", body: { log: { sampleRate: 0 } } });
  for (const name of USERS)
    await callPlane(plane, { method: "PUT", path: `/api/super/users/${name}`, body: { name, tier: 1 } });
  return { plane, agent: { port: Number(new URL(url).port), key: process.key, pid: () => pid } };
}

const sync = async (plane: BenchPlane, user: string, body: object): Promise<Record<string, unknown>> => {
  const answer = await callPlane(plane, { method: "POST", path: `/api/super/users/${user}/exec-sync`, body });
  return JSON.parse(answer.body) as Record<string, unknown>;
};

async function measureRoundTrips({ plane, agent }: Stage) {
  const [alone, through]: [number[], number[]] = [[], []];
  for (let round = -5; round < ROUND_TRIPS; round++) {
    const agentMs = await timed(() => runOnAgent(agent, `bench-${round + 5}`));
    const planeMs = await timed(() => sync(plane, "ann", { command: "echo hello" }));
    // The first rounds only warm up.
    if (round < 0) continue;
    alone.push(agentMs);
    through.push(planeMs);
  }
  return {
    agentP50Ms: median(alone),
    planeP50Ms: median(through),
    addedP50Ms: median(pairedDifferences(through, alone)),
  };
}

async function runOnAgent({ port, key }: Stage["agent"], runId: string): Promise<void> {
  const headers = { Authorization: `Bearer ${key}` };
  const order = {
    ...{ userId: "alone", command: "echo hello", env: {}, workingDir: ".", timeoutMs: 30_000 },
    ...{ outputBytesMax: 1_048_576, notAfterMs: Date.now() + 30_000 },
  };
  await ask({ port, method: "PUT", path: `/execs/${runId}`, headers, body: order });
  const runs = [{ runId, stdout: 0, stderr: 0 }];
  for (let isOver = false; !isOver; ) {
    const { body } = await ask({ port, method: "POST", path: "/watch", headers, body: { runs, waitMs: 2_000 } });
    isOver = body.includes('"state":"ended"');
  }
  await ask({ port, method: "DELETE", path: `/execs/${runId}`, headers });
}

async function measureConcurrent(plane: BenchPlane) {
  const users = USERS.flatMap((user) => Array.from({ length: PER_USER }, () => user));
  let succeeded = 0;
  const concurrentMs = await timed(() =>
    forEachBounded(users, users.length, async (user) => {
      if ((await sync(plane, user, { command: "echo hello" })).stdout === "hello\n") succeeded++;
    }),
  );
  return { concurrent: users.length, concurrentMs, concurrentFailed: users.length - succeeded };
}

/** Once before, so that what is only set up once is no growth. */
async function measureOutput({ plane, agent }: Stage) {
  const print = async () => {
    const told = await sync(plane, "eve", { command: `yes 0123456789 | head -c ${OUTPUT_BYTES}` });
    if (told.stdoutBytes !== 1_048_576) throw new BenchProblem(`much output ends as ${JSON.stringify(told.status)}`);
  };
  await print();
  const before = [residentMb(plane.pid), residentMb(agent.pid())];
  await print();
  const [planeGrowthMb = 0, agentGrowthMb = 0] = pairedDifferences(
    [residentMb(plane.pid), residentMb(agent.pid())],
    before,
  );
  return { planeGrowthMb, agentGrowthMb };
}

async function measureStatus(plane: BenchPlane): Promise<number> {
  const { execId } = await sync(plane, "dan", { command: "echo hello" });
  const session = await callPlane(plane, {
    method: "POST",
    path: "/api/super/sessions",
    body: { userId: "dan", username: "dan" },
  });
  const { id } = JSON.parse(session.body) as { id: string };
  const [status, oneCall]: [number[], number[]] = [[], []];
  for (let round = 0; round < RATE_ROUNDS; round++) {
    status.push(await rateOf(plane, `/api/super/users/dan/exec/${String(execId)}/status`));
    oneCall.push(await rateOf(plane, `/api/super/sessions/${id}`));
  }
  return median(pairedRatios(status, oneCall));
}

/** Answers per second over kept connections. */
async function rateOf(plane: BenchPlane, where: string): Promise<number> {
  const untilMs = Date.now() + RATE_MS;
  let answers = 0;
  const asking = async (): Promise<void> => {
    for (; Date.now() < untilMs; answers++) await callPlane(plane, { method: "GET", path: where });
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, asking));
  return (answers * 1_000) / RATE_MS;
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}

/** NaN where the kernel does not say. */
function residentMb(pid: number): number {
  try {
    return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"))?.[1]) / 1_024;
  } catch {
    return Number.NaN;
  }
}
