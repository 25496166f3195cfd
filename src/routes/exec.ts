// /api/super/users/{userId}/exec: has commands run for a user and tells what came of them (C19–C20). The router has checked the admin
// secret by then. Every call asks the user's own object, so another user's exec is never found.

import type { IRequestStrict } from "itty-router";
import * as v from "valibot";
import {
  type ExecAcceptance,
  ExecId,
  ExecRequest,
  ExecStatus,
  isTerminal,
  type SubmitExec,
} from "../contracts/exec.ts";
import { ok, type Result, refuse } from "../contracts/refusals.ts";
import { readBody } from "../http/body.ts";
import { HttpError } from "../http/http-error.ts";
import { idempotencyKeyOf } from "../http/idempotency-key.ts";
import { readQuery, wholeNumber } from "../http/query.ts";
import { reply } from "../http/reply.ts";
import { callExecs } from "../objects.ts";
import { orderText, toOrder } from "../policies/exec/exec-order.ts";
import { knownUser, readUserId } from "./known-user.ts";

/** How long exec-sync waits before it answers where to ask. */
const SYNC_MS_MAX = 20_000;

const Listing = v.strictObject({
  status: v.optional(ExecStatus),
  limit: v.optional(wholeNumber(1, 100), "100"),
  before: v.optional(wholeNumber(0, Number.MAX_SAFE_INTEGER)),
});
const OutputPage = v.strictObject({
  after: v.optional(wholeNumber(0, Number.MAX_SAFE_INTEGER), "0"),
  waitMs: v.optional(wholeNumber(0, 20_000), "0"),
});

const pollUrl = (userId: string, execId: string): string =>
  `/api/super/users/${encodeURIComponent(userId)}/exec/${execId}/status`;

/** POST …/exec {command | argv, timeout?, env?, workingDir?, execId?}: 202 {execId, status, pollUrl} as soon as it is reserved; 409 idempotency_mismatch. */
export const postExec = async (request: IRequestStrict, env: Env): Promise<Response> =>
  replyAccepted(request, await submit(request, env));

/** POST …/exec-sync: the same, answered with the exec once it has ended; after 20 s like …/exec. */
export const postExecSync = async (request: IRequestStrict, env: Env): Promise<Response> => {
  const untilMs = Date.now() + SYNC_MS_MAX;
  const accepted = await submit(request, env);
  if (!accepted.ok) return reply(request, accepted);
  const { userId, execId } = accepted.value;
  // No output has this seq, so only the end is waited for.
  const follow = { execId, after: Number.MAX_SAFE_INTEGER, waitMs: Math.max(0, untilMs - Date.now()) };
  const output = await callExecs(env, userId, (execs) => execs.follow(follow));
  if (!output.ok) return reply(request, output);
  const { status } = output.value.exec;
  if (!isTerminal(status)) return replyAccepted(request, ok({ userId, execId, status }));
  return await replyExec(request, env, { userId, execId });
};

/** GET …/exec/{execId}/status: ExecResult with its pollUrl; 404 unknown_exec, of another user's too. */
export const getExecStatus = (request: IRequestStrict, env: Env): Promise<Response> =>
  replyExec(request, env, execOf(request));

/** GET …/exec/{execId}/output?after&waitMs: ExecOutput, in pages of about 512 KiB; waits for output at most `waitMs`. */
export const getExecOutput = async (request: IRequestStrict, env: Env): Promise<Response> => {
  const { userId, execId } = execOf(request);
  const page = readQuery(request, OutputPage);
  return reply(request, await callExecs(env, userId, (execs) => execs.follow({ execId, ...page })));
};

/** GET …/exec?status&limit&before: {execs}, newest first, without output. */
export const listExecs = async (request: IRequestStrict, env: Env): Promise<Response> => {
  const { status, limit, before } = readQuery(request, Listing);
  const which = { limit, ...(status !== undefined && { status }), ...(before !== undefined && { before }) };
  return reply(request, ok({ execs: await callExecs(env, userOf(request), (execs) => execs.list(which)) }));
};

/** DELETE …/exec/{execId}: 202, it is being stopped; 200 where it has been; 409 exec_ended. */
export const cancelExec = async (request: IRequestStrict, env: Env): Promise<Response> => {
  const { userId, execId } = execOf(request);
  const cancelled = await callExecs(env, userId, (execs) => execs.cancel(execId));
  const status = cancelled.ok && !isTerminal(cancelled.value.status) ? 202 : 200;
  return reply(request, cancelled.ok ? ok({ ...cancelled.value, pollUrl: pollUrl(userId, execId) }) : cancelled, {
    status,
  });
};

/** What a route below …/exec/{execId} speaks of; an id that can't be one is nobody's. Throws HttpError 404. */
export function execOf(request: IRequestStrict): { readonly userId: string; readonly execId: string } {
  const userId = userOf(request);
  const parsed = v.safeParse(ExecId, request.params.execId);
  if (!parsed.success) throw new HttpError("unknown_exec");
  return { userId, execId: parsed.output };
}

/** Whoever was deleted may still be asked about. Throws HttpError 404 unknown_user where nobody can have that id. */
function userOf(request: IRequestStrict): string {
  const id = readUserId(request.params.userId);
  if (!id.ok) throw new HttpError(id.code, id.detail);
  return id.value;
}

type Accepted = ExecAcceptance & { readonly userId: string };

async function submit(request: IRequestStrict, env: Env): Promise<Result<Accepted>> {
  const user = await knownUser(env, request.params.userId);
  if (!user.ok) return refuse(user.code, user.detail, { problems: [{ path: "userId", message: "is not registered" }] });
  const userId = user.value.id;
  const idempotencyKey = idempotencyKeyOf(request);
  const asked = await readBody(request, ExecRequest);
  const order = toOrder(asked);
  const command: SubmitExec = {
    userId,
    // Chosen before the call, which may be repeated when its answer is lost.
    execId: asked.execId ?? crypto.randomUUID(),
    ...(idempotencyKey !== undefined && { idempotencyKey }),
    digest: await digestOf(orderText(order)),
    order,
  };
  const accepted = await callExecs(env, userId, (execs) => execs.submit(command));
  return accepted.ok ? ok({ ...accepted.value, userId }) : accepted;
}

function replyAccepted(request: Request, accepted: Result<Accepted>): Response {
  if (!accepted.ok) return reply(request, accepted);
  const { userId, execId, status } = accepted.value;
  const Location = pollUrl(userId, execId);
  return reply(request, ok({ execId, status, pollUrl: Location }), { status: 202, headers: { Location } });
}

async function replyExec(
  request: Request,
  env: Env,
  { userId, execId }: { readonly userId: string; readonly execId: string },
): Promise<Response> {
  const exec = await callExecs(env, userId, (execs) => execs.read(execId));
  return reply(request, exec.ok ? ok({ ...exec.value, pollUrl: pollUrl(userId, execId) }) : exec);
}

async function digestOf(text: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
