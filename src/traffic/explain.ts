// POST /api/super/explain: what would happen to a request and why, by the very steps that traffic takes, without sending anything.
// Takes no lease and counts nothing; the pool's registry is asked who registered and who is out; a session cookie is looked up as it would be.

import * as v from "valibot";
import type { Strategy } from "../contracts/balancing-config.ts";
import type { BreakerNotice } from "../contracts/breaker.ts";
import { ok, type Refusal, refuse, statusOf, titleOf } from "../contracts/refusals.ts";
import { readBody } from "../http/body.ts";
import { reply } from "../http/reply.ts";
import { deploymentOf } from "../isolate/deployment.ts";
import { poolLeases } from "../isolate/pools/leased-pools.ts";
import { membersOf, type PoolMembers } from "../isolate/pools/pool-members.ts";
import { rawPath, readAddress } from "../policies/forwarding/address.ts";
import { ruleFor } from "../policies/limits/compiled-limit.ts";
import type { CompiledRoute } from "../policies/routing/compiled-config.ts";
import { isControlPath } from "../policies/routing/control-paths.ts";
import type { RouteMatch } from "../policies/routing/match-route.ts";
import { refuseForMs } from "./circuit.ts";
import { noneToTry } from "./forward.ts";
import { type Decision, decide } from "./handle.ts";
import { standingsUnder } from "./limit.ts";
import { isResendable, targetOf } from "./parcel.ts";
import type { Incoming } from "./sanitise.ts";
import type { Scope } from "./scope.ts";
import { Trail } from "./trail.ts";

const HeaderValue = v.pipe(
  v.string(),
  v.maxLength(131_072),
  v.regex(/^[\t\x20-\x7e\x80-\xff]*$/, "must be a header value"),
);
/** A request as `curl` would be told of it; `method` is GET unless given. The Host is the URL's unless a header names another. */
const ExplainRequest = v.strictObject({
  url: v.pipe(v.string(), v.regex(/^https?:\/\/[^/]/i, "must be an absolute http or https URL"), v.maxLength(16_384)),
  method: v.optional(
    v.pipe(v.string(), v.regex(/^(?:GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS)$/i, "must be a method that is forwarded")),
    "GET",
  ),
  headers: v.optional(
    v.record(v.pipe(v.string(), v.regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, "must be a header name")), HeaderValue),
    {},
  ),
});
type ExplainRequest = v.InferOutput<typeof ExplainRequest>;

/** What `explain` answers when nothing refuses the request earlier. */
type Explanation = { readonly outcome: "forward" | "refuse" | "control"; readonly [fact: string]: unknown };

export async function explain(request: Request, env: Env, ctx: ExecutionContext): Promise<Response> {
  return reply(request, ok(await explainRequest(await readBody(request, ExplainRequest), env, ctx)));
}

async function explainRequest(asked: ExplainRequest, env: Env, ctx: ExecutionContext): Promise<Explanation> {
  const { url, host } = effectiveUrl(asked);
  const address = readAddress(url, host);
  // A Request would tidy the URL up before anyone could look at it.
  if (!address.ok) return refused(refuse(address.code));
  if (isControlPath(rawPath(url)))
    return { outcome: "control", path: address.path, why: "the path is reserved for the control surface" };
  const headers = new Headers(asked.headers);
  headers.set("Host", host);
  const request = new Request(url, { method: asked.method.toUpperCase(), headers });
  const scope: Scope = { request, env, ctx, deployment: deploymentOf(env) };
  const trail = new Trail(request, Date.now(), false);
  const decision = await decide(scope, trail);
  const members = trail.route && (await membersOf(env, trail.route.pool));
  const seen = { host: address.host, path: address.path, ...describeChoice(trail, headers, members) };
  if (!decision.ok) return { ...refused(decision), ...seen };
  const { incoming, route } = decision;
  const { instances, states } = members ?? NO_MEMBERS;
  const open = instances.filter(({ id }) => !states.has(id)).length;
  if (open === 0) return { ...refused(noneToTry(route.pool)), ...seen };
  const circuit = await lookAtCircuit(scope, decision);
  if (circuit?.state === "open" && circuit.forMs > 0)
    return { ...refused(refuseForMs(circuit.forMs)), ...seen, circuit };
  return { outcome: "forward", ...seen, request: describeRequest(incoming, route, open), ...(circuit && { circuit }) };
}

/** Undefined while the pool's circuit is closed, or where it has no breaker. */
async function lookAtCircuit(
  { env, ctx, deployment }: Scope,
  { config, route: { pool } }: Decision,
): Promise<BreakerNotice | undefined> {
  if (pool.breaker === undefined) return undefined;
  return await poolLeases(env, config, pool, deployment.deployedAt).breaker.look(ctx, Date.now());
}

const NO_MEMBERS: PoolMembers = { instances: [], states: new Map(), restarting: new Set() };

const refused = (refusal: Refusal): Explanation => ({
  outcome: "refuse",
  code: refusal.code,
  status: statusOf(refusal.code),
  title: titleOf(refusal.code),
});

/** As it would arrive: a Host header takes the place of the URL's own. */
function effectiveUrl({ url, headers }: ExplainRequest): { readonly url: string; readonly host: string } {
  const start = url.indexOf("://") + 3;
  const own = url.slice(start).split(/[/?#]/, 1)[0] ?? "";
  const named = Object.entries(headers).find(([name]) => name.toLowerCase() === "host");
  const host = named?.[1] ?? own;
  const rest = url.slice(start + own.length);
  return { url: url.slice(0, start) + host + (rest.startsWith("/") ? rest : `/${rest}`), host };
}

function describeChoice(trail: Trail, headers: Headers, members: PoolMembers = NO_MEMBERS) {
  const { config, configStale, match, identity, route } = trail;
  const { session } = identity ?? {};
  return {
    config: { version: config?.version ?? 0, stale: configStale },
    session: session === undefined ? null : { id: session.name, ...session.data },
    ...(match !== undefined && { candidates: candidatesOf(match) }),
    ...(route !== undefined && {
      route: describeRoute(route),
      pool: describePool(route, members),
      limits: describeLimits(trail, route, headers),
    }),
  };
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
  timeoutMs: route.timeoutMs,
  tryTimeoutMs: route.tryTimeoutMs,
  ...(route.hedge !== undefined && { hedge: route.hedge }),
});

/** Those that count this request, and by which key. */
function describeLimits(trail: Trail, route: CompiledRoute, headers: Headers) {
  const standings = standingsUnder(trail, route, headers);
  if (!standings.ok) return refused(standings);
  return standings.value.map(({ limit, key }) => ({
    name: limit.name,
    key,
    ...ruleFor(limit, key),
    shadow: limit.shadow,
  }));
}

const LEASED = "the pool's registry, leased to this isolate";
const BY_LOAD = "this isolate, by its own requests and what the pool's registry tells of the fleet";
const DECIDED_BY: Readonly<Record<Strategy, string>> = {
  "round-robin": LEASED,
  weighted: LEASED,
  "least-connections": LEASED,
  "health-aware": BY_LOAD,
  "peak-ewma": BY_LOAD,
  hash: "the request's key, by this isolate",
};

const describePool = ({ pool }: CompiledRoute, { instances, states }: PoolMembers) => ({
  name: pool.name,
  strategy: pool.strategy,
  decidedBy: instances.length === 1 ? "its only instance" : DECIDED_BY[pool.strategy],
  ...(pool.hashKey !== undefined && { hash: pool.hashKey }),
  slowStartMs: pool.slowStartMs,
  instances: instances.map(({ id, weight, target, priority, backup }) => {
    const state = states.get(id);
    return {
      id,
      weight,
      ...target,
      ...(priority !== undefined && { priority }),
      ...(backup !== undefined && { backup }),
      ...(state !== undefined && { state }),
    };
  }),
});

function describeRequest(incoming: Incoming, route: CompiledRoute, instances: number) {
  const { contentLength = 0, method } = incoming;
  const resendable = isResendable(incoming, route, contentLength > 0);
  const headers = Object.fromEntries(Object.entries(incoming.headers).filter(([name]) => !PRIVATE.has(name)));
  return {
    method,
    target: targetOf(incoming, route),
    resendable,
    triesMax: resendable ? Math.min(route.attemptsMax, instances) : 1,
    headers,
  };
}

/** Left out of an explanation: it may be shown to others. */
const PRIVATE: ReadonlySet<string> = new Set(["cookie", "authorization", "x-api-key"]);
