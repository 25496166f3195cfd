// Child processes of the bench: launched with their output in a file, run to their end, and ended within a bound.
// Must never signal a process it did not start.

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync } from "node:fs";
import { connect } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { HOST } from "../start/ports.ts";
import { BenchProblem } from "./bench-problem.ts";

const KILL_AFTER_MS = 3_000;
const LISTEN_MS = 15_000;
const LISTEN_POLL_MS = 25;
const LAST_WORDS_CHARS = 600;

/** Where a child's clean-up is registered, so that it happens however the bench ends. */
export type Ending = { defer(end: () => Promise<void>): void };
export type Running = { readonly name: string; readonly pid: number };

export type Launch = {
  readonly name: string;
  readonly command: readonly [string, ...string[]];
  readonly logFile: string;
  readonly environment?: Readonly<Record<string, string>>;
  /** Resolves when all of them accept connections. */
  readonly ports: readonly number[];
};

export async function launchProcess(launch: Launch, ending: Ending): Promise<Running> {
  const [file, ...args] = launch.command;
  const log = openSync(launch.logFile, "a");
  const child = spawn(file, args, { stdio: ["ignore", log, log], env: { ...process.env, ...launch.environment } });
  closeSync(log);
  child.on("error", () => {});
  ending.defer(() => endProcess(child));
  await Promise.all(launch.ports.map((port) => waitForPort(port, child, launch)));
  return { name: launch.name, pid: child.pid ?? 0 };
}

async function waitForPort(port: number, child: ChildProcess, { name, logFile }: Launch): Promise<void> {
  for (const deadline = Date.now() + LISTEN_MS; !(await accepts(port)); await delay(LISTEN_POLL_MS)) {
    if (child.pid === undefined || child.exitCode !== null || Date.now() > deadline)
      throw new BenchProblem(`${name} doesn't listen on ${port}: ${lastWords(logFile)}`);
  }
}

export const lastWords = (logFile: string): string => readFileSync(logFile, "utf8").slice(-LAST_WORDS_CHARS).trim();

async function accepts(port: number): Promise<boolean> {
  const socket = connect(port, HOST);
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

/** What it printed, when it has ended; it is killed after `timeoutMs`. */
export async function runProcess(command: readonly [string, ...string[]], timeoutMs: number): Promise<string> {
  const [file, ...args] = command;
  const child = spawn(file, args, { stdio: ["ignore", "pipe", "pipe"], timeout: timeoutMs, killSignal: "SIGKILL" });
  let output = "";
  const collect = (chunk: Buffer) => {
    output += chunk.toString();
  };
  for (const stream of [child.stdout, child.stderr]) stream.on("data", collect);
  const [code] = (await once(child, "close")) as [number | null];
  if (code !== 0) throw new BenchProblem(`${file} ended with ${code}: ${output.slice(-LAST_WORDS_CHARS).trim()}`);
  return output;
}

async function endProcess(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  const timer = setTimeout(() => child.kill("SIGKILL"), KILL_AFTER_MS);
  child.kill("SIGTERM");
  await ended;
  clearTimeout(timer);
}

/** Where a tool is installed, or undefined. */
export function findTool(name: string): string | undefined {
  try {
    return execFileSync("/bin/sh", ["-c", 'command -v "$0"', name], { encoding: "utf8" }).trim() || undefined;
  } catch {
    return undefined;
  }
}
