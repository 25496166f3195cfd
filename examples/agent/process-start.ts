// Tells a process that was written down from another that was given the same pid later: by when it started. And whether anything lives
// on in the group that it led.

import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";

/** Ticks since boot, with the boot they count from; the date `ps` prints where there is no /proc. */
export type ProcessStart = string;

/** Undefined when there is no such process; one that has ended and only waits to be reaped counts as gone. */
export const processStart = (pid: number): ProcessStart | undefined =>
  process.platform === "linux" ? fromProc(pid) : fromPs(pid);

const boot = process.platform === "linux" ? readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim() : "";

/**
 * Of a leader that is gone: somebody may have killed it alone. Nobody is given its pid while its group has members, so they are its own.
 * Known on Linux only, and of this boot.
 */
export function hasLiveGroup(pid: number, start: ProcessStart): boolean {
  if (boot === "" || !start.startsWith(`${boot}/`)) return false;
  try {
    process.kill(-pid, 0);
  } catch {
    return false;
  }
  // Those that only wait to be reaped were found too.
  return readdirSync("/proc").some((name) => /^\d+$/.test(name) && statOf(name)?.group === String(pid));
}

function fromProc(pid: number): ProcessStart | undefined {
  const stat = statOf(pid);
  return stat && `${boot}/${stat.startTicks}`;
}

/** The second field is the program's name in parentheses, which may hold spaces and parentheses itself. Undefined for the dead. */
function statOf(pid: number | string) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    const [state, ...rest] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return state === "Z" || state === "X" ? undefined : { group: rest[1], startTicks: rest[18] };
  } catch {
    return undefined;
  }
}

function fromPs(pid: number): ProcessStart | undefined {
  try {
    const args = ["-o", "stat=,lstart=", "-p", String(pid)];
    const line = execFileSync("ps", args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
    const [state, ...started] = line.trim().split(/\s+/);
    return state?.startsWith("Z") ? undefined : started.join(" ") || undefined;
  } catch {
    return undefined;
  }
}
