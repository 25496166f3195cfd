// STATE_DIR/run.json: which processes a plane consists of. The next start ends those a killed starter left behind.
// Only the holder of the state folder's lock may read or write it.

import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import * as v from "valibot";
import { bootId, type StartTime, startTimeOf } from "./process-identity.ts";
import { errorCode, StartProblem } from "./start-problem.ts";

const Process = v.object({ pid: v.pipe(v.number(), v.integer(), v.minValue(2)), startTime: v.string() });
const RunRecord = v.object({
  ...Process.entries,
  /** The boot in which the start times were counted. */
  boot: v.string(),
  children: v.array(v.object({ ...Process.entries, name: v.string() })),
});
export type RunRecord = v.InferOutput<typeof RunRecord>;

const GONE_WAIT_MS = 5_000;
const GONE_POLL_MS = 10;

/** Written whole or not at all: a start may be killed at any instant. */
export function writeRunFile(file: string, children: readonly { readonly pid: number; readonly name: string }[]): void {
  const identify = <T extends { readonly pid: number }>(one: T) => ({ ...one, startTime: startTimeOf(one.pid) ?? "" });
  const record: RunRecord = { ...identify({ pid: process.pid }), boot: bootId(), children: children.map(identify) };
  writeFileSync(`${file}.new`, `${JSON.stringify(record, null, 2)}\n`, { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

/** Writes down one process after the other, each under its name; the latest of a name counts. */
export function runFileWriter(file: string): (name: string, pid: number) => void {
  const children = new Map<string, number>();
  return (name, pid) => {
    children.set(name, pid);
    writeRunFile(
      file,
      [...children].map(([name, pid]) => ({ name, pid })),
    );
  };
}

export const removeRunFile = (file: string): void => rmSync(file, { force: true });

/** Kills what the record names and is still the same process, and returns when all of it is gone. */
export async function endOrphans(file: string): Promise<void> {
  for (const { pid, startTime } of findOrphans(readRunFile(file))) {
    kill(pid);
    await waitUntilGone(pid, startTime);
  }
  removeRunFile(file);
}

/** Some end by themselves once the others are gone. */
function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if (errorCode(error) !== "ESRCH") throw error;
  }
}

/** A record of an earlier boot names nobody: its pids and start times have been handed out anew. */
function findOrphans(record: RunRecord | undefined): readonly { pid: number; startTime: StartTime }[] {
  if (record === undefined || record.boot !== bootId()) return [];
  return record.children.filter((child) => startTimeOf(child.pid) === child.startTime);
}

/** A missing or unreadable record names nobody: better an orphan than the wrong process. */
function readRunFile(file: string): RunRecord | undefined {
  try {
    return v.parse(RunRecord, JSON.parse(readFileSync(file, "utf8")));
  } catch {
    return undefined;
  }
}

async function waitUntilGone(pid: number, startTime: StartTime): Promise<void> {
  for (const deadline = Date.now() + GONE_WAIT_MS; startTimeOf(pid) === startTime; await delay(GONE_POLL_MS)) {
    if (Date.now() > deadline)
      throw new StartProblem(`process ${pid}, left over from an earlier start, can't be ended`);
  }
}
