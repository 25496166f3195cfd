// Who is asking, and what the backend is told of it. A visitor without a session cookie costs nothing,
// and where no candidate route asks who it is, nobody is asked.

import { ANONYMOUS, type Identity, identify as identifySession } from "../isolate/session-snapshots.ts";
import type { RouteMatch } from "../policies/routing/match-route.ts";
import { isPlainLoopback, mentionsSession, splitCookies } from "../policies/sessions/session-cookie.ts";
import type { Incoming } from "./sanitise.ts";
import type { Scope } from "./scope.ts";
import type { Trail } from "./trail.ts";

export type Visit = { readonly incoming: Incoming; readonly match: RouteMatch };

/** Also writes X-Session-* (M23 to M26) and what remains of Cookie into the headers to be forwarded. */
export async function identify(scope: Scope, { incoming, match }: Visit, trail: Trail): Promise<Identity> {
  const { cookie, headers, address } = incoming;
  headers["x-session-authenticated"] = "false";
  if (cookie === undefined) return ANONYMOUS;
  if (!mentionsSession(cookie)) {
    headers.cookie = cookie;
    return ANONYMOUS;
  }
  const loopback = isPlainLoopback(address.scheme, address.host);
  if (!asksWho(match)) {
    setCookie(headers, splitCookies(cookie, loopback).rest);
    return ANONYMOUS;
  }
  const { env, ctx } = scope;
  const identity = await identifySession({
    cookieHeader: cookie,
    loopback,
    freshnessMs: freshnessOf(match),
    env,
    ctx,
    nowMs: trail.startedAtMs,
  });
  trail.sessionStale = identity.stale;
  describe(identity, headers);
  return identity;
}

function describe(identity: Identity, headers: Incoming["headers"]): void {
  const { authenticated, userId, username } = identity.headers;
  headers["x-session-authenticated"] = authenticated;
  if (userId !== undefined) headers["x-session-user-id"] = userId;
  if (username !== undefined) headers["x-session-username"] = username;
  setCookie(headers, identity.cookie);
}

function setCookie(headers: Incoming["headers"], cookie: string): void {
  if (cookie !== "") headers.cookie = cookie;
}

/** A route with `auth: "none"` is told nothing of its visitors, unless the choice of the route itself needs it. */
const asksWho = (match: RouteMatch): boolean =>
  match.needsSession || (match.unconditional !== undefined && match.unconditional.auth !== "none");

/** The strictest of the routes this request may take. */
function freshnessOf(match: RouteMatch): number {
  let freshnessMs = match.unconditional?.sessionFreshnessMs ?? Number.POSITIVE_INFINITY;
  for (const route of match.conditional) freshnessMs = Math.min(freshnessMs, route.sessionFreshnessMs);
  return freshnessMs;
}
