// /api/super/users: who the users of the fleet are. The router has checked the admin secret by then.

import type { IRequestStrict } from "itty-router";
import * as v from "valibot";
import { listProblems } from "../contracts/problems.ts";
import { ok, refuse } from "../contracts/refusals.ts";
import { PutUser, USER_ID_MAX, UserId } from "../contracts/users.ts";
import { readBody } from "../http/body.ts";
import { HttpError } from "../http/http-error.ts";
import { decodeSegment } from "../http/path-segment.ts";
import { readQuery, wholeNumber } from "../http/query.ts";
import { reply } from "../http/reply.ts";
import { callDirectory } from "../objects.ts";
import { knownUser } from "./known-user.ts";
import { recordAction } from "./record-action.ts";

const Page = v.strictObject({
  limit: v.optional(wholeNumber(1, 1_000), "100"),
  after: v.optional(v.pipe(v.string(), v.maxLength(USER_ID_MAX, `must be at most ${USER_ID_MAX} characters`))),
});

/** GET /api/super/users?limit&after: {users, next}, by id; `after` continues behind one, `next` is null at the end. */
export const getUsers = async (request: IRequestStrict, env: Env): Promise<Response> => {
  const { limit, after } = readQuery(request, Page);
  const page = { limit, ...(after !== undefined && { after }) };
  return reply(request, ok(await callDirectory(env, (directory) => directory.list(page))));
};

/** GET /api/super/users/lookup/{name}: the user of that name, in whatever case; 404 unknown_user. */
export const lookUpUser = async (request: IRequestStrict, env: Env): Promise<Response> => {
  const name = decodeSegment(request.params.name);
  if (name === undefined) return reply(request, refuse("bad_path", "a name is percent-encoded UTF-8"));
  return reply(request, await callDirectory(env, (directory) => directory.lookUp(name)));
};

/** GET /api/super/users/{id}: 404 unknown_user. */
export const getUser = async (request: IRequestStrict, env: Env): Promise<Response> =>
  reply(request, await knownUser(env, request.params.id));

/** PUT /api/super/users/{id} {name, tier}: 201 for a new one, else 200; 409 name_taken, users_full. */
export const putUser = async (request: IRequestStrict, env: Env): Promise<Response> => {
  const id = newId(request);
  const command = { ...(await readBody(request, PutUser)), id, commandId: crypto.randomUUID() };
  const put = await callDirectory(env, (directory) => directory.put(command));
  if (!put.ok) return reply(request, put);
  const { user, created, changed } = put.value;
  if (changed) await recordAction(env, "user.put", { subject: id, detail: { name: user.name, tier: user.tier } });
  return reply(request, ok(user), { status: created ? 201 : 200 });
};

/**
 * DELETE /api/super/users/{id}: with the configuration and its history; what runs for the user goes on to its end. Answers who that was;
 * 404 unknown_user.
 */
export const deleteUser = async (request: IRequestStrict, env: Env): Promise<Response> => {
  const user = await knownUser(env, request.params.id);
  if (!user.ok) return reply(request, user);
  const { id, name } = user.value;
  await callDirectory(env, (directory) => directory.remove(id));
  await recordAction(env, "user.delete", { subject: id, detail: { name } });
  return reply(request, user);
};

/** Whoever registers a user learns what an id may be. */
function newId(request: IRequestStrict): string {
  const parsed = v.safeParse(v.object({ id: UserId }), { id: decodeSegment(request.params.id) });
  if (!parsed.success) throw new HttpError("invalid_body", undefined, { problems: listProblems(parsed.issues) });
  return parsed.output.id;
}
