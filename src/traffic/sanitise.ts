// Reads a request once, refuses what two readers could understand differently, and leaves behind everything
// a client has no right to say. What comes out is all that later steps know of the request.

import { type Refusal, refuse } from "../contracts/refusals.ts";
import { isAdminSecret } from "../http/admin.ts";
import { clientIpOf } from "../http/client-ip.ts";
import { clientSchemeOf } from "../http/client-scheme.ts";
import { chooseRequestId } from "../http/request-id.ts";
import type { Deployment } from "../isolate/deployment.ts";
import { type Address, readAddress } from "../policies/forwarding/address.ts";
import { areHeadersTooLarge, headerBytes } from "../policies/forwarding/header-bounds.ts";
import { type HeaderRule, headerRule, nominatedBy } from "../policies/forwarding/header-rule.ts";
import { continueTrace } from "../policies/forwarding/trace-context.ts";

/** A request as the plane believes it. `headers` is what goes to the backend; later steps add to it. */
export type Incoming = {
  readonly ok: true;
  readonly address: Address;
  readonly method: string;
  readonly headers: { [name: string]: string };
  readonly requestId: string;
  readonly clientIp: string;
  readonly cookie: string | undefined;
  readonly contentLength: number | undefined;
  readonly hasIdempotencyKey: boolean;
  /** The client asks for a WebSocket (RFC 6455 §4.1). */
  readonly upgrade: boolean;
  /** Whether the admin secret was presented, in any of its three headers. */
  readonly isAdmin: boolean;
};

/** Behind a proxy that ends TLS, the client's scheme is not the connection's. */
function asClientUsed(address: Address, request: Request, { trustedHops }: Deployment): Address {
  const scheme = clientSchemeOf(request, address.scheme, trustedHops);
  return scheme === address.scheme ? address : { ...address, scheme };
}

/** What one walk over the headers collects. */
class HeaderWalk {
  readonly headers: { [name: string]: string } = {};
  host: string | undefined;
  cookie: string | undefined;
  connection: string | undefined;
  upgrade: string | undefined;
  requestId: string | undefined;
  traceparent: string | undefined;
  contentLength: string | undefined;
  isAdmin = false;
  count = 0;
  bytes = 0;
}

export function sanitise(request: Request, deployment: Deployment): Incoming | Refusal {
  const walk = walkHeaders(request.headers, deployment);
  if (areHeadersTooLarge(walk.count, walk.bytes)) return refuse("headers_too_large");
  const reached = readAddress(request.url, walk.host ?? "");
  if (!reached.ok) return refuse(reached.code);
  const address = asClientUsed(reached, request, deployment);
  // An instance that echoes a TRACE would show the client what was added for the instance alone (RFC 9110 §9.3.8).
  if (request.method === "TRACE") return refuse("method_not_allowed");
  const upgrade = walk.upgrade !== undefined && walk.upgrade.toLowerCase() === "websocket";
  if (upgrade && !isHandshake(request.method, walk, deployment)) return refuse("bad_upgrade");
  if (walk.connection !== undefined) dropNominated(walk);
  const clientIp = clientIpOf(request, deployment);
  const requestId = chooseRequestId(walk.requestId ?? null);
  setOurs(walk, { address, clientIp, requestId, upgrade });
  return {
    ok: true,
    address,
    method: request.method,
    headers: walk.headers,
    requestId,
    clientIp,
    cookie: walk.cookie,
    contentLength: walk.contentLength === undefined ? undefined : Number(walk.contentLength),
    hasIdempotencyKey: walk.headers["idempotency-key"] !== undefined,
    upgrade,
    isAdmin: walk.isAdmin,
  };
}

/**
 * RFC 6455 §4.2.1. Where clients reach this process directly, nobody else has looked: the runtime finds out what lacks a key or
 * speaks another version only when it is answered, and cuts the request off, which then could give nothing back.
 */
const isHandshake = (method: string, { headers }: HeaderWalk, { clientIpSource }: Deployment): boolean =>
  method === "GET" &&
  (clientIpSource !== "peer" ||
    (headers["sec-websocket-key"] !== undefined && headers["sec-websocket-version"] === "13"));

function walkHeaders(headers: Headers, deployment: Deployment): HeaderWalk {
  const walk = new HeaderWalk();
  for (const [name, value] of headers) {
    walk.count++;
    walk.bytes += headerBytes(name, value);
    const rule = ruleOf(name);
    if (rule === "pass") walk.headers[name] = value;
    else if (rule !== "drop") keepOrRead(walk, { name, value, rule }, deployment);
  }
  return walk;
}

type ReadHeader = { readonly name: string; readonly value: string; readonly rule: HeaderRule };

function keepOrRead(walk: HeaderWalk, { name, value, rule }: ReadHeader, deployment: Deployment): void {
  switch (rule) {
    case "host":
      walk.host = value;
      return;
    case "cookie":
      walk.cookie = value;
      return;
    case "connection":
      walk.connection = value;
      return;
    case "upgrade":
      walk.upgrade = value;
      return;
    case "request-id":
      walk.requestId = value;
      return;
    case "traceparent":
      walk.traceparent = value;
      return;
    case "content-length":
      walk.contentLength = value;
      return;
    case "admin-secret":
      walk.isAdmin ||= isAdminSecret(value, deployment.adminSecret);
      return;
    case "credential":
      if (isAdminSecret(value, deployment.adminSecret)) {
        walk.isAdmin = true;
        return;
      }
      // The same header sent twice arrives joined: nobody is let in by that, but the secret goes no further either.
      if (value.split(",").some((one) => isAdminSecret(one.trim(), deployment.adminSecret))) return;
      break;
    case "edge":
      if (deployment.clientIpSource === "peer") return;
      break;
  }
  walk.headers[name] = value;
}

const RULES_MAX = 4_096;
const rules = new Map<string, HeaderRule>();

/** Header names repeat on every request, so each is judged once per isolate; the bound keeps invented names from growing it. */
function ruleOf(name: string): HeaderRule {
  const known = rules.get(name);
  if (known !== undefined) return known;
  const rule = headerRule(name);
  if (rules.size < RULES_MAX) rules.set(name, rule);
  return rule;
}

/** What Connection names ends at this hop (RFC 9110 §7.6.1). */
function dropNominated(walk: HeaderWalk): void {
  for (const name of nominatedBy(walk.connection ?? "")) delete walk.headers[name];
}

type Ours = {
  readonly address: Address;
  readonly clientIp: string;
  readonly requestId: string;
  readonly upgrade: boolean;
};

/** The headers every backend may rely on. Names are lower-case so that they replace what the walk kept. */
function setOurs(walk: HeaderWalk, { address, clientIp, requestId, upgrade }: Ours): void {
  const { headers } = walk;
  headers["x-request-id"] = requestId;
  headers.traceparent = continueTrace(walk.traceparent, crypto.randomUUID());
  headers["x-forwarded-for"] = clientIp;
  headers["x-forwarded-host"] = address.authority;
  headers["x-forwarded-proto"] = address.scheme;
  headers["x-real-ip"] = clientIp;
  if (upgrade) headers.upgrade = "websocket";
}
