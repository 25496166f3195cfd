// Finds the route of a request. Runs once per request of the whole plane: map lookups only, no pattern is ever evaluated here.
// The choice is made in two steps so that a request whose route doesn't depend on its session needs none.

import type { SessionCondition } from "../../contracts/config.ts";
import type { SessionData } from "../../contracts/session.ts";
import type { CompiledConfig, CompiledRoute, PathTable } from "./compiled-config.ts";

/** What host and path decide; `chooseRoute` decides the rest. */
export type RouteMatch = {
  /** Whether the visitor's session can change the choice. */
  readonly needsSession: boolean;
  /** The route of a visitor for whom none of `conditional` holds. */
  readonly unconditional: CompiledRoute | undefined;
  /** Routes with a session condition that go before `unconditional` where they hold, in no order. */
  readonly conditional: readonly CompiledRoute[];
};

type Search = { best: CompiledRoute | undefined; conditional: CompiledRoute[] | undefined };

const NONE: readonly CompiledRoute[] = [];

/**
 * `host` in lower case without port (an IPv6 address in brackets), `path` byte for byte without query.
 * Loopback names are the main domain and `x.localhost` is `x.{domain}`: a developer's machine has no other names.
 */
export function matchRoute({ table }: CompiledConfig, host: string, path: string): RouteMatch {
  const search: Search = { best: undefined, conditional: undefined };
  const isRoot = path === "/";
  const exact = table.exactHosts.get(host);
  if (exact !== undefined) searchTable(exact, path, search);
  if (table.wildcardHosts.size > 0) {
    const dot = host.indexOf(".");
    const wildcard = dot > 0 ? table.wildcardHosts.get(host.slice(dot)) : undefined;
    if (wildcard !== undefined && mayWin(wildcard, search, isRoot)) searchTable(wildcard, path, search);
  }
  if (mayWin(table.anyHost, search, isRoot)) searchTable(table.anyHost, path, search);
  const { best, conditional } = search;
  if (conditional === undefined) return { needsSession: false, unconditional: best, conditional: NONE };
  const lifts = isRoot && best?.path !== undefined && table.mainHosts.has(host);
  const eligible = best === undefined ? conditional : conditional.filter((route) => goesBefore(route, best, lifts));
  return { needsSession: eligible.length > 0, unconditional: best, conditional: eligible };
}

/** The route for this visitor, or undefined: 404 `no_route`. `session` is undefined for the anonymous. */
export function chooseRoute(match: RouteMatch, session: SessionData | undefined): CompiledRoute | undefined {
  const { unconditional } = match;
  let held: CompiledRoute | undefined;
  for (const route of match.conditional) {
    if ((held === undefined || route.rank < held.rank) && holds(route.session, session)) held = route;
  }
  if (held === undefined) return unconditional;
  if (unconditional === undefined || held.rank < unconditional.rank) return held;
  return session?.authenticated === true ? held : unconditional;
}

/**
 * By rank; or, at `/` on the main domain, because a signed-in visitor's own route goes before a rule that merely names the path,
 * unless that has the higher priority (M15, M16).
 */
const goesBefore = (route: CompiledRoute, best: CompiledRoute, lifts: boolean): boolean =>
  route.rank < best.rank || (lifts && route.priority >= best.priority);

const mayWin = (table: PathTable, { best }: Search, isRoot: boolean): boolean =>
  best === undefined || isRoot || table.lowestRank < best.rank;

function searchTable(table: PathTable, path: string, search: Search): void {
  const exact = table.exact.get(path);
  if (exact !== undefined) consider(exact, search);
  if (table.prefixLengths.length > 0) searchPrefixes(table, path, search);
  consider(table.any, search);
}

/** Every `/` ends a prefix, and so does the end of the path; lengths that no prefix has are passed over. */
function searchPrefixes({ prefixes, prefixLengths }: PathTable, path: string, search: Search): void {
  const longest = prefixLengths.length - 1;
  for (let end = 0; end <= longest; ) {
    if (prefixLengths[end] === 1) {
      const routes = prefixes.get(path.slice(0, end));
      if (routes !== undefined) consider(routes, search);
    }
    if (end === path.length) return;
    const slash = path.indexOf("/", end + 1);
    end = slash === -1 ? path.length : slash;
  }
}

/** `routes` are sorted by rank: behind an unconditional one, none can win. */
function consider(routes: readonly CompiledRoute[], search: Search): void {
  for (const route of routes) {
    if (route.session === undefined) {
      if (search.best === undefined || route.rank < search.best.rank) search.best = route;
      return;
    }
    if (search.conditional === undefined) search.conditional = [route];
    else search.conditional.push(route);
  }
}

function holds(condition: SessionCondition | undefined, session: SessionData | undefined): boolean {
  if (condition === undefined) return true;
  const isSignedIn = session?.authenticated === true;
  if (condition.authenticated !== undefined && condition.authenticated !== isSignedIn) return false;
  return condition.defaultApp === undefined || session?.preferences?.defaultApp === condition.defaultApp;
}
