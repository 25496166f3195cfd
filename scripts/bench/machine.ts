// Where and with what was measured: the facts without which a number means nothing.

import { readFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";

export type Machine = {
  readonly cores: number;
  readonly cpu: string;
  readonly kernel: string;
  readonly node: string;
  readonly workerd: string;
  /** Of the last minute, before anything was started: how busy others keep this machine. */
  readonly loadAverage: number;
};

export type CpuTimes = { readonly all: number; readonly stolen: number };

/** Of all cores since they were started; undefined where the system doesn't tell. */
export function readCpuTimes(): CpuTimes | undefined {
  try {
    const [, ...times] = (readFileSync("/proc/stat", "latin1").split("\n")[0] ?? "").split(/ +/).map(Number);
    // user nice system idle iowait irq softirq steal; guest times are in user already.
    return { all: times.slice(0, 8).reduce((sum, time) => sum + time, 0), stolen: times[7] ?? 0 };
  } catch {
    return undefined;
  }
}

/** Share of the machine's CPU time that its host gave to others in between. */
export function stolenShare(before: CpuTimes | undefined, after: CpuTimes | undefined): number | undefined {
  if (before === undefined || after === undefined) return undefined;
  return (after.stolen - before.stolen) / Math.max(1, after.all - before.all);
}

export const describeMachine = (): Machine => ({
  cores: os.availableParallelism(),
  cpu: os.cpus()[0]?.model ?? "unknown",
  kernel: `${os.type()} ${os.release()}`,
  node: process.version,
  workerd: versionOf("workerd"),
  loadAverage: os.loadavg()[0] ?? 0,
});

function versionOf(name: string): string {
  const file = path.resolve(import.meta.dirname, "../../node_modules", name, "package.json");
  return (JSON.parse(readFileSync(file, "utf8")) as { readonly version: string }).version;
}
