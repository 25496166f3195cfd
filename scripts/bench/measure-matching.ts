// Runs match.ts, which measures what matching a route costs, and reads the lines it prints.

import path from "node:path";
import { runProcess } from "./bench-process.ts";
import type { Matching } from "./targets.ts";

const TIMEOUT_MS = 120_000;
const LINE = /^(\d+) routes: median (\d+) ns/gm;

export async function measureMatching(): Promise<readonly Matching[]> {
  const output = await runProcess([process.execPath, path.join(import.meta.dirname, "match.ts")], TIMEOUT_MS);
  return [...output.matchAll(LINE)].map(([, routes, medianNs]) => ({
    routes: Number(routes),
    medianNs: Number(medianNs),
  }));
}
