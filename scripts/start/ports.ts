// Asks whether the ports are free before anything is launched, so that a taken one is named and nothing is half up.

import { createServer } from "node:net";
import { errorCode, reasonOf, StartProblem } from "./start-problem.ts";

export const HOST = "127.0.0.1";

/** The ports of a plane: isolate i serves on the i-th. */
export const portsOf = (first: number, count: number): readonly number[] =>
  Array.from({ length: count }, (_, i) => first + i);

export async function assertPortsFree(ports: readonly number[]): Promise<void> {
  for (const port of ports) await assertPortFree(port);
}

async function assertPortFree(port: number): Promise<void> {
  const server = createServer();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", (error) => reject(new StartProblem(explain(port, error))));
  server.listen({ host: HOST, port, exclusive: true }, () => server.close(() => resolve()));
  await promise;
}

const explain = (port: number, error: Error): string =>
  errorCode(error) === "EADDRINUSE" ? `port ${port} is taken` : `port ${port} can't be opened: ${reasonOf(error)}`;
