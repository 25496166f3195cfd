// Planes as real processes: `npm start`'s script on free ports with a state folder of its own, each in a process group of its own.
// Used by every journey; ends what is left after a file's last test, also when the run is broken off.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll } from "vitest";
import { withGenerousLimits } from "../generous-limits.ts";

const ROOT = path.resolve(import.meta.dirname, "../..");
/** The contract allows 40 s for a first start. */
const READY_MS = 40_000;
const LAST_WORDS_MS = 500;
const FREE_PORT_TRIES = 50;

export const ADMIN_SECRET = "an-admin-secret-for-journeys";
export const SESSION_KEYS = "k1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";

export type StartOptions = {
  /** Default 1. */
  readonly isolates?: number;
  /** The first port; free ones by default. */
  readonly port?: number;
  /** Kept when the plane ends; by default a new one that is removed with it. */
  readonly stateDir?: string;
  /** A document to start with, in which only its own limits are ever met, or the path of a file; by default the example's. */
  readonly config?: object | string;
  /** Added to the environment; undefined removes a variable. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** With an agent of its own, as by default for everybody else: a process more that most journeys don't need. */
  readonly agent?: boolean;
  /** The checkout to start; this one by default. */
  readonly root?: string;
};

export type Ended = {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
};

/** A starter whose plane may or may not come up. */
export type Starter = {
  readonly pid: number;
  readonly port: number;
  readonly stateDir: string;
  readonly stdout: () => string;
  readonly stderr: () => string;
  readonly ended: Promise<Ended>;
  /** Sends a signal to the starter alone. */
  readonly signal: (signal: NodeJS.Signals) => void;
  /** SIGKILL to the whole process group at once; resolves when the starter is gone. */
  readonly kill9: () => Promise<void>;
};

export type Plane = Starter & {
  readonly adminSecret: string;
  /** Where isolate `index` serves (default 0), without a trailing slash. */
  readonly url: (index?: number) => string;
  /** SIGTERM, then waits for the end. */
  readonly stop: () => Promise<Ended>;
};

/** A plane that has said it is ready. Rejects with what it printed when it isn't within 40 s. */
export async function startPlane(options: StartOptions = {}): Promise<Plane> {
  const starter = await spawnStarter(options);
  await waitUntilReady(starter);
  return {
    ...starter,
    adminSecret: options.env?.ADMIN_SECRET ?? ADMIN_SECRET,
    url: (index = 0) => `http://127.0.0.1:${starter.port + index}`,
    stop: () => {
      starter.signal("SIGTERM");
      return starter.ended;
    },
  };
}

/** The starter as soon as it runs. */
export async function spawnStarter(options: StartOptions = {}): Promise<Starter> {
  const { isolates = 1, root = ROOT } = options;
  const port = options.port ?? (await findFreePorts(isolates));
  if (isOver) throw new Error("spawnStarter: the tests of this file are over");
  const scratch = makeScratchDir();
  const stateDir = options.stateDir ?? path.join(scratch, "state");
  const args = ["--isolates", String(isolates), ...configFlags(options.config, scratch)];
  const env = {
    ...cleanEnvironment(),
    PORT: String(port),
    STATE_DIR: stateDir,
    ADMIN_SECRET,
    SESSION_KEYS,
    ...(options.agent !== true && { EXEC_AGENT_URL: "" }),
    ...options.env,
  };
  const child = spawn(process.execPath, [path.join(root, "scripts/start.ts"), ...args], {
    cwd: root,
    env,
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const { stdout, stderr, ended } = collect(child, scratch);
  const pid = child.pid ?? 0;
  groups.add(pid);
  return {
    ...{ pid, port, stateDir, stdout, stderr, ended },
    signal: (signal) => void child.kill(signal),
    kill9: async () => {
      killGroup(pid);
      await ended;
    },
  };
}

/** A folder for one test's files, removed after the file's last test. */
export function makeScratchDir(): string {
  const folder = mkdtempSync(path.join(tmpdir(), "signalbox-journey-"));
  folders.add(folder);
  return folder;
}

/** The first of `count` ports in a row of which none is taken, below those the system hands out by itself. */
export async function findFreePorts(count: number): Promise<number> {
  for (let attempt = 0; attempt < FREE_PORT_TRIES; attempt++) {
    const first = 10_000 + Math.floor(Math.random() * 20_000);
    const free = await Promise.all(Array.from({ length: count }, (_, index) => isFree(first + index)));
    if (!free.includes(false)) return first;
  }
  throw new Error(`findFreePorts: found no ${count} free ports in a row`);
}

/** What run.json says a plane consists of, the starter first. */
export function recordedPids(stateDir: string): readonly number[] {
  const record = JSON.parse(readFileSync(path.join(stateDir, "run.json"), "utf8")) as RunRecord;
  return [record.pid, ...record.children.map((child) => child.pid)];
}
type RunRecord = { readonly pid: number; readonly children: readonly { readonly pid: number }[] };

/** One that has ended and only waits to be reaped is gone. */
export function isAlive(pid: number): boolean {
  try {
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, "latin1"));
  } catch {
    return false;
  }
}

async function waitUntilReady(starter: Starter): Promise<void> {
  const deadline = Date.now() + READY_MS;
  let over: Ended | undefined;
  void starter.ended.then((ended) => {
    over = ended;
  });
  while (!/^signalbox ready on /m.test(starter.stdout())) {
    if (over !== undefined || Date.now() > deadline) {
      await starter.kill9();
      throw new Error(`the plane isn't ready\n${starter.stdout()}${starter.stderr()}`);
    }
    await delay(10);
  }
}

function collect(child: ChildProcess, scratch: string) {
  const said = { stdout: "", stderr: "" };
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    said.stdout += text;
  });
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    said.stderr += text;
  });
  const closed = once(child, "close");
  const ended = once(child, "exit").then(async ([code, signal]): Promise<Ended> => {
    // An orphan keeps the output open after the starter's end.
    await Promise.race([closed, delay(LAST_WORDS_MS)]);
    if (!groupIsAlive(child.pid ?? 0)) groups.delete(child.pid ?? 0);
    removeFolder(scratch);
    return { code, signal, ...said };
  });
  return { stdout: () => said.stdout, stderr: () => said.stderr, ended };
}

function configFlags(config: object | string | undefined, scratch: string): readonly string[] {
  if (config === undefined) return [];
  if (typeof config === "string") return ["--config", config];
  const file = path.join(scratch, "config.jsonc");
  writeFileSync(file, JSON.stringify(withGenerousLimits(config)));
  return ["--config", file];
}

/** Nothing of what a plane reads from its environment comes from that of the tests. */
const cleanEnvironment = (): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(process.env).filter(([name]) => !READ_BY_PLANE.test(name))) as NodeJS.ProcessEnv;
const READ_BY_PLANE = /_API_KEY$|^(?:PORT|STATE_DIR|ENVIRONMENT|DEV_MODE|TRUSTED_HOPS|EXEC_\w+|NODE_OPTIONS)$/;

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  const { promise, resolve } = Promise.withResolvers<boolean>();
  server.once("error", () => resolve(false));
  server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  return await promise;
}

const groups = new Set<number>();
const folders = new Set<string>();
/** A test that timed out or was cancelled may go on in the background: it gets no further plane. */
let isOver = false;
function cleanUp(): void {
  isOver = true;
  for (const group of groups) killGroup(group);
  for (const folder of folders) removeFolder(folder);
}
// After the file's own hooks; and when the run is broken off, which ends this process by a signal and without "exit".
afterAll(cleanUp);
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => {
    cleanUp();
    process.kill(process.pid, signal);
  });
}

/** Zombies count: they are reaped soon. */
function groupIsAlive(group: number): boolean {
  try {
    return group > 1 && process.kill(-group, 0);
  } catch {
    return false;
  }
}

function killGroup(group: number): void {
  try {
    if (group > 1) process.kill(-group, "SIGKILL");
  } catch {
    // It is gone already.
  }
}

function removeFolder(folder: string): void {
  folders.delete(folder);
  rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
}
