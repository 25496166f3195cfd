// Brings up everything that is measured by the clock, in the order it depends on one another.

import path from "node:path";
import { type BenchPlane, configure, launchBenchPlane, type PlaneSecrets } from "./bench-plane.ts";
import { BenchProblem } from "./bench-problem.ts";
import { type Ending, launchProcess } from "./bench-process.ts";
import { openSessions } from "./bench-sessions.ts";
import type { BenchWorkers } from "./bench-workers.ts";
import { cookieHeader } from "./browser-headers.ts";
import { compareHeaders, type HeaderComparison } from "./compare-headers.ts";
import { FLEET_SIZE, type Stage } from "./contenders.ts";
import { writeCookies } from "./drive-load.ts";
import { findFreePorts } from "./free-ports.ts";
import { launchProxy, PROXIES } from "./proxies.ts";
import { SeenSessions } from "./seen-sessions.ts";

const ORIGINS = 4;

export type Origins = { readonly ports: readonly number[]; readonly urls: readonly string[] };

export async function launchOrigins(folder: string, ending: Ending): Promise<Origins> {
  const ports = await findFreePorts(ORIGINS);
  const command = [process.execPath, path.join(import.meta.dirname, "origins.ts"), ...ports.map(String)] as const;
  await launchProcess({ name: "origins", command, logFile: path.join(folder, "origins.log"), ports }, ending);
  return { ports, urls: ports.map((port) => `http://127.0.0.1:${port}`) };
}

export type StagePlan = {
  readonly folder: string;
  readonly workers: BenchWorkers;
  readonly secrets: PlaneSecrets;
  readonly origins: Origins;
  readonly sampleRate: number;
  /** How many to open for the groups of many. */
  readonly sessions: number;
  /** Those that an earlier launch in the same folder has opened; empty when there was none. */
  readonly opened: readonly string[];
  readonly print: (line: string) => void;
};

export type ReadyStage = {
  readonly stage: Stage;
  readonly headers: HeaderComparison;
  /** Proxies that don't run here, each with why. */
  readonly absent: readonly string[];
};

export async function launchStage(plan: StagePlan, ending: Ending): Promise<ReadyStage> {
  const { workers, folder, secrets, sampleRate } = plan;
  const [url = 0, echo = 0, oneCommit = 0, ...ports] = await findFreePorts(3 + 3 * FLEET_SIZE);
  const [edges, passThrough, perRequest] = [0, 1, 2].map((n) => ports.slice(n * FLEET_SIZE, (n + 1) * FLEET_SIZE));
  const fleets = [
    { name: "pass-through", worker: workers.passThrough, ports: passThrough ?? [] },
    { name: "per-request", worker: workers.perRequest, ports: perRequest ?? [] },
    { name: "url-pass-through", worker: workers.urlPassThrough, ports: [url] },
    { name: "one-commit", worker: workers.oneCommit, ports: [oneCommit] },
    { name: "pass-through-to-echo", worker: workers.passThroughToEcho, ports: [echo] },
  ];
  const { plane: worker, backends } = workers;
  const launch = { folder, secrets, plane: worker, backends, ports: edges ?? [], fleets };
  const plane = await launchBenchPlane(launch, ending);
  await configure(plane, plan.origins.urls, sampleRate);
  const sessions = plan.opened.length > 0 ? plan.opened : await openNew(plane, plan);
  const { proxies, absent } = await launchProxies(plan, ending);
  const stage: Stage = {
    plane,
    passThrough: passThrough ?? [],
    perRequest: perRequest ?? [],
    urlPassThrough: url,
    oneCommit,
    proxies,
    sampleRate,
    one: writeCookies(path.join(folder, "one.cookies"), sessions.slice(0, 1)),
    many: writeCookies(path.join(folder, "many.cookies"), sessions),
    sessions,
    seen: new SeenSessions(plane, sessions),
  };
  const headers = await compareHeaders(plane.ports[0] ?? 0, echo, cookieHeader(sessions[0] ?? ""));
  return { stage, headers, absent };
}

async function openNew(plane: BenchPlane, { sessions, print }: StagePlan): Promise<readonly string[]> {
  print(`opens ${sessions} sessions`);
  return await openSessions(plane, sessions);
}

type Proxies = { readonly proxies: Stage["proxies"]; readonly absent: readonly string[] };

/** One that is missing, or too old for its configuration, is left out and named. */
async function launchProxies({ folder, origins }: StagePlan, ending: Ending): Promise<Proxies> {
  const ports = await findFreePorts(PROXIES.length);
  const proxies: Stage["proxies"][number][] = [];
  const absent: string[] = [];
  for (const [index, name] of PROXIES.entries()) {
    const place = { name, port: ports[index] ?? 0, originPorts: origins.ports, folder: path.join(folder, name) };
    try {
      proxies.push({ name, port: place.port, process: await launchProxy(place, ending) });
    } catch (error) {
      if (!(error instanceof BenchProblem)) throw error;
      absent.push(`${name}: ${error.message}`);
    }
  }
  return { proxies, absent };
}
