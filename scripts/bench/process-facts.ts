// What the kernel says of a running process: CPU time spent, open files and how many it may open. Linux only, undefined elsewhere.

import { readdirSync, readFileSync } from "node:fs";

/** Linux reports process times to user space in these, whatever its own clock does. */
const TICKS_PER_SECOND = 100;
const US_PER_TICK = 1_000_000 / TICKS_PER_SECOND;

/** User and system time of all its threads since it began, in µs. */
export function cpuMicros(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    // The second field is a name in parentheses that may itself hold some; utime and stime are fields 14 and 15.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return (Number(fields[11]) + Number(fields[12])) * US_PER_TICK;
  } catch {
    return undefined;
  }
}

/** Share of the files it may open that are open now; 0 where that can't be known. */
export function descriptorShare(pid: number): number {
  try {
    const [, limit = ""] = /^Max open files\s+(\S+)/m.exec(readFileSync(`/proc/${pid}/limits`, "latin1")) ?? [];
    return readdirSync(`/proc/${pid}/fd`).length / Number(limit);
  } catch {
    return 0;
  }
}

/** Whether it still runs, or what traces it still does. */
export function tracerOf(pid: number): number | undefined {
  try {
    return Number(/^TracerPid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"))?.[1]) || undefined;
  } catch {
    return undefined;
  }
}

export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
