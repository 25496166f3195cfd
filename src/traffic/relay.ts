// Stands between a client's WebSocket and its instance's: both end here, so the socket is counted, holds its slots until it ends,
// and is cut with its session. Called by settle with an instance's 101.

import { writeSocketLine } from "../http/access-log.ts";
import { HOP_BY_HOP, nominatedBy } from "../policies/forwarding/header-rule.ts";
import type { Hold } from "./hold.ts";
import { RelayedSocket, type SocketEnd } from "./relayed-socket.ts";
import type { Scope } from "./scope.ts";
import type { Trail } from "./trail.ts";

export type Upgraded = {
  readonly instance: WebSocket;
  /** As the instance answered the handshake. */
  readonly headers: Headers;
  readonly hold: Hold;
  /** Whether a line is written when it ends, as one was when it began. */
  readonly isLogged: boolean;
};

/** The client's 101. From here on the socket lives by itself, as long as both sides do. */
export function relay(scope: Scope, trail: Trail, { instance, headers, hold, isLogged }: Upgraded): Response {
  const { 0: theirs, 1: client } = new WebSocketPair();
  const { leash, slots } = trail;
  const socket = new RelayedSocket({ client, instance, leash, closing: hold.closing() });
  const ended = socket.ended.then(() => undefined);
  hold.releaseAfter(ended, scope.ctx);
  slots?.releaseAfter(ended, scope);
  if (isLogged) scope.ctx.waitUntil(socket.ended.then((end) => logSocket(trail, end)));
  return new Response(null, { status: 101, webSocket: theirs, headers: handshakeHeaders(headers, trail.requestId) });
}

/** The subprotocol and whatever else the instance says; what belongs to its own connection the platform says anew. */
function handshakeHeaders(upstream: Headers, requestId: string): Headers {
  const headers = new Headers(upstream);
  const dropped = [...HOP_BY_HOP, ...OWN_TO_EACH_SIDE, ...nominatedBy(upstream.get("Connection") ?? "")];
  for (const name of dropped) headers.delete(name);
  headers.set("X-Request-Id", requestId);
  return headers;
}

const OWN_TO_EACH_SIDE = ["sec-websocket-accept", "sec-websocket-extensions"] as const;

function logSocket(trail: Trail, { by, code, fromClient, fromInstance, pings }: SocketEnd): void {
  writeSocketLine({
    requestId: trail.requestId,
    host: trail.host,
    path: trail.path,
    clientIp: trail.clientIp,
    route: trail.route?.id,
    pool: trail.route?.pool.name,
    instance: trail.instance,
    ms: Date.now() - trail.startedAtMs,
    endedBy: by,
    code,
    fromClient,
    fromInstance,
    pings,
  });
}
