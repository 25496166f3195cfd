// What an instance that fails costs those who ask the plane: one that is slow, one that is killed, one that accepts and never answers.
// Four origins of their own for each case, four isolates, a steady load of idempotent requests from an open-loop client.

import { mkdirSync } from "node:fs";
import { createServer } from "node:net";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { STRATEGIES, type Strategy } from "../../src/contracts/balancing-config.ts";
import type { ConfigDocument } from "../../src/contracts/config.ts";
import { HOST } from "../start/ports.ts";
import { type BenchPlane, callPlane, launchBenchPlane, type PlaneSecrets } from "./bench-plane.ts";
import { type Ending, launchProcess } from "./bench-process.ts";
import { openSessions } from "./bench-sessions.ts";
import type { BenchWorkers } from "./bench-workers.ts";
import { cookieHeader } from "./browser-headers.ts";
import { ISOLATES } from "./contenders.ts";
import { sendAtFixedRate } from "./fixed-rate-client.ts";
import { findFreePorts } from "./free-ports.ts";
import { ask } from "./loopback-client.ts";
import { quantileMs } from "./statistics.ts";
import { waitUntilServing } from "./wait-until-serving.ts";

/** By which strategies: one that is slow shows how they differ, the others how soon an instance is passed over. */
const FAULTS = {
  "one slow": STRATEGIES,
  killed: ["round-robin", "least-connections"],
  "black hole": ["round-robin", "least-connections"],
} as const satisfies Readonly<Record<string, readonly Strategy[]>>;
type Fault = keyof typeof FAULTS;
type Case = { readonly fault: Fault; readonly strategy: Strategy; readonly name: string };

export type FaultRow = Case & {
  readonly requests: number;
  /** Not answered with 200. */
  readonly lost: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** From the fault until the last request that was sent to the instance, ms; undefined for one that goes on answering. */
  readonly noticedMs: number | undefined;
};

export type FaultPlan = {
  readonly folder: string;
  readonly workers: BenchWorkers;
  readonly secrets: PlaneSecrets;
  readonly print: (line: string) => void;
};

const INSTANCES = 4;
const LAG_MS = 20;
const SLOW_TIMES = 10;
const LOAD = { requestsPerSecond: 300, seconds: 8, leadSeconds: 1, connections: 64 } as const;
const FAULT_AFTER_MS = 3_000;

const CASES: readonly Case[] = (Object.keys(FAULTS) as Fault[]).flatMap((fault) =>
  FAULTS[fault].map((strategy) => ({ fault, strategy, name: `${fault.replace(" ", "-")}-${strategy}` })),
);

export async function measureFaults(plan: FaultPlan, outer: Ending): Promise<readonly FaultRow[]> {
  const ending = new AsyncDisposableStack();
  outer.defer(() => ending.disposeAsync());
  const ports = await findFreePorts(ISOLATES + CASES.length * INSTANCES);
  const originPorts = new Map(
    CASES.map(({ name }, at) => [name, ports.slice(ISOLATES + at * INSTANCES, ISOLATES + (at + 1) * INSTANCES)]),
  );
  const { workers, secrets, print } = plan;
  const folder = path.join(plan.folder, "faults");
  mkdirSync(folder, { recursive: true });
  const launch = { folder, secrets, plane: workers.plane, backends: workers.backends, fleets: [] };
  const plane = await launchBenchPlane({ ...launch, ports: ports.slice(0, ISOLATES) }, ending);
  const cookies = (await openSessions(plane, 1)).map(cookieHeader);
  await callPlane(plane, { method: "PUT", path: "/api/super/config", body: documentOf(originPorts) });
  const rows: FaultRow[] = [];
  for (const one of CASES) {
    print(`faults: ${one.fault}, ${one.strategy}`);
    rows.push(await play(one, { plane, cookies, folder, ports: originPorts.get(one.name) ?? [] }));
  }
  await ending.disposeAsync();
  return rows;
}

const documentOf = (ports: ReadonlyMap<string, readonly number[]>): ConfigDocument => ({
  log: { sampleRate: 0 },
  pools: Object.fromEntries(
    CASES.map(({ name, strategy }) => [
      name,
      {
        strategy,
        instances: (ports.get(name) ?? []).map((port) => ({ id: `i${port}`, url: `http://${HOST}:${port}` })),
      },
    ]),
  ),
  routes: CASES.map(({ name }) => ({ id: name, path: `/${name}/*`, pool: name, webSocket: "pass", limits: [] })),
});

type Ground = {
  readonly plane: BenchPlane;
  readonly cookies: readonly string[];
  readonly folder: string;
  readonly ports: readonly number[];
};

async function play(one: Case, { plane, cookies, folder, ports }: Ground): Promise<FaultRow> {
  await using ending = new AsyncDisposableStack();
  const [victim = 0, ...others] = ports;
  const pid = await launchOrigin(victim, one.fault === "one slow" ? LAG_MS * SLOW_TIMES : LAG_MS, { folder, ending });
  for (const port of others) await launchOrigin(port, LAG_MS, { folder, ending });
  const requestPath = `/${one.name}/page`;
  for (const port of plane.ports) await waitUntilServing(port, requestPath);
  const load = sendAtFixedRate({ ...LOAD, ports: plane.ports, path: requestPath, cookies });
  await delay(FAULT_AFTER_MS);
  const noticed = await BREAK[one.fault]({ port: victim, pid }, ending);
  const { latency, errors } = await load;
  const requests = LOAD.requestsPerSecond * LOAD.seconds;
  const [p50Ms, p99Ms] = [quantileMs(latency, 0.5), quantileMs(latency, 0.99)];
  return { ...one, requests, lost: errors, p50Ms, p99Ms, noticedMs: await noticed() };
}

type Place = { readonly folder: string; readonly ending: Ending };

async function launchOrigin(port: number, lagMs: number, { folder, ending }: Place): Promise<number> {
  const command = [process.execPath, path.join(import.meta.dirname, "frail-origin.ts"), `${port}`, `${lagMs}`] as const;
  const launch = { name: "origin", command, logFile: path.join(folder, "origins.log"), ports: [port] };
  return (await launchProcess(launch, ending)).pid;
}

type Victim = { readonly port: number; readonly pid: number };
/** Breaks the instance; what it returns tells how long after that the last request was sent to it, ms. */
type Break = (victim: Victim, ending: Ending) => Promise<() => Promise<number | undefined>>;

const BREAK: Readonly<Record<Fault, Break>> = {
  "one slow": async () => async () => undefined,
  killed: async ({ port, pid }, ending) => {
    const killedAt = Date.now();
    process.kill(pid, "SIGKILL");
    const attempts = await countAttempts(port, ending);
    return async () => latest(attempts.map((at) => at - killedAt));
  },
  "black hole": async ({ port }) => {
    await ask({ port, path: "/--fall-silent" });
    return async () => latest(JSON.parse((await ask({ port, path: "/--arrivals" })).body) as number[]);
  },
};

const latest = (times: readonly number[]): number => Math.max(0, ...times);

/** In the place of a process that is gone: every connection is counted, and broken at once. */
async function countAttempts(port: number, ending: Ending): Promise<readonly number[]> {
  const attempts: number[] = [];
  const listen = async (): Promise<boolean> => {
    const server = createServer((socket) => {
      attempts.push(Date.now());
      socket.destroy();
    });
    ending.defer(async () => void server.close());
    const { promise, resolve } = Promise.withResolvers<boolean>();
    server.once("error", () => resolve(false)).listen(port, HOST, () => resolve(true));
    return await promise;
  };
  // The port is free once the process has ended.
  while (!(await listen())) await delay(1);
  return attempts;
}
