// An open-loop client: sends requests at a fixed rate whatever the answers do, over kept connections, and times each from
// the moment it was due, so that a stall is not hidden by the requests it held back. Spins instead of sleeping: a
// timer's millisecond would send in bursts and measure the queue they make.

import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { HOST } from "../start/ports.ts";
import { BROWSER_HEADERS } from "./browser-headers.ts";
import type { Histogram } from "./statistics.ts";

export type FixedRate = {
  readonly ports: readonly number[];
  readonly path: string;
  readonly requestsPerSecond: number;
  readonly seconds: number;
  /** Answers to what is due in these first seconds are not timed: they show a load that begins, not one that lasts. */
  readonly leadSeconds: number;
  readonly connections: number;
  /** Cookie headers, used in rotation. */
  readonly cookies: readonly string[];
};
export type FixedRateResult = { readonly latency: Histogram; readonly errors: number };

/** Answers still due when the window is over are waited for this long. */
const LAST_ANSWERS_MS = 5_000;

export async function sendAtFixedRate(plan: FixedRate): Promise<FixedRateResult> {
  const lines = await Promise.all(
    Array.from({ length: plan.connections }, (_, index) => openLine(plan.ports[index % plan.ports.length] ?? 0)),
  );
  try {
    return await run(
      plan,
      lines,
      plan.cookies.map((cookie) => headOf(plan.path, cookie)),
    );
  } finally {
    for (const line of lines) line.socket.destroy();
  }
}

async function run(plan: FixedRate, lines: readonly Line[], heads: readonly string[]): Promise<FixedRateResult> {
  const idle = [...lines];
  const counts = new Map<number, number>();
  let errors = 0;
  let done = 0;
  const finish = (line: Line, failed: boolean) => {
    const micros = Math.round((performance.now() - line.dueAt) * 1_000);
    if (line.dueAt >= timedFrom) counts.set(micros, (counts.get(micros) ?? 0) + 1);
    if (failed) errors++;
    done++;
    // Longest idle first: all connections stay in use.
    idle.push(line);
  };
  const total = Math.round(plan.requestsPerSecond * plan.seconds);
  const intervalMs = 1_000 / plan.requestsPerSecond;
  const startedAt = performance.now();
  const timedFrom = startedAt + plan.leadSeconds * 1_000;
  const giveUpAt = startedAt + plan.seconds * 1_000 + LAST_ANSWERS_MS;
  for (let sent = 0; done < total && performance.now() < giveUpAt; await nextTurn()) {
    for (; sent < total && startedAt + sent * intervalMs <= performance.now(); sent++) {
      const line = idle.shift();
      if (line === undefined) break;
      line.send(heads[sent % heads.length] ?? "", startedAt + sent * intervalMs, finish);
    }
  }
  return { latency: [...counts], errors: errors + total - done };
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

type Finish = (line: Line, failed: boolean) => void;
type Line = {
  readonly socket: Socket;
  dueAt: number;
  send(head: string, dueAt: number, finish: Finish): void;
};

/** One kept connection that carries one request at a time. A broken one never finishes: what it carried counts as an error. */
async function openLine(port: number): Promise<Line> {
  const socket = connect({ port, host: HOST, noDelay: true });
  await once(socket, "connect");
  let received = "";
  let finish: Finish | undefined;
  const line: Line = {
    socket,
    dueAt: 0,
    send(head, dueAt, whenDone) {
      line.dueAt = dueAt;
      finish = whenDone;
      socket.write(`${head}Host: ${HOST}:${port}\r\n\r\n`);
    },
  };
  socket.on("error", () => socket.destroy());
  socket.on("data", (chunk) => {
    received += chunk.toString("latin1");
    const end = answerEnd(received);
    if (end === undefined || received.length < end) return;
    const failed = !received.startsWith("HTTP/1.1 200");
    received = received.slice(end);
    finish?.(line, failed);
  });
  return line;
}

const LAST_CHUNK = "\r\n0\r\n\r\n";

/** Where the answer at the start of `text` ends, as soon as that can be told. Bodies of the bench hold no last chunk's look-alike. */
function answerEnd(text: string): number | undefined {
  const at = text.indexOf("\r\n\r\n");
  if (at < 0) return undefined;
  const [, length] = /^content-length: *(\d+)/im.exec(text.slice(0, at)) ?? [];
  if (length !== undefined) return at + 4 + Number(length);
  const last = text.indexOf(LAST_CHUNK, at);
  return last < 0 ? undefined : last + LAST_CHUNK.length;
}

const headOf = (path: string, cookie: string): string =>
  `GET ${path} HTTP/1.1\r\n${Object.entries({ ...BROWSER_HEADERS, Cookie: cookie })
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join("")}`;
