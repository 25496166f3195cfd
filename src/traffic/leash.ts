// Ties a WebSocket that will be relayed to its session before anyone hears of it: one that could not be cut when the session is
// revoked is not opened. Other requests, and visitors without a session, pass by at no cost.

import type { Refusal } from "../contracts/refusals.ts";
import { SessionLeash } from "../isolate/sessions/session-leash.ts";
import type { Decision } from "./handle.ts";
import type { Scope } from "./scope.ts";
import type { Trail } from "./trail.ts";

type Outcome = Decision | Refusal;

/** What was decided, or the refusal in its place: unauthenticated when the session is over, object_unavailable when nobody can tell. */
export function leash(scope: Scope, decided: Outcome, trail: Trail): Outcome | Promise<Outcome> {
  if (!decided.ok || !decided.incoming.upgrade || decided.route.webSocket !== "relay") return decided;
  const session = trail.identity?.session;
  return session === undefined ? decided : tie(scope, decided, { trail, session });
}

type Tied = { readonly trail: Trail; readonly session: NonNullable<NonNullable<Trail["identity"]>["session"]> };

async function tie({ env, ctx }: Scope, decision: Decision, { trail, session }: Tied): Promise<Outcome> {
  const opened = await SessionLeash.open({ env, ctx, session });
  if (!opened.ok) return opened;
  trail.leash = opened.value;
  return decision;
}
