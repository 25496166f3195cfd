// The agent's HTTP side: checks the key, reads bodies within bounds, hands each verb to Runs. Holds no state of its own.

import { createHash, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { isRunAsk, isRunId, isRunOrder } from "./run-record.ts";
import type { Runs } from "./runs.ts";
import { describeAgent } from "./version.ts";

/** A command, its arguments and its environment together. */
const BODY_BYTES_MAX = 4_194_304;
const ASKS_MAX = 1_000;
const KEEP_ALIVE_MS = 75_000;
const WAIT_MS_MAX = 30_000;

type Reply = { readonly status: number; readonly body: unknown };

export function createAgentServer(runs: Runs, key: string): Server {
  const isRight = keyCheck(key);
  // A plane that comes again after a while finds its connection open.
  return createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, (request, response) => {
    answer(request, response, { runs, isRight }).then(
      (reply) => send(response, reply),
      (error: unknown) => {
        process.stderr.write(`agent: ${request.method} ${request.url}: ${String(error)}\n`);
        send(response, { status: 503, body: { error: "it could not be done" } });
      },
    );
  });
}

type Means = { readonly runs: Runs; readonly isRight: (offered: string) => boolean };

async function answer(request: IncomingMessage, response: ServerResponse, { runs, isRight }: Means): Promise<Reply> {
  const { method = "", url = "" } = request;
  if (method === "GET" && url === "/version") return { status: 200, body: describeAgent(runs) };
  if (!isRight(request.headers.authorization ?? "")) return { status: 401, body: { error: "the key is not right" } };
  if (method === "GET" && url === "/users") return { status: 200, body: { running: runs.runningByUser } };
  if (method === "POST" && url === "/watch") return await watch(request, response, runs);
  const [, runId = "", verb = ""] = /^\/execs\/([^/]+)(?:\/(stop))?$/.exec(url) ?? [];
  if (!isRunId(runId)) return { status: 404, body: { error: "there is nothing here" } };
  if (method === "PUT" && verb === "") {
    const order = await readJson(request);
    return isRunOrder(order) ? { status: 200, body: await runs.start(runId, order) } : UNFIT;
  }
  if (method === "POST" && verb === "stop") return { status: 200, body: await runs.stop(runId) };
  if (method === "DELETE" && verb === "") {
    await runs.forget(runId);
    return { status: 200, body: null };
  }
  return { status: 405, body: { error: "the method is not allowed here" } };
}

const UNFIT: Reply = { status: 400, body: { error: "the body does not fit" } };

async function watch(request: IncomingMessage, response: ServerResponse, runs: Runs): Promise<Reply> {
  const call = (await readJson(request)) as { readonly runs?: unknown; readonly waitMs?: unknown } | undefined;
  const asks = Array.isArray(call?.runs) ? call.runs : undefined;
  if (asks === undefined || asks.length > ASKS_MAX || !asks.every(isRunAsk)) return UNFIT;
  const waitMs = Math.min(Math.max(Number(call?.waitMs) || 0, 0), WAIT_MS_MAX);
  const leaving = new AbortController();
  response.once("close", () => leaving.abort());
  return { status: 200, body: { runs: await runs.watch(asks, waitMs, leaving.signal) } };
}

/** Undefined for what is too large or no JSON. */
async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > BODY_BYTES_MAX) return undefined;
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString("utf8"));
  } catch {
    return undefined;
  }
}

/** Of the digests, which are of one length: the time it takes tells nothing about the key. */
function keyCheck(key: string): (offered: string) => boolean {
  const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
  const right = digest(`Bearer ${key}`);
  return (offered) => timingSafeEqual(digest(offered), right);
}

function send(response: ServerResponse, { status, body }: Reply): void {
  if (response.destroyed) return;
  response.writeHead(status, { "Content-Type": "application/json" }).end(`${JSON.stringify(body)}\n`);
}
