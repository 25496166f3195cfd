// POST /api/super/explain: what would happen to a request and why, by the very steps that traffic takes, without sending anything.
// Takes no lease and counts nothing; a session cookie is looked up as it would be.

import type { IRequestStrict } from "itty-router";
import * as v from "valibot";
import { ok, type Refusal, refuse, statusOf, titleOf } from "../contracts/refusals.ts";
import { readBody } from "../http/body.ts";
import { reply } from "../http/reply.ts";
import { deploymentOf } from "../isolate/deployment.ts";
import { rawPath, readAddress } from "../policies/forwarding/address.ts";
import { mayResend } from "../policies/forwarding/resend.ts";
import type { CompiledRoute } from "../policies/routing/compiled-config.ts";
import { isControlPath } from "../policies/routing/control-paths.ts";
import { chooseRoute, matchRoute, type RouteMatch } from "../policies/routing/match-route.ts";
import { admit } from "./admit.ts";
import { configure } from "./configure.ts";
import { identify } from "./identify.ts";
import { type Incoming, sanitise } from "./sanitise.ts";
import type { Scope } from "./scope.ts";
import { Trail } from "./trail.ts";

const HeaderValue = v.pipe(v.string(), v.maxLength(131_072));
/** A request as `curl` would be told of it; `method` is GET unless given. The Host is the URL's unless a header names another. */
export const ExplainRequest = v.strictObject({
  url: v.pipe(v.string(), v.regex(/^https?:\/\/[^/]/i, "must be an absolute http or https URL"), v.maxLength(16_384)),
  method: v.optional(v.pipe(v.string(), v.regex(/^[A-Za-z]{1,32}$/, "must be a method")), "GET"),
  headers: v.optional(
    v.record(v.pipe(v.string(), v.regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, "must be a header name")), HeaderValue),
    {},
  ),
});
type ExplainRequest = v.InferOutput<typeof ExplainRequest>;

/** What `explain` answers when nothing refuses the request earlier. */
type Explanation = { readonly outcome: "forward" | "refuse" | "control"; readonly [fact: string]: unknown };

export async function explain(request: IRequestStrict, env: Env, ctx: ExecutionContext): Promise<Response> {
  return reply(request, ok(await explainRequest(await readBody(request, ExplainRequest), env, ctx)));
}

async function explainRequest(asked: ExplainRequest, env: Env, ctx: ExecutionContext): Promise<Explanation> {
  const host = hostOf(asked);
  const address = readAddress(asked.url, host);
  // A Request would tidy the URL up before anyone could look at it.
  if (!address.ok) return refused(refuse(address.code));
  if (isControlPath(rawPath(asked.url)))
    return { outcome: "control", path: address.path, why: "the path is reserved for the control surface" };
  const request = new Request(asked.url, { method: asked.method.toUpperCase(), headers: { ...asked.headers, host } });
  const scope: Scope = { request, env, ctx, deployment: deploymentOf(env) };
  const incoming = sanitise(request, scope.deployment);
  if (!incoming.ok) return refused(incoming);
  return await explainIncoming(scope, incoming);
}

async function explainIncoming(scope: Scope, incoming: Incoming): Promise<Explanation> {
  const trail = new Trail(scope.request, Date.now(), scope.deployment.verbose);
  const config = await configure(scope, trail);
  if (config === undefined) return refused(refuse("no_config"));
  const { host, path } = incoming.address;
  const match = matchRoute(config, host, path);
  const identity = await identify(scope, { incoming, match }, trail);
  const session = identity.session?.data;
  const route = chooseRoute(match, session);
  const seen = {
    config: { version: config.version, stale: trail.configStale },
    host,
    path,
    session: session === undefined ? null : { id: identity.session?.name, ...session },
    candidates: candidatesOf(match),
  };
  if (route === undefined) return { ...refused(refuse("no_route")), ...seen };
  const refusal = admit({
    route,
    incoming,
    identity,
    deployment: scope.deployment,
  });
  const known = {
    ...seen,
    route: describeRoute(route),
    pool: describePool(route),
    request: describeRequest(incoming, route),
  };
  return refusal === undefined ? { outcome: "forward", ...known } : { ...refused(refusal), ...known };
}

const refused = (refusal: Refusal): Explanation => ({
  outcome: "refuse",
  code: refusal.code,
  status: statusOf(refusal.code),
  title: titleOf(refusal.code),
});

function hostOf({ url, headers }: ExplainRequest): string {
  const named = Object.entries(headers).find(([name]) => name.toLowerCase() === "host");
  return named?.[1] ?? url.slice(url.indexOf("://") + 3).split(/[/?#]/, 1)[0] ?? "";
}

/** In the order they are tried. */
const candidatesOf = (match: RouteMatch) =>
  [...match.conditional, ...(match.unconditional === undefined ? [] : [match.unconditional])]
    .toSorted((a, b) => a.rank - b.rank)
    .map(({ id, rank, host, path, session, priority }) => ({ id, rank, host, path, session, priority }));

const describeRoute = (route: CompiledRoute) => ({
  id: route.id,
  host: route.host,
  path: route.path,
  session: route.session,
  priority: route.priority,
  auth: route.auth,
  sessionFreshnessMs: route.sessionFreshnessMs,
  webSocket: route.webSocket,
  limits: route.limits,
  timeoutMs: route.timeoutMs,
  tryTimeoutMs: route.tryTimeoutMs,
});

const describePool = ({ pool }: CompiledRoute) => ({
  name: pool.name,
  strategy: pool.strategy,
  decidedBy: pool.instances.length === 1 ? "its only instance" : "the pool's registry, leased to this isolate",
  instances: pool.instances.map(({ id, weight, target }) => ({ id, weight, ...target })),
});

function describeRequest(incoming: Incoming, route: CompiledRoute) {
  const resendable = mayResend({
    method: incoming.method,
    hasIdempotencyKey: incoming.hasIdempotencyKey,
    routeAllows: route.resendNonIdempotent,
    hasBody: incoming.contentLength !== undefined && incoming.contentLength > 0,
    contentLength: incoming.contentLength,
  });
  const { cookie, ...headers } = incoming.headers;
  return {
    method: incoming.method,
    target: route.stripLength === 0 ? incoming.address.target : incoming.address.target.slice(route.stripLength) || "/",
    resendable,
    triesMax: resendable ? route.attemptsMax : 1,
    headers: { ...headers, ...(cookie !== undefined && { cookie: "(present, without ours)" }) },
  };
}
