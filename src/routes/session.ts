// /api/session: what the holder of a session cookie may see and change. Always asks the session itself, so answers are exact.

import type { IRequestStrict } from "itty-router";
import { ok, type Result, refuse } from "../contracts/refusals.ts";
import { Preferences, type SessionSnapshot } from "../contracts/session.ts";
import { readBody } from "../http/body.ts";
import { sessionNameOf, signOutHeaders } from "../http/cookies.ts";
import { reply } from "../http/reply.ts";
import { demandSameOrigin } from "../http/same-origin.ts";
import { currentConfig } from "../isolate/config-snapshot.ts";
import { callSession } from "../objects.ts";
import { describeSession } from "../policies/sessions/session-record.ts";

/** GET /api/session: 200 with SessionData and both expiries, 401 unauthenticated for everyone else. */
export const getSession = async (request: IRequestStrict, env: Env): Promise<Response> => {
  const name = sessionNameOf(request, env);
  if (name === undefined) return reply(request, refuse("unauthenticated"));
  const session = await callSession(env, name, (object) => object.read({ activeAtMs: Date.now() }));
  return reply(request, toHolder(session));
};

/** POST /api/session/preferences: replaces them; 200 with the session once every isolate will use the new ones. */
export const postPreferences = async (request: IRequestStrict, env: Env, ctx: ExecutionContext): Promise<Response> => {
  demandSameOrigin(request, (await currentConfig(env, ctx)).domain);
  const name = sessionNameOf(request, env);
  if (name === undefined) return reply(request, refuse("unauthenticated"));
  const preferences = await readBody(request, Preferences);
  const session = await callSession(env, name, (object) => object.updatePreferences(preferences));
  return reply(request, toHolder(session));
};

/** POST /api/session/logout: revokes and clears the cookie; 200 also when the session is over already. */
export const logout = async (request: IRequestStrict, env: Env, ctx: ExecutionContext): Promise<Response> => {
  const { domain } = await currentConfig(env, ctx);
  demandSameOrigin(request, domain);
  const name = sessionNameOf(request, env);
  if (name === undefined) return reply(request, refuse("unauthenticated"));
  const revoked = await callSession(env, name, (object) => object.revoke());
  if (!revoked.ok && revoked.code !== "unknown_session") return reply(request, revoked);
  return reply(request, ok({ authenticated: false }), { headers: signOutHeaders(request, domain) });
};

/** A holder learns no more of a session that is over than of one that never was. */
function toHolder(session: Result<SessionSnapshot>): Result<unknown> {
  if (session.ok) return ok(describeSession(session.value));
  return session.code === "change_pending" ? session : refuse("unauthenticated");
}
