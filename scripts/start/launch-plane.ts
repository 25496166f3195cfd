// The steps of a start, in order, and their undoing: prepare everything, launch workerd, serve until told to stop.
// Whatever way it ends, nothing that was started outlives it.

import { once } from "node:events";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { AgentProcess } from "./agent-process.ts";
import { announcement } from "./announcement.ts";
import { copySimulator } from "./bucket-simulator.ts";
import { bundleWorkers } from "./bundle-workers.ts";
import { assertPortsFree, portsOf } from "./ports.ts";
import { type PreparedPlane, preparePlane, withAgent } from "./prepare-plane.ts";
import { waitUntilServing } from "./readiness.ts";
import { endOrphans, removeRunFile, runFileWriter } from "./run-file.ts";
import type { Environment, StartOptions } from "./start-options.ts";
import { StartProblem } from "./start-problem.ts";
import { openStateFolder, type StateFolder } from "./state-folder.ts";
import { edgeName, workerdConfig } from "./workerd-config.ts";
import { launchWorkerd, type WorkerdProcess } from "./workerd-process.ts";

export type PlaneOptions = StartOptions & {
  /** The checkout, absolute. */
  readonly root: string;
  readonly environment: Environment;
};

/** Signals that end workerd at the same time as they reach us: Ctrl-C goes to every process of the terminal's group. */
const SHARED_SIGNALS: readonly string[] = ["SIGINT", "SIGTERM", "SIGHUP"];
const SHARED_SIGNAL_MS = 250;

/** Serves until `stop` aborts. Throws a StartProblem for everything the caller can put right, and if workerd ends by itself. */
export async function launchPlane(options: PlaneOptions, stop: AbortSignal): Promise<void> {
  const state = openStateFolder(options.stateDir);
  try {
    await endOrphans(state.runFile);
    const ports = portsOf(options.port, options.isolates);
    const plane = preparePlane({ ...options, stateIsEmpty: state.isEmpty });
    await assertPortsFree(ports);
    await run({ plane, ports, state, stop }, options.root);
  } finally {
    state.release();
  }
}

async function run({ plane, ports, state, stop }: Omit<Service, "record">, root: string): Promise<void> {
  const record = runFileWriter(state.runFile);
  const agentState = path.join(state.dir, "agent");
  const agent = plane.needsAgent
    ? new AgentProcess({ root, stateDir: agentState, record: (pid) => record("agent", pid) })
    : undefined;
  if (agent !== undefined) process.once("exit", agent.kill);
  // Beside workerd's end, not after it.
  stop.addEventListener("abort", () => void agent?.end(), { once: true });
  try {
    const [url] = await Promise.all([agent?.listen(), bundleWorkers([plane.plane, ...plane.backends], state.build)]);
    const equipped = agent === undefined ? plane : withAgent(plane, { url: url ?? "", key: agent.key });
    writeConfig(equipped, ports, state);
    if (!stop.aborted) await serve({ plane: equipped, ports, state, stop, record });
  } finally {
    // Of a plane that failed, what runs goes on: the next one's agent finds it.
    if (stop.aborted) await agent?.end();
    else agent?.kill();
    removeRunFile(state.runFile);
  }
}

const configOf = (state: StateFolder): string => path.join(state.build, "config.capnp");

function writeConfig({ plane, backends }: PreparedPlane, ports: readonly number[], state: StateFolder): void {
  const { objects, buckets } = state;
  copySimulator(state.build);
  writeFileSync(configOf(state), workerdConfig({ plane, backends, ports, objects, buckets }), { mode: 0o600 });
}

type Service = {
  readonly plane: PreparedPlane;
  readonly ports: readonly number[];
  readonly state: StateFolder;
  readonly stop: AbortSignal;
  readonly record: (name: string, pid: number) => void;
};

async function serve({ plane, ports, state, stop, record }: Service): Promise<void> {
  const workerd = launchWorkerd({
    configFile: configOf(state),
    sockets: ports.map((_, index) => edgeName(index)),
    secrets: plane.secrets,
    record: (pid) => record("workerd", pid),
    experimental: true,
  });
  process.once("exit", workerd.kill);
  try {
    const over = Promise.race([aborted(stop), failed(workerd, ports, stop)]);
    await Promise.race([announceWhenReady(workerd, { plane, ports, state, stop, record }), over]);
    await over;
  } finally {
    await workerd.end();
  }
}

async function announceWhenReady(workerd: WorkerdProcess, { plane, ports, state, stop }: Service): Promise<void> {
  if (!(await workerd.listening)) return;
  await waitUntilServing(ports, stop);
  if (stop.aborted) return;
  const lines = announcement({ ports, stateDir: state.dir, secret: plane.secret, app: plane.app });
  process.stdout.write(`${lines.join("\n")}\n`);
}

/** Resolves when asked to stop. */
async function aborted(stop: AbortSignal): Promise<void> {
  if (!stop.aborted) await once(stop, "abort");
}

/** Rejects when workerd ends although nobody asked; never resolves before `stop` aborts. */
async function failed(workerd: WorkerdProcess, ports: readonly number[], stop: AbortSignal): Promise<void> {
  const how = await workerd.ended;
  // Whichever of us hears of a shared signal first, it was a request to stop.
  if (SHARED_SIGNALS.includes(how)) await Promise.race([aborted(stop), delay(SHARED_SIGNAL_MS)]);
  if (stop.aborted) return;
  // Someone may have taken a port since it was checked.
  if (!(await workerd.listening)) await assertPortsFree(ports);
  throw new StartProblem(`workerd ended by itself (${how})`);
}
