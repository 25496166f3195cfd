// /api/super/sessions: what an operator does to anyone's sessions. The router has checked the admin secret by then.
// `id` is the object's name, a hash: knowing it gives nobody the session.

import type { IRequestStrict } from "itty-router";
import { ok, type Result, refuse } from "../contracts/refusals.ts";
import { OpenSession, type SessionSnapshot } from "../contracts/session.ts";
import { readBody } from "../http/body.ts";
import { mintCookie, signInHeaders } from "../http/cookies.ts";
import { reply } from "../http/reply.ts";
import { currentConfig } from "../isolate/config-snapshot.ts";
import { callSession } from "../objects.ts";
import { describeSession } from "../policies/sessions/session-record.ts";
import { recordAction } from "./record-action.ts";

/** POST /api/super/sessions: 201 with the session and its cookie; 503 session_keys_unset when none could be signed. */
export const postSession = async (request: IRequestStrict, env: Env, ctx: ExecutionContext): Promise<Response> => {
  const command = await readBody(request, OpenSession);
  const { domain } = await currentConfig(env, ctx);
  const minted = mintCookie(env);
  if (!minted.ok) return reply(request, minted);
  const { name, value } = minted.value;
  const opened = await callSession(env, name, (session) => session.open({ ...command, name }));
  if (!opened.ok) return reply(request, opened);
  await recordAction(env, "session.open", { subject: name, detail: { userId: command.userId } });
  const headers = signInHeaders(request, domain, { value, maxAgeS: secondsToLive(opened.value) });
  return reply(request, toOperator(opened), { status: 201, headers });
};

/** GET /api/super/sessions/{id}: looking does not count as activity. 404 unknown_session, session_expired, session_revoked. */
export const getSessionById = async (request: IRequestStrict, env: Env): Promise<Response> => {
  const id = idOf(request);
  if (id === undefined) return reply(request, refuse("unknown_session"));
  return reply(request, toOperator(await callSession(env, id, (session) => session.read({}))));
};

/** DELETE /api/super/sessions/{id}: 200 when no isolate will use it any longer, 404 unknown_session, 503 revocation_pending. */
export const deleteSession = async (request: IRequestStrict, env: Env): Promise<Response> => {
  const id = idOf(request);
  if (id === undefined) return reply(request, refuse("unknown_session"));
  const revoked = await callSession(env, id, (session) => session.revoke());
  if (!revoked.ok && revoked.code === "unknown_session") return reply(request, revoked);
  await recordAction(env, "session.revoke", { subject: id, detail: { published: revoked.ok } });
  return reply(request, revoked.ok ? ok({ id, revoked: true }) : revoked);
};

/** Anything else names no session, and no object needs to be woken to say so. */
const ID = /^[A-Za-z0-9_-]{43}$/;

const idOf = (request: IRequestStrict): string | undefined => {
  const id = request.params.id;
  return id !== undefined && ID.test(id) ? id : undefined;
};

const toOperator = (session: Result<SessionSnapshot>): Result<unknown> =>
  session.ok ? ok({ id: session.value.name, ...describeSession(session.value) }) : session;

const secondsToLive = (session: SessionSnapshot): number =>
  Math.floor((session.absoluteExpiresAt - session.data.createdAt) / 1_000);
