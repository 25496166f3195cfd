// One workerd: launched only once it is written down, listening as it reports itself, ended within a bound.
// Its output goes straight to ours, so log lines flow at its speed.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";

/** An open WebSocket makes workerd ignore SIGTERM. */
const KILL_AFTER_MS = 3_000;

/**
 * Waits for a line before it becomes workerd (same pid, same start time): a starter killed between creating the process
 * and writing it down takes it along, because the line never comes.
 */
const WAIT_THEN_BECOME = 'read -r _ && exec "$0" "$@"';
/** Where workerd reports which socket listens (`--control-fd`). */
const CONTROL_FD = 3;

export type LaunchOptions = {
  /** Written by workerd-config.ts. */
  readonly configFile: string;
  /** Names of the sockets in it. */
  readonly sockets: readonly string[];
  /** All that workerd sees of the environment. */
  readonly secrets: ReadonlyMap<string, string>;
  /** Writes the process down; it runs nothing before this returns. */
  readonly record: (pid: number) => void;
  /** Where its output goes, as a file descriptor; ours by default. */
  readonly output?: number;
  /** Needed where a Worker has the flag `experimental`, as the simulator of buckets has; the other Workers are none the wiser. */
  readonly experimental?: boolean;
  /** A command that becomes workerd in the same process, such as a tracer: workerd's own command follows it. */
  readonly under?: readonly string[];
};

export type WorkerdProcess = {
  /** Resolves with true when all sockets listen, with false if it ends before. */
  readonly listening: Promise<boolean>;
  /** Resolves with how it ended: an exit code or a signal. */
  readonly ended: Promise<string>;
  /** SIGTERM, and SIGKILL to what is still there after 3 s. Resolves when it is gone. */
  end(): Promise<void>;
  /** For an exit that can wait for nothing. */
  kill(): void;
};

export function launchWorkerd({ configFile, sockets, secrets, record, ...options }: LaunchOptions): WorkerdProcess {
  const { output = "inherit", under = [], experimental = false } = options;
  const flags = [`--control-fd=${CONTROL_FD}`, ...(experimental ? ["--experimental"] : [])];
  const command = [...under, workerdPath(), "serve", configFile, "config", ...flags];
  const child = spawn("/bin/sh", ["-c", WAIT_THEN_BECOME, ...command], {
    env: Object.fromEntries(secrets) as NodeJS.ProcessEnv,
    stdio: ["pipe", output, output, "pipe"],
  });
  const ended = waitForEnd(child);
  const listening = hearAll(child.stdio[CONTROL_FD] as Readable, sockets);
  if (child.pid !== undefined) record(child.pid);
  release(child.stdin);
  return { listening, ended, end: () => end(child, ended), kill: () => void child.kill("SIGKILL") };
}

/** The package says where its binary for this machine is; it has no types. */
function workerdPath(): string {
  const { default: file } = createRequire(import.meta.url)("workerd") as { default: string };
  return file;
}

/** A child that is already gone is reported by its end, not by the broken pipe. */
function release(stdin: Writable | null): void {
  stdin?.on("error", () => {});
  stdin?.end("go\n");
}

async function waitForEnd(child: ChildProcess): Promise<string> {
  try {
    const [code, signal] = (await once(child, "exit")) as [number | null, NodeJS.Signals | null];
    return signal ?? `exit code ${code}`;
  } catch (error) {
    return String(error);
  }
}

/** One JSON line per socket: {"event":"listen","socket":"edge-0","port":8787}. */
async function hearAll(control: Readable, sockets: readonly string[]): Promise<boolean> {
  const silent = new Set(sockets);
  for await (const line of createInterface({ input: control })) {
    const message = JSON.parse(line) as { readonly event: string; readonly socket?: string };
    if (message.event === "listen") silent.delete(message.socket ?? "");
    if (silent.size === 0) return true;
  }
  return false;
}

async function end(child: ChildProcess, ended: Promise<string>): Promise<void> {
  child.kill("SIGTERM");
  const timer = new AbortController();
  const late = delay(KILL_AFTER_MS, true, { signal: timer.signal }).catch(() => false);
  if (await Promise.race([ended.then(() => false), late])) child.kill("SIGKILL");
  timer.abort();
  await ended;
}
