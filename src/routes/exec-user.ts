// Which user an exec route speaks of: the one place that decides whether there is such a user.

import type { IRequestStrict } from "itty-router";
import * as v from "valibot";
import { ExecUserId } from "../contracts/exec.ts";
import { HttpError } from "../http/http-error.ts";

/** The user's id. Throws HttpError 404 unknown_user. Whoever has a well-formed id counts as a user. */
export function execUser(request: IRequestStrict): string {
  const parsed = v.safeParse(ExecUserId, decoded(request.params.userId ?? ""));
  if (parsed.success) return parsed.output;
  throw new HttpError(
    "unknown_user",
    "userId must be 1 to 128 of A-Z a-z 0-9 . _ : @ - and begin with a letter or digit",
  );
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return "";
  }
}
