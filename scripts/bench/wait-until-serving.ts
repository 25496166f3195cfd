// Waits until a route answers on a port: an isolate asks for a changed document when it is next asked itself. Used by sections with a
// document of their own.

import { setTimeout as delay } from "node:timers/promises";
import { BenchProblem } from "./bench-problem.ts";
import { ask } from "./loopback-client.ts";

const SERVING_MS = 15_000;

export async function waitUntilServing(port: number, path: string): Promise<void> {
  for (const deadline = Date.now() + SERVING_MS; (await ask({ port, path })).status !== 200; ) {
    if (Date.now() > deadline) throw new BenchProblem(`the plane on port ${port} doesn't serve ${path}`);
    await delay(50);
  }
}
