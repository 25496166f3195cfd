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
