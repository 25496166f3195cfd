// Tells whether a process that was written down earlier is still that process: a pid alone is soon someone else's.
// Used by run-file.ts and by nothing that must be fast.

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

/** Ticks since boot (field 22 of /proc/PID/stat), or the date `ps` prints where there is no /proc. */
export type StartTime = string;

/** Undefined when there is no such process; one that has ended and only waits to be reaped counts as gone. */
export function startTimeOf(pid: number): StartTime | undefined {
  return process.platform === "linux" ? fromProc(pid) : fromPs(pid);
}

/** Start times repeat from one boot to the next, so they only mean something together with this. */
export function bootId(): string {
  if (process.platform !== "linux") return "";
  return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
}

function fromProc(pid: number): StartTime | undefined {
  try {
    return parseProcStat(readFileSync(`/proc/${pid}/stat`, "latin1"));
  } catch {
    return undefined;
  }
}

/** The second field is the program's name in parentheses and may itself hold spaces and parentheses. */
export function parseProcStat(stat: string): StartTime | undefined {
  const [state, ...rest] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return state === "Z" || state === "X" ? undefined : rest[18];
}

function fromPs(pid: number): StartTime | undefined {
  try {
    const line = execFileSync("ps", ["-o", "stat=,lstart=", "-p", String(pid)], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
    const [state, ...started] = line.trim().split(/\s+/);
    return state?.startsWith("Z") ? undefined : started.join(" ") || undefined;
  } catch {
    return undefined;
  }
}
