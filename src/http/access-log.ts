// One JSON line per request, and another when a WebSocket it was relayed as has ended, for `wrangler tail` and for people. Holds no header values but the request's own id:
// secrets and cookies cannot get in (D16).

import { log } from "../log.ts";

export type AccessLine = {
  readonly requestId: string;
  readonly method: string;
  readonly host: string;
  /** Without the query, which may hold tokens. */
  readonly path: string;
  readonly clientIp: string;
  readonly status: number;
  /** Until the response headers. */
  readonly ms: number;
  readonly route?: string | undefined;
  readonly pool?: string | undefined;
  readonly instance?: string | undefined;
  readonly tries?: number | undefined;
  /** Of a request that was hedged: whether the second try's answer came first. */
  readonly hedge?: "won" | "lost" | undefined;
  readonly lease?: string | undefined;
  readonly leaseAgeMs?: number | undefined;
  readonly configVersion?: number | undefined;
  /** The limit that refused, and those in shadow that would have. */
  readonly limitedBy?: string | undefined;
  readonly overrun?: readonly string[] | undefined;
  readonly stale?: readonly string[] | undefined;
  readonly failed?: readonly string[] | undefined;
  readonly why: string;
  /** The route's own rules, in DEV_MODE. */
  readonly rules?: object;
};

/** Whether a request's line is written: `sampleRate` of 0 to 1 decides, but errors always are. */
export const isLogged = (status: number, sampleRate: number): boolean =>
  status >= 500 || sampleRate === 1 || (sampleRate > 0 && Math.random() < sampleRate);

export const writeAccessLine = (line: AccessLine): void => log(line.status >= 500 ? "error" : "info", "request", line);

/** `requestId` is that of the line its upgrade wrote. */
export type SocketLine = Pick<
  AccessLine,
  "requestId" | "host" | "path" | "clientIp" | "route" | "pool" | "instance"
> & {
  /** From the request to the socket's end. */
  readonly ms: number;
  readonly endedBy: "client" | "instance" | "relay";
  /** As the side that ended it said: 1005 for none, 1006 where it was lost. */
  readonly code: number;
  readonly fromClient: { readonly messages: number; readonly bytes: number };
  readonly fromInstance: { readonly messages: number; readonly bytes: number };
  readonly pings: number;
};

export const writeSocketLine = (line: SocketLine): void => log("info", "socket", line);
