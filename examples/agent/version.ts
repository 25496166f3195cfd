// What `/version` tells of the agent: what runs, for how long, and what it uses (L72). Public, so it names no user and no command.

import { availableParallelism, loadavg } from "node:os";
import type { Runs } from "./runs.ts";

const VERSION = "1.0.0";

export function describeAgent(runs: Runs) {
  const { rss, heapTotal, heapUsed } = process.memoryUsage();
  const { user, system } = process.cpuUsage();
  return {
    version: VERSION,
    commit: null,
    node: process.version,
    uptime: process.uptime(),
    memory: { rss, heapTotal, heapUsed },
    /** µs of this process; load and processors of the machine. */
    cpu: { user, system, load: loadavg(), processors: availableParallelism() },
    execs: { running: runs.running, kept: runs.kept },
    timestamp: new Date().toISOString(),
  };
}
