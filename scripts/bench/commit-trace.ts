// Counts commits from outside: every fsync of workerd, written down by strace with its time and file. With a seccomp filter
// the process stops at these calls only, so it runs at its own speed. Absent where strace is missing or not allowed.

import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { findTool, runProcess } from "./bench-process.ts";
import { isRunning } from "./process-facts.ts";

const TRIAL_MS = 5_000;
const FLUSH_MS = 5_000;
const FLUSH_POLL_MS = 20;
/** `[pid] 1763687254.123456 fsync(52</state/a.sqlite-wal>) = 0`; what resumes later is the same call. */
const SYNC = /^(?:\d+ +)?(\d+\.\d+) (?:fsync|fdatasync)\(\d+<([^>]*)>/gm;
const WAL = "-wal";

/** `atMs`: when it began, epoch ms. `commits`: whether a transaction was made durable by it. */
export type Sync = { readonly atMs: number; readonly commits: boolean };

/** A command to launch workerd under: `-D` keeps workerd a child of its launcher, under the launcher's pid. */
export async function traceCommand(file: string): Promise<readonly string[] | undefined> {
  const strace = findTool("strace");
  if (strace === undefined) return undefined;
  const options = ["-D", "-f", "--seccomp-bpf", "-qq", "-y", "-ttt", "-e", "trace=fsync,fdatasync"];
  try {
    await runProcess([strace, ...options, "-o", "/dev/null", "/bin/sh", "-c", ":"], TRIAL_MS);
  } catch {
    return undefined;
  }
  return [strace, ...options, "-o", file];
}

/** strace writes in blocks and the last one at its end, so this must follow the end of what it traced. */
export async function readSyncs(file: string, tracer: number | undefined): Promise<readonly Sync[]> {
  const deadline = Date.now() + FLUSH_MS;
  while (tracer !== undefined && isRunning(tracer) && Date.now() < deadline) await delay(FLUSH_POLL_MS);
  return parseSyncs(readFileSync(file, "latin1"));
}

/**
 * SQLite syncs the write-ahead log once per commit, once when it begins a log (then the folder) and once when a
 * checkpoint moves it into the database (then the database): objects do the latter two whenever they wake up to write.
 */
export function parseSyncs(text: string): readonly Sync[] {
  const calls = [...text.matchAll(SYNC)].map(([, seconds, file = ""]) => ({ atMs: Number(seconds) * 1_000, file }));
  return calls.map(({ atMs, file }, index) => {
    const database = file.slice(0, -WAL.length);
    const next = calls[index + 1]?.file ?? "";
    const opensOrEnds = next === database || (next !== "" && database.startsWith(`${next}/`));
    return { atMs, commits: file.endsWith(WAL) && !opensOrEnds };
  });
}
