// Counts commits from outside: every fsync and fdatasync of workerd, written down by strace with its time. With a seccomp
// filter the process stops at these calls only, so it runs at its own speed. Absent where strace is missing or not allowed.

import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { findTool, runProcess } from "./bench-process.ts";
import { isRunning } from "./process-facts.ts";

const TRIAL_MS = 5_000;
const FLUSH_MS = 5_000;
const FLUSH_POLL_MS = 20;
/** `[pid] 1763687254.123456 fsync(52) = 0`; what resumes later is the same call. */
const COMMIT = /^(?:\d+ +)?(\d+\.\d+) (?:fsync|fdatasync)\(/gm;

/** A command to launch workerd under: `-D` keeps workerd a child of its launcher, under the launcher's pid. */
export async function traceCommand(file: string): Promise<readonly string[] | undefined> {
  const strace = findTool("strace");
  if (strace === undefined) return undefined;
  const options = ["-D", "-f", "--seccomp-bpf", "-qq", "-ttt", "-e", "trace=fsync,fdatasync"];
  try {
    await runProcess([strace, ...options, "-o", "/dev/null", "/bin/sh", "-c", ":"], TRIAL_MS);
  } catch {
    return undefined;
  }
  return [strace, ...options, "-o", file];
}

/** strace writes in blocks and the last one at its end, so this must follow the end of what it traced. */
export async function readCommitTimes(file: string, tracer: number | undefined): Promise<readonly number[]> {
  const deadline = Date.now() + FLUSH_MS;
  while (tracer !== undefined && isRunning(tracer) && Date.now() < deadline) await delay(FLUSH_POLL_MS);
  return parseCommitTimes(readFileSync(file, "latin1"));
}

/** When each commit began, epoch ms. */
export const parseCommitTimes = (text: string): readonly number[] =>
  [...text.matchAll(COMMIT)].map(([, seconds]) => Number(seconds) * 1_000);
