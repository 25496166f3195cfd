// A plane under measurement: launched with what it is compared with in one workerd, configured and spoken to through its own API.

import { randomBytes } from "node:crypto";
import { closeSync, mkdirSync, openSync, writeFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { bundleWorkers } from "../start/bundle-workers.ts";
import type { WorkerSpec } from "../start/worker-spec.ts";
import { edgeName, type Fleet, isolateName, workerdConfig } from "../start/workerd-config.ts";
import { launchWorkerd } from "../start/workerd-process.ts";
import { benchDocument, PATHS } from "./bench-document.ts";
import { BenchProblem } from "./bench-problem.ts";
import { type Ending, lastWords, type Running } from "./bench-process.ts";
import { type Answer, ask } from "./loopback-client.ts";

/** workerd holds three files open per live object; a login shell may allow it no more than 1,024. */
const MANY_FILES = ["/bin/sh", "-c", 'ulimit -n 65536 2>/dev/null || ulimit -n "$(ulimit -Hn)"; exec "$0" "$@"'];
const SERVING_MS = 15_000;
const SERVING_POLL_MS = 50;
/** The default of `configFreshnessMs`, and a margin: every isolate asks again before it answers. */
const CONFIG_VISIBLE_MS = 2_100;

export type PlaneSecrets = { readonly ADMIN_SECRET: string; readonly SESSION_KEYS: string };
export const makeSecrets = (): PlaneSecrets => ({
  ADMIN_SECRET: randomBytes(32).toString("base64url"),
  SESSION_KEYS: `k1:${randomBytes(32).toString("base64url")}`,
});

export type PlaneLaunch = {
  /** Everything it writes goes below this folder; objects of an earlier launch are found again. */
  readonly folder: string;
  readonly secrets: PlaneSecrets;
  readonly plane: WorkerSpec;
  readonly backends: readonly WorkerSpec[];
  /** One edge isolate per port. */
  readonly ports: readonly number[];
  readonly fleets: readonly Fleet[];
  readonly host?: { readonly worker: WorkerSpec; readonly port: number };
  /** A tracer's command. */
  readonly under?: readonly string[];
};

export type BenchPlane = Running & {
  readonly ports: readonly number[];
  readonly secrets: PlaneSecrets;
  /** What workerd prints. */
  readonly logFile: string;
};

/** Resolves when all sockets listen. */
export async function launchBenchPlane(launch: PlaneLaunch, ending: Ending): Promise<BenchPlane> {
  const { folder, plane, backends, ports, fleets, host, secrets } = launch;
  const objects = path.join(folder, "objects");
  const build = path.join(folder, "build");
  for (const one of [objects, build]) mkdirSync(one, { recursive: true, mode: 0o700 });
  await bundleWorkers(
    [plane, ...backends, ...fleets.map(({ worker }) => worker), ...(host ? [host.worker] : [])],
    build,
  );
  const layout = { plane, backends, ports, objects, fleets, ...(host && { host }) };
  const configFile = path.join(build, "config.capnp");
  writeFileSync(configFile, workerdConfig(layout));
  const logFile = path.join(folder, "workerd.log");
  const output = openSync(logFile, "a");
  let pid = 0;
  const workerd = launchWorkerd({
    configFile,
    sockets: [
      ...ports.map((_, index) => edgeName(index)),
      ...fleets.flatMap((fleet) => fleet.ports.map((_, index) => isolateName(fleet.name, index))),
    ],
    secrets: new Map(Object.entries(secrets)),
    record: (own) => {
      pid = own;
    },
    output,
    under: [...MANY_FILES, ...(launch.under ?? [])],
  });
  closeSync(output);
  ending.defer(() => workerd.end());
  if (!(await workerd.listening)) throw new BenchProblem(`workerd doesn't start: ${lastWords(logFile)}`);
  return { name: "workerd", pid, ports, secrets, logFile };
}

/** Applies the bench's document and returns when every isolate serves it. */
export async function configure(plane: BenchPlane, origins: readonly string[], sampleRate: number): Promise<void> {
  await callPlane(plane, { method: "PUT", path: "/api/super/config", body: benchDocument(origins, sampleRate) });
  await Promise.all(plane.ports.map((port) => waitUntilServing(port, plane.logFile)));
}

/** Returns when no isolate logs at another rate any more. */
export async function setSampleRate(plane: BenchPlane, sampleRate: number): Promise<void> {
  await callPlane(plane, { method: "PATCH", path: "/api/super/config", body: { log: { sampleRate } } });
  await delay(CONFIG_VISIBLE_MS);
}

async function waitUntilServing(port: number, logFile: string): Promise<void> {
  for (const deadline = Date.now() + SERVING_MS; ; await delay(SERVING_POLL_MS)) {
    const { status, body } = await ask({ port, path: PATHS.leastConnections });
    if (status === 200) return;
    if (Date.now() > deadline)
      throw new BenchProblem(
        `the plane on port ${port} doesn't serve its document: ${status} ${body}\n${lastWords(logFile)}`,
      );
  }
}

type Call = { readonly method: string; readonly path: string; readonly body?: unknown };

/** Throws a BenchProblem with the plane's own words when it refuses. */
export async function callPlane({ ports: [port = 0], secrets }: BenchPlane, call: Call): Promise<Answer> {
  const answer = await ask({ port, ...call, headers: { "X-Admin-Secret": secrets.ADMIN_SECRET } });
  if (answer.status < 300) return answer;
  throw new BenchProblem(`${call.method} ${call.path} is answered ${answer.status}: ${answer.body.slice(0, 500)}`);
}
