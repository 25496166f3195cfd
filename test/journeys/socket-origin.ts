// A real WebSocket server for planes to relay to: sends back what it hears, and behaves on request as instances do when they end.

import { randomBytes } from "node:crypto";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { type WebSocket, WebSocketServer } from "ws";

export type SocketOrigin = {
  readonly id: string;
  readonly url: string;
  /** Sockets open now. */
  readonly open: () => number;
  /** Text it was sent, commands included. */
  readonly heard: readonly string[];
  /** How sockets ended, as seen from here. */
  readonly closes: readonly (readonly [code: number, reason: string])[];
  /** Of every handshake. */
  readonly handshakes: readonly { readonly url: string; readonly headers: IncomingHttpHeaders }[];
  readonly kill: () => Promise<void>;
};

const MIB = 1_048_576;
/** How long handshakes under /late/ wait. */
export const LATE_MS = 1_000;

/** `close`, `close:code:reason`, `deaf`, `die`, `flood:n` (MiB that no compression makes smaller); the last subprotocol offered is chosen. */
export async function startSocketOrigin(id: string): Promise<SocketOrigin> {
  const server = createServer((_, response) => void response.writeHead(200, { "Content-Length": 2 }).end("ok"));
  const sockets = new WebSocketServer({
    server,
    maxPayload: 64 * MIB,
    handleProtocols: (offered) => [...offered].at(-1) ?? false,
    verifyClient: ({ req }, done) => setTimeout(() => done(true), req.url?.startsWith("/late/") ? LATE_MS : 0),
  });
  sockets.on("headers", (headers) => headers.push(`X-Origin: ${id}`, "Set-Cookie: room=1"));
  const heard: string[] = [];
  const closes: [number, string][] = [];
  const handshakes: { url: string; headers: IncomingHttpHeaders }[] = [];
  sockets.on("connection", (socket, { url = "", headers }) => {
    handshakes.push({ url, headers });
    socket.on("error", () => undefined);
    socket.on("close", (code, reason) => closes.push([code, reason.toString()]));
    socket.on("message", (data, isBinary) => {
      const text = isBinary ? "" : data.toString();
      if (!isBinary) heard.push(text.slice(0, 100));
      const [command = "", ...rest] = text.split(":");
      const act = COMMANDS[command];
      if (act === undefined) socket.send(data, { binary: isBinary });
      else void act(socket, rest);
    });
  });
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(0, "127.0.0.1", resolve);
  await promise;
  return {
    id,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    open: () => sockets.clients.size,
    heard,
    closes,
    handshakes,
    kill: async () => {
      for (const socket of sockets.clients) socket.terminate();
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
}

const COMMANDS: { readonly [name: string]: (socket: WebSocket, rest: readonly string[]) => void | Promise<void> } = {
  close: (socket, [code, reason = ""]) => (code === undefined ? socket.close() : socket.close(Number(code), reason)),
  /** Hears nothing from here on, not even that it should end. */
  deaf: (socket) => socket.pause(),
  die: (socket) => socket.terminate(),
  flood: async (socket, [mib]) => {
    for (let sent = 0; sent < Number(mib) && socket.readyState === socket.OPEN; sent++) {
      socket.send(randomBytes(MIB));
      while (socket.bufferedAmount > 4 * MIB && socket.readyState === socket.OPEN) await delay(1);
    }
  },
};
