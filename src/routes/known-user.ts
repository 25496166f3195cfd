// Whether a user is registered: the one question that everything done for a user asks first.

import * as v from "valibot";
import { ok, type Result, refuse } from "../contracts/refusals.ts";
import { type User, UserId } from "../contracts/users.ts";
import { decodeSegment } from "../http/path-segment.ts";
import { callDirectory } from "../objects.ts";

/** The user whose id a path names, or the refusal `unknown_user`. An id that nobody can have wakes no object. */
export async function knownUser(env: Env, segment: string | undefined): Promise<Result<User>> {
  const id = readUserId(segment);
  return id.ok ? await callDirectory(env, (directory) => directory.find(id.value)) : id;
}

/** The id in the path, registered or not; the refusal `unknown_user` where nobody can have it. */
export function readUserId(segment: string | undefined): Result<string> {
  const id = decodeSegment(segment);
  return v.is(UserId, id) ? ok(id) : refuse("unknown_user", "no user can have that id");
}
