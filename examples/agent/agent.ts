// The agent: runs commands on this machine for a plane, by HTTP on loopback, each user in a folder of its own.
// The entry reads its environment, serves until it is told to stop, and then ends what it runs. `npm start` starts it.

import { once } from "node:events";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { createAgentServer } from "./agent-server.ts";
import { Runs } from "./runs.ts";

const HOST = "127.0.0.1";

const key = process.env.AGENT_KEY ?? "";
const stateDir = process.env.AGENT_STATE_DIR ?? "";
if (key === "" || stateDir === "") {
  process.stderr.write("agent: AGENT_KEY and AGENT_STATE_DIR must be set\n");
  process.exit(1);
}

const runs = await Runs.open(path.resolve(stateDir));
const server = createAgentServer(runs, key);
server.listen(Number(process.env.AGENT_PORT) || 0, HOST);
await once(server, "listening");
// Whoever started it reads the port here.
process.stdout.write(`agent listening on http://${HOST}:${(server.address() as AddressInfo).port}\n`);

const stop = Promise.withResolvers<void>();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => stop.resolve());
await stop.promise;
server.close();
await runs.shutDown();
process.exit(0);
