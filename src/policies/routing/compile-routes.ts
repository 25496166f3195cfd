// Turns the document's routes into compiled ones with their patterns, unranked. Routes that can't work are left out and named;
// what would weaken a protection falls to the stricter reading.

import type { ConfigDocument, RouteConfig, SessionCondition } from "../../contracts/config.ts";
import { ATTEMPTS } from "../forwarding/retry-profile.ts";
import type { CompiledLimit } from "../limits/compiled-limit.ts";
import type { CompiledPool, CompiledRoute, HedgeRule } from "./compiled-config.ts";
import { isControlPath } from "./control-paths.ts";
import type { Findings } from "./findings.ts";
import { type HostPattern, type PathPattern, parseHost, parsePath, type Unusable } from "./route-patterns.ts";

/** For a route that names no limits (D65). */
const ROUTE_LIMIT = "general";
const SESSION_FRESHNESS_MS = 1_000;
const TIMEOUT_MS = 60_000;
const TRY_TIMEOUT_MS = 15_000;
const IDLE_TIMEOUT_MS = 60_000;
const BODY_BYTES_MAX = 104_857_600;
const HEDGE_SHARE = 0.02;

/** A route with what ranks it. `position` is its place in the document; exposed pools come after all of them. */
export type Candidate = {
  readonly route: Omit<CompiledRoute, "rank">;
  readonly host: HostPattern;
  readonly path: PathPattern;
  readonly exposed: boolean;
  readonly position: number;
};

export type RouteContext = {
  readonly document: ConfigDocument;
  readonly pools: ReadonlyMap<string, CompiledPool>;
  readonly limits: ReadonlyMap<string, CompiledLimit>;
  readonly findings: Findings;
};

export function compileRoutes(context: RouteContext): Candidate[] {
  const { document, findings } = context;
  const ids = new Set<string>();
  const patterns = new Map<string, Candidate>();
  return (document.routes ?? []).flatMap((route, position) => {
    if (ids.has(route.id))
      findings.problem(["routes", position, "id"], `"${route.id}" is already the id of another route`);
    ids.add(route.id);
    checkLimits(route, position, context);
    const candidate = compileRoute(route, position, context);
    if (candidate === undefined) return [];
    const key = distinction(candidate);
    const twin = patterns.get(key);
    if (twin !== undefined) {
      findings.problem(["routes", position], `no request can tell this route from routes[${twin.position}]`);
      // No path and `/*` still differ in precedence: the one that goes first, be it the stricter, stays in force.
      return twin.path.kind === candidate.path.kind ? [] : [candidate];
    }
    patterns.set(key, candidate);
    return [candidate];
  });
}

/** `/{pool}/*` for every exposed pool, forwarded byte for byte (D36). */
export const exposedRoutes = (context: RouteContext): Candidate[] =>
  [...context.pools.values()]
    .filter((pool) => pool.exposed && !isControlPath(`/${pool.name}`))
    .map((pool, index) => {
      const { document, findings } = context;
      if (isEmpty(pool, document)) {
        findings.problem(["pools", pool.name, "instances"], "is empty, but the pool is exposed");
      }
      const config = { id: `exposed:${pool.name}`, path: `/${pool.name}/*`, pool: pool.name };
      const position = (document.routes?.length ?? 0) + index;
      return {
        route: fields(config, pool, context),
        host: { kind: "any" },
        path: { kind: "prefix", key: `/${pool.name}` },
        exposed: true,
        position,
      };
    });

function compileRoute(route: RouteConfig, position: number, context: RouteContext): Candidate | undefined {
  const { document, findings } = context;
  const place = ["routes", position];
  const pool = context.pools.get(route.pool);
  if (pool === undefined) findings.problem([...place, "pool"], `there is no pool named ${route.pool}`);
  else if (isEmpty(pool, document) && route.backendRequired !== false) {
    findings.problem([...place, "pool"], `${route.pool} has no instances, and backendRequired is not false`);
  }
  checkWebSocket(route, position, findings);
  const host = parseHost(route.host, document.domain);
  if (host.kind === "unusable") findings.problem([...place, "host"], host.why);
  const path = parseRoutePath(route.path);
  if (path.kind === "unusable") findings.problem([...place, "path"], path.why);
  const strips = route.stripPrefix === true;
  if (strips && path.kind !== "prefix") findings.problem([...place, "stripPrefix"], "needs a path that ends in /*");
  const isDead = neverHolds(route.session);
  if (isDead) findings.problem([...place, "session"], "never holds: a visitor without a session has no defaultApp");
  if (pool === undefined || host.kind === "unusable" || path.kind === "unusable" || isDead) return undefined;
  const stripLength = strips && path.kind === "prefix" ? path.key.length : 0;
  return { route: { ...fields(route, pool, context), stripLength }, host, path, exposed: false, position };
}

function parseRoutePath(pattern: string | undefined): PathPattern | Unusable {
  const path = parsePath(pattern);
  const isReserved = (path.kind === "exact" || path.kind === "prefix") && isControlPath(path.key);
  return isReserved ? { kind: "unusable", why: `${path.key} belongs to the control surface` } : path;
}

/** Preferences are a session's, and every session is signed in. */
const neverHolds = (session: SessionCondition | undefined): boolean =>
  session?.authenticated === false && session.defaultApp !== undefined;

/** Declared without a single instance. One whose instances all fail to compile has been named already. */
const isEmpty = (pool: CompiledPool, document: ConfigDocument): boolean =>
  document.pools?.[pool.name]?.instances?.length === 0 && document.pools[pool.name]?.registration === undefined;

/** A socket that is passed can't be cut: an authenticated route says `revocable: false` to accept that. */
function checkWebSocket(route: RouteConfig, position: number, findings: Findings): void {
  const place = ["routes", position, "webSocket"];
  if (route.webSocket === "pass" && isProtected(route) && route.revocable !== false) {
    findings.problem(place, `pass on a route with auth ${route.auth} needs "revocable": false`);
  }
}

const isProtected = (route: RouteConfig): boolean => route.auth === "required" || route.auth === "admin";

function checkLimits(route: RouteConfig, position: number, { limits, findings }: RouteContext): void {
  for (const [index, name] of (route.limits ?? []).entries()) {
    const place = ["routes", position, "limits", index];
    if (!limits.has(name)) findings.problem(place, `there is no limit named ${name}`);
    if (route.limits?.indexOf(name) !== index) findings.problem(place, `${name} is already a limit of this route`);
  }
}

function webSocketOf(route: RouteConfig, pool: CompiledPool): "pass" | "relay" {
  if (isProtected(route)) return route.webSocket === "pass" && route.revocable === false ? "pass" : "relay";
  return route.webSocket ?? (pool.strategy === "least-connections" ? "relay" : "pass");
}

function fields(
  route: RouteConfig,
  pool: CompiledPool,
  { document, limits }: RouteContext,
): Omit<CompiledRoute, "rank"> {
  const poolRetry = document.pools?.[pool.name]?.retry;
  const session = route.session;
  const isConditional = session?.authenticated !== undefined || session?.defaultApp !== undefined;
  const timeoutMs = route.timeoutMs ?? TIMEOUT_MS;
  return {
    id: route.id,
    pool,
    auth: route.auth ?? "optional",
    ...(isConditional && { session }),
    ...(route.host !== undefined && { host: route.host }),
    ...(route.path !== undefined && { path: route.path }),
    priority: route.priority ?? 0,
    stripLength: 0,
    sessionFreshnessMs: route.sessionFreshnessMs ?? document.sessionFreshnessMs ?? SESSION_FRESHNESS_MS,
    timeoutMs,
    tryTimeoutMs: Math.min(timeoutMs, route.tryTimeoutMs ?? TRY_TIMEOUT_MS),
    idleTimeoutMs: route.idleTimeoutMs ?? IDLE_TIMEOUT_MS,
    bodyBytesMax: route.bodyBytesMax ?? BODY_BYTES_MAX,
    retryProfile: route.retry?.profile ?? pool.retryProfile,
    attemptsMax: attemptsOf(route, pool),
    resendNonIdempotent: route.retry?.nonIdempotent ?? poolRetry?.nonIdempotent ?? false,
    ...(route.hedge !== undefined && { hedge: hedgeOf(route.hedge) }),
    webSocket: webSocketOf(route, pool),
    limits: (route.limits ?? [ROUTE_LIMIT]).flatMap((name) => limits.get(name) ?? []),
  };
}

const hedgeOf = ({ afterMs, share = HEDGE_SHARE }: NonNullable<RouteConfig["hedge"]>): HedgeRule => ({
  share,
  ...(afterMs !== undefined && { afterMs }),
});

/** A profile of its own brings its own number of tries. */
const attemptsOf = ({ retry }: RouteConfig, { attemptsMax }: CompiledPool): number =>
  retry?.attempts ?? (retry?.profile === undefined ? attemptsMax : ATTEMPTS[retry.profile]);

/** Equal for routes that hold for the very same requests: a path is never without its `/`. */
const distinction = ({ host, path, route }: Candidate): string =>
  JSON.stringify([
    host.kind,
    host.kind === "any" ? "" : host.key,
    path.kind === "any" ? "prefix" : path.kind,
    path.kind === "any" ? "" : path.key,
    route.session?.authenticated ?? null,
    route.session?.defaultApp ?? null,
  ]);
