// A real HTTP origin for planes to forward to: it says what reached it, and misbehaves on request.

import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { gzipSync } from "node:zlib";
import { WebSocketServer } from "ws";

export type Origin = {
  readonly id: string;
  readonly url: string;
  readonly port: number;
  /** Requests that have arrived, hanging ones included. */
  readonly hits: () => number;
  /** Requests whose body arrived to its end. */
  readonly whole: () => number;
  /** Requests to `/hang` whose connection was closed. */
  readonly cut: () => number;
  /** Refuses connections from now on; open ones are cut. */
  readonly kill: () => Promise<void>;
  /** Listens again on the same port. */
  readonly revive: () => Promise<void>;
};

type Answer = (request: IncomingMessage, response: ServerResponse, id: string) => void | Promise<void>;

/** `lagMs`: how long every answer takes. */
export async function startOrigin(id: string, { lagMs = 0 } = {}): Promise<Origin> {
  let hits = 0;
  let whole = 0;
  let cut = 0;
  const sockets = new Set<Socket>();
  const server = createServer((request, response) => {
    hits++;
    request.once("end", () => whole++);
    response.once("close", () => {
      if (request.url?.startsWith("/hang") === true) cut++;
    });
    const [, name = ""] = (request.url ?? "/").split(/[/?]/);
    const answer = async () => {
      if (lagMs > 0) await new Promise((resolve) => setTimeout(resolve, lagMs));
      await (ANSWERS[name] ?? echo)(request, response, id);
    };
    // A request that breaks off has nobody to answer.
    answer().catch(() => request.socket.destroy());
  });
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  echoWebSockets(server, id);
  const port = await listen(server, 0);
  return {
    id,
    url: `http://127.0.0.1:${port}`,
    port,
    hits: () => hits,
    whole: () => whole,
    cut: () => cut,
    kill: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
    revive: async () => void (await listen(server, port)),
  };
}

const listen = (server: Server, port: number): Promise<number> =>
  new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => resolve((server.address() as AddressInfo).port));
  });

function echoWebSockets(server: Server, id: string): void {
  const sockets = new WebSocketServer({ server, handleProtocols: (offered) => [...offered][0] ?? false });
  sockets.on("connection", (socket, request) => {
    socket.send(JSON.stringify({ origin: id, url: request.url, headers: request.headers }));
    socket.on("message", (data, isBinary) => socket.send(data, { binary: isBinary }));
  });
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

const echo: Answer = async (request, response, id) => {
  const body = await bodyOf(request);
  const sha256 = createHash("sha256").update(body).digest("hex");
  const said = {
    origin: id,
    method: request.method,
    url: request.url,
    rawHeaders: request.rawHeaders,
    headers: request.headers,
    bytes: body.length,
    sha256,
  };
  const text = JSON.stringify(said);
  response.writeHead(200, { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(text) }).end(text);
};

const numberIn = (request: IncomingMessage): number => Number((request.url ?? "").split("/")[2]?.split("?")[0] ?? 0);

/** What /events says to a client that left off at `lastEventId`. */
export const oddEvents = (lastEventId: string): readonly Buffer[] => [
  Buffer.from([0xef, 0xbb, 0xbf]),
  Buffer.from(`: after ${lastEventId}\r\n\r\nid: 8\rda`),
  Buffer.from("ta:no space\ndata\n\n\n\nevent: "),
  Buffer.from([0xf0, 0x9f]),
  Buffer.from([0x9a, 0xa6, 0x0a, 0x00, 0xff, 0xfe, 0x0a]),
  Buffer.from(`data: ${"x".repeat(100_000)}\n\nretry: 10\nid: 9`),
];

const ANSWERS: { readonly [name: string]: Answer } = {
  hang: () => undefined,
  /** Whatever was sent, it was received before the line went dead. */
  reset: async (request) => {
    await bodyOf(request);
    request.socket.resetAndDestroy();
  },
  /** Cut as soon as it begins, whatever of it is still to come. */
  cutoff: (request) => void request.socket.resetAndDestroy(),
  /** A status that no response may have, or a Connection header that names no header. */
  odd: (request) => {
    const status = numberIn(request) || 200;
    request.socket.end(`HTTP/1.1 ${status} Odd\r\nConnection: a b, (x), close\r\nContent-Length: 2\r\n\r\nok`);
  },
  garbage: (request) => void request.socket.end("this is not HTTP\r\n\r\n"),
  status: (request, response) => void response.writeHead(numberIn(request)).end("as asked"),
  /** Undeclared length, in 64 KiB pieces. */
  bytes: async (request, response) => {
    for (let left = numberIn(request); left > 0; left -= 65_536) {
      if (!response.write(Buffer.alloc(Math.min(left, 65_536), "a")))
        await new Promise((resolve) => response.once("drain", resolve));
    }
    response.end();
  },
  declared: (request, response) => {
    const bytes = numberIn(request);
    response.writeHead(200, { "Content-Length": bytes }).end(Buffer.alloc(bytes, "a"));
  },
  gzip: (_, response) => {
    const packed = gzipSync(Buffer.alloc(200_000, "signal"));
    response
      .writeHead(200, { "Content-Encoding": "gzip", "Content-Type": "text/plain", "Content-Length": packed.length })
      .end(packed);
  },
  /** Hop-by-hop headers that must not reach the client. */
  hop: (_, response) =>
    void response
      .writeHead(200, {
        Connection: "X-Hop",
        "X-Hop": "1",
        "Keep-Alive": "timeout=9",
        "Proxy-Authenticate": "Basic",
        "X-Kept": "1",
        "Content-Length": 2,
      })
      .end("ok"),
  redirect: (_, response) => void response.writeHead(302, { Location: "/elsewhere" }).end(),
  /** Declares more than it sends. */
  short: (request, response) => {
    response.writeHead(200, { "Content-Length": 100_000 });
    response.write("only this");
    setTimeout(() => request.socket.destroy(), 50);
  },
  /** One chunk, then silence. */
  stall: (_, response) => {
    response.writeHead(200, { "Content-Type": "application/octet-stream" });
    response.write("first");
  },
  /** `/sse/N`: N events 50 ms apart. */
  sse: async (request, response) => {
    response.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-cache" });
    const last = Number(request.headers["last-event-id"] ?? 0);
    for (let event = last + 1; event <= numberIn(request); event++) {
      response.write(`id: ${event}\ndata: ${Date.now()}\n\n`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    response.end();
  },
  /** Events as they may be, but seldom are, in pieces that end anywhere; then silence. */
  events: async (request, response) => {
    response.writeHead(200, { "Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-store" });
    for (const piece of oddEvents(String(request.headers["last-event-id"]))) {
      response.write(piece);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  },
  /** Answers after N ms. */
  slow: (request, response) =>
    void setTimeout(() => response.writeHead(200, { "Content-Length": 4 }).end("slow"), numberIn(request)),
};
