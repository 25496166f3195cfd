// Ports nobody listens on just now. Another process may take one before it is used: then whoever wanted it says so.

import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { HOST } from "../start/ports.ts";

/** All are held open until the last is found, so they differ. */
export async function findFreePorts(count: number): Promise<readonly number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, HOST));
  await Promise.all(servers.map((server) => once(server, "listening")));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => once(server.close(), "close")));
  return ports;
}
