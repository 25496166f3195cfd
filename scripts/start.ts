// `npm start`: the whole plane on this machine, on workerd, its objects on local disk and the examples behind it.
// The entry reads what was asked, lets launch-plane.ts do it, and turns the outcome into lines and an exit code.

import path from "node:path";
import { launchPlane } from "./start/launch-plane.ts";
import { readStartOptions } from "./start/start-options.ts";
import { StartProblem } from "./start/start-problem.ts";

const stop = new AbortController();
// A terminal that is gone must not stop the clean-up halfway.
for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {});
// Ctrl-C reaches the whole group, and npm passes it on once more: being asked again changes nothing.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => stop.abort());

try {
  const root = path.dirname(import.meta.dirname);
  const options = readStartOptions(process.argv.slice(2), process.env, { cwd: process.cwd(), root });
  await launchPlane({ ...options, root, environment: process.env }, stop.signal);
} catch (error) {
  if (!(error instanceof StartProblem)) throw error;
  process.stderr.write(`signalbox: ${error.message}\n`);
  process.exitCode = 1;
}
process.exit();
