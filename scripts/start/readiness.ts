// Waits until every isolate answers `GET /version` with 200: listening alone says nothing about the code behind it.
// Not `/health`, whose limit many isolates or quick restarts would use up.

import { get } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { HOST } from "./ports.ts";
import { StartProblem } from "./start-problem.ts";

const POLL_MS = 20;
const ANSWER_MS = 2_000;
/** Under the 40 s that a first start may take altogether. */
const READY_MS = 30_000;

/** Throws a StartProblem that names the port which never served; gives up quietly when `signal` aborts. */
export async function waitUntilServing(ports: readonly number[], signal: AbortSignal): Promise<void> {
  const deadline = Date.now() + READY_MS;
  await Promise.all(ports.map((port) => waitForPort(port, deadline, signal)));
}

async function waitForPort(port: number, deadline: number, signal: AbortSignal): Promise<void> {
  for (;;) {
    const answer = await askVersion(port);
    if (answer === "200" || signal.aborted) return;
    if (Date.now() > deadline)
      throw new StartProblem(`GET /version on port ${port} isn't answered with 200: ${answer}`);
    await delay(POLL_MS);
  }
}

/** The status, or why there is none. Each call has a connection of its own: a kept one would outlive the answer. */
function askVersion(port: number): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  const request = get({ host: HOST, port, path: "/version", agent: false, timeout: ANSWER_MS }, (response) => {
    response.resume();
    resolve(String(response.statusCode));
  });
  request.on("timeout", () => request.destroy(new Error("no answer in time")));
  request.on("error", (error) => resolve(error.message));
  return promise;
}
