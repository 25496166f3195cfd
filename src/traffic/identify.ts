// Who is asking, and what the backend is told of it. A visitor without a session cookie costs nothing,
// and where no candidate route asks who it is, nobody is asked.

import { ANONYMOUS, type Identity, identify as identifySession } from "../isolate/sessions/session-snapshots.ts";
import type { RouteMatch } from "../policies/routing/match-route.ts";
import { isPlainLoopback, mentionsSession, splitCookies } from "../policies/sessions/session-cookie.ts";
import type { Incoming } from "./sanitise.ts";
import type { Scope } from "./scope.ts";
import type { Trail } from "./trail.ts";

export type Visit = { readonly incoming: Incoming; readonly match: RouteMatch };

/** Also writes X-Session-* (M23 to M26) and what remains of Cookie into the headers to be forwarded. At once while all is remembered. */
export function identify(scope: Scope, visit: Visit, trail: Trail): Identity | Promise<Identity> {
  const { headers, cookie = "", address } = visit.incoming;
  const loopback = isPlainLoopback(address.scheme, address.host);
  if (!mentionsSession(cookie)) return describe(anonymous(cookie), headers);
  if (!asksWho(visit.match)) return describe(anonymous(splitCookies(cookie, loopback).rest), headers);
  const { env, ctx } = scope;
  const freshnessMs = freshnessOf(visit.match);
  const identity = identifySession({ cookieHeader: cookie, loopback, freshnessMs, env, ctx, nowMs: trail.startedAtMs });
  return identity instanceof Promise ? identity.then((known) => describe(known, headers)) : describe(identity, headers);
}

const anonymous = (cookie: string): Identity => (cookie === "" ? ANONYMOUS : { ...ANONYMOUS, cookie });

function describe(identity: Identity, headers: Incoming["headers"]): Identity {
  const { authenticated, userId, username } = identity.headers;
  headers["x-session-authenticated"] = authenticated;
  if (userId !== undefined) headers["x-session-user-id"] = userId;
  if (username !== undefined) headers["x-session-username"] = username;
  if (identity.cookie !== "") headers.cookie = identity.cookie;
  return identity;
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
