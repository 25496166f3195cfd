// The Idempotency-Key of a control-surface call. Read by the routes of what must not be begun twice.

import * as v from "valibot";
import { HttpError } from "./http-error.ts";

const IdempotencyKey = v.nullable(
  v.pipe(v.string(), v.regex(/^[\x21-\x7e]{1,255}$/, "must be 1 to 255 visible ASCII characters")),
);

/** Undefined where the call has none. Throws HttpError 400 invalid_header. */
export function idempotencyKeyOf({ headers }: Request): string | undefined {
  const parsed = v.safeParse(IdempotencyKey, headers.get("Idempotency-Key"));
  if (!parsed.success) throw new HttpError("invalid_header", `Idempotency-Key ${parsed.issues[0].message}`);
  return parsed.output ?? undefined;
}
