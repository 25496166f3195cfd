// What it costs a WebSocket to be relayed instead of passed through: echoes per second over a few busy sockets, the two ways and directly
// in turn, in random order.

import { mkdirSync } from "node:fs";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import WebSocket from "ws";
import type { ConfigDocument } from "../../src/contracts/config.ts";
import { HOST } from "../start/ports.ts";
import { callPlane, launchBenchPlane, type PlaneSecrets } from "./bench-plane.ts";
import { type Ending, launchProcess } from "./bench-process.ts";
import type { BenchWorkers } from "./bench-workers.ts";
import { findFreePorts } from "./free-ports.ts";
import { shuffled } from "./statistics.ts";
import { waitUntilServing } from "./wait-until-serving.ts";

const WAYS = ["direct", "pass", "relay"] as const;
type Way = (typeof WAYS)[number];

/** Echoes per second, one number a round. */
export type SocketRow = { readonly way: Way; readonly echoesPerSecond: readonly number[] };

export type SocketPlan = {
  readonly folder: string;
  readonly workers: BenchWorkers;
  readonly secrets: PlaneSecrets;
  readonly rounds: number;
  readonly seconds: number;
  readonly print: (line: string) => void;
};

const SOCKETS = 16;
/** Of each socket, on their way at one time. */
const WINDOW = 4;
const MESSAGE = "x".repeat(64);

export async function measureSockets(plan: SocketPlan, outer: Ending): Promise<readonly SocketRow[]> {
  const ending = new AsyncDisposableStack();
  outer.defer(() => ending.disposeAsync());
  const { workers, secrets, rounds, seconds, print } = plan;
  const folder = path.join(plan.folder, "sockets");
  mkdirSync(folder, { recursive: true });
  const [port = 0, edge = 0] = await findFreePorts(2);
  const command = [process.execPath, path.join(import.meta.dirname, "echo-origin.ts"), `${port}`] as const;
  await launchProcess({ name: "echo", command, logFile: path.join(folder, "echo.log"), ports: [port] }, ending);
  const launch = { folder, secrets, plane: workers.plane, backends: workers.backends, fleets: [], ports: [edge] };
  const plane = await launchBenchPlane(launch, ending);
  await callPlane(plane, { method: "PUT", path: "/api/super/config", body: documentOf(port) });
  for (const way of ["pass", "relay"]) await waitUntilServing(edge, `/${way}/x`);
  const urlOf = (way: Way) => `ws://${HOST}:${way === "direct" ? port : edge}/${way}/x`;
  const echoes: Record<Way, number[]> = { direct: [], pass: [], relay: [] };
  for (const way of WAYS) await countEchoes(urlOf(way), 1);
  for (let round = 1; round <= rounds; round++)
    for (const way of shuffled(WAYS)) {
      const perSecond = await countEchoes(urlOf(way), seconds);
      echoes[way].push(perSecond);
      print(
        `round ${round}/${rounds}  sockets ${way.padEnd(6)} ${Math.round(perSecond).toLocaleString("en")} echoes/s`,
      );
    }
  await ending.disposeAsync();
  return WAYS.map((way) => ({ way, echoesPerSecond: echoes[way] }));
}

const documentOf = (port: number): ConfigDocument => ({
  log: { sampleRate: 0 },
  pools: { echo: { instances: [{ id: "echo", url: `http://${HOST}:${port}` }] } },
  routes: (["pass", "relay"] as const).map((webSocket) => ({
    id: webSocket,
    path: `/${webSocket}/*`,
    pool: "echo",
    webSocket,
    limits: [],
  })),
});

async function countEchoes(url: string, seconds: number): Promise<number> {
  const sockets = await Promise.all(Array.from({ length: SOCKETS }, () => open(url)));
  let echoes = 0;
  const beganAt = performance.now();
  for (const socket of sockets) {
    socket.on("message", () => {
      echoes++;
      socket.send(MESSAGE);
    });
    for (let sent = 0; sent < WINDOW; sent++) socket.send(MESSAGE);
  }
  await delay(seconds * 1_000);
  const perSecond = (echoes * 1_000) / (performance.now() - beganAt);
  await Promise.all(sockets.map(end));
  return perSecond;
}

async function open(url: string): Promise<WebSocket> {
  const socket = new WebSocket(url, { perMessageDeflate: false });
  await new Promise((resolve, reject) => socket.once("open", resolve).once("error", reject));
  return socket;
}

async function end(socket: WebSocket): Promise<void> {
  const closed = new Promise((resolve) => socket.once("close", resolve));
  socket.removeAllListeners("message").close();
  await closed;
}
