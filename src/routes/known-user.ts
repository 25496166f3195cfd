// Whether a user is registered: the one question that everything done for a user asks first.

import type { IRequestStrict } from "itty-router";
import * as v from "valibot";
import { type Result, refuse } from "../contracts/refusals.ts";
import { type User, UserId } from "../contracts/users.ts";
import { callDirectory } from "../objects.ts";

/** The user, or the refusal `unknown_user`. An id that nobody can have wakes no object. */
export const knownUser = async (env: Env, id: string): Promise<Result<User>> =>
  v.is(UserId, id) ? await callDirectory(env, (directory) => directory.find(id)) : nobody();

/** The id in the path `/users/:id`, if anybody can have it; else the refusal `unknown_user`. */
export function userIdOf(request: IRequestStrict): Result<string> {
  const id = request.params.id ?? "";
  return v.is(UserId, id) ? { ok: true, value: id } : nobody();
}

const nobody = () => refuse("unknown_user", "no user can have that id");
