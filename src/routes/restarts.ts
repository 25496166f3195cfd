// Restarts of users' executors, as jobs that go on whoever asked for them. The router has checked the admin secret by then.

import type { IRequestStrict } from "itty-router";
import * as v from "valibot";
import { ok, type Result, refuse } from "../contracts/refusals.ts";
import { BulkRestart, type RestartStarted, type StartRestart } from "../contracts/restart-jobs.ts";
import { USERS_MAX } from "../contracts/users.ts";
import { readBody } from "../http/body.ts";
import { idempotencyKeyOf } from "../http/idempotency-key.ts";
import { readQuery, wholeNumber } from "../http/query.ts";
import { reply } from "../http/reply.ts";
import { callDirectory } from "../objects.ts";
import { readUserId } from "./known-user.ts";
import { recordAction } from "./record-action.ts";

const UsersPage = v.strictObject({
  limit: v.optional(wholeNumber(1, 1_000), "100"),
  after: v.optional(wholeNumber(0, USERS_MAX), "0"),
});
const JobId = v.pipe(v.string(), v.uuid());

const jobUrl = (jobId: string): string => `/api/super/jobs/${jobId}`;

/** POST /api/super/users/{id}/restart-async: 202 {jobId, userId, checkStatusUrl, pollUrl}; 404 unknown_user. */
export const restartUser = async (request: IRequestStrict, env: Env): Promise<Response> => {
  const id = readUserId(request.params.id);
  if (!id.ok) return reply(request, id);
  const started = await start(request, env, { userIds: [id.value], delayMs: 0 });
  if (!started.ok) return reply(request, started.code === "unknown_user" ? refuse("unknown_user") : started);
  const { jobId } = started.value;
  const told = { jobId, userId: id.value, checkStatusUrl: jobUrl(jobId), pollUrl: jobUrl(jobId) };
  return reply(request, ok(told), { status: 202, headers: { Location: jobUrl(jobId) } });
};

/** POST /api/super/bulk/restart {userIds?, delayMs?}: 202 {jobId, pollUrl, users}; 404 unknown_user with each place, 409 idempotency_mismatch. */
export const restartUsers = async (request: IRequestStrict, env: Env): Promise<Response> => {
  const started = await start(request, env, await readBody(request, BulkRestart));
  if (!started.ok) return reply(request, started);
  const { jobId, users } = started.value;
  const told = { jobId, pollUrl: jobUrl(jobId), users };
  return reply(request, ok(told), { status: 202, headers: { Location: jobUrl(jobId) } });
};

/** GET /api/super/jobs/{jobId}?limit&after: RestartJob with a page of its users; 404 unknown_job. */
export const getJob = async (request: IRequestStrict, env: Env): Promise<Response> => {
  const jobId = request.params.jobId;
  if (!v.is(JobId, jobId)) return reply(request, refuse("unknown_job", "a job's id is a UUID"));
  const page = readQuery(request, UsersPage);
  return reply(request, await callDirectory(env, (directory) => directory.restartJob(jobId, page)));
};

async function start(
  request: Request,
  env: Env,
  { userIds, delayMs }: Pick<StartRestart, "userIds" | "delayMs">,
): Promise<Result<RestartStarted>> {
  const idempotencyKey = idempotencyKeyOf(request);
  const command: StartRestart = {
    // Chosen before the call, which may be repeated when its answer is lost.
    jobId: crypto.randomUUID(),
    delayMs,
    ...(userIds !== undefined && { userIds }),
    ...(idempotencyKey !== undefined && { idempotencyKey }),
  };
  const started = await callDirectory(env, (directory) => directory.startRestart(command));
  if (started.ok && started.value.created) {
    const { jobId, users } = started.value;
    const subject = userIds?.length === 1 ? (userIds[0] ?? "") : `${users} users`;
    await recordAction(env, "user.restart", { subject, detail: { jobId, users, delayMs } });
  }
  return started;
}
