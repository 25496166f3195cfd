// The users of the fleet: how they are named on the wire and what the Directory object says of them.
// An id is also a folder's name on an executor and part of a backup's key, so its characters are few.

import * as v from "valibot";
import { strict } from "./strict-object.ts";

/** All are listed, patched and restarted by calls that answer for every one of them. */
export const USERS_MAX = 10_000;
export const USER_ID_MAX = 128;
const NAME_MAX = 64;

/** `/api/super/users/lookup/{name}` stands where its own paths would. */
const RESERVED_ID = "lookup";

export const UserId = v.pipe(
  v.string(),
  v.maxLength(USER_ID_MAX, `must be at most ${USER_ID_MAX} characters`),
  v.regex(/^[A-Za-z0-9][A-Za-z0-9._:@-]*$/, "must begin with a letter or digit and go on with those and . _ : @ -"),
  v.notValue(RESERVED_ID, "is reserved"),
);

const UserName = v.pipe(
  v.string(),
  v.nonEmpty("must not be empty"),
  v.maxLength(NAME_MAX, `must be at most ${NAME_MAX} characters`),
  // Half a surrogate pair has no UTF-8 form, so no address could look such a name up.
  v.check((text) => text.isWellFormed(), "must be well-formed Unicode"),
  v.check((text) => text === text.trim(), "must not begin or end with a space"),
  v.regex(/^\P{Cc}*$/u, "must not contain control characters"),
  // A path loses these, however they are encoded, so nobody could look such a name up.
  v.check((text) => text !== "." && text !== "..", "must not be . or .."),
);

/** The size of a user's executor (C27). */
const Tier = v.picklist([1, 2, 3], "must be 1, 2 or 3");

/** PUT /api/super/users/{id}. */
export const PutUser = strict({ name: UserName, tier: v.optional(Tier, 1) });
export type PutUser = v.InferOutput<typeof PutUser>;
/** The same `commandId` again answers what the first call did. */
export type PutUserCommand = PutUser & { readonly id: string; readonly commandId: string };

export type User = PutUser & {
  readonly id: string;
  /** Epoch ms. */
  readonly createdAt: number;
  readonly updatedAt: number;
  /** Null where it never was. */
  readonly restartedAt: number | null;
};

export type UserChange = { readonly user: User; readonly created: boolean; readonly changed: boolean };

/** By id. `next` continues behind the last one listed; null at the end. */
export type UserPage = { readonly users: readonly User[]; readonly next: string | null };
export type UserListing = { readonly limit: number; readonly after?: string };

/** Users named one by one: nobody twice, and never nobody at all, which could be taken for everybody. */
export const UserIds = v.pipe(
  v.array(UserId),
  v.minLength(1, "must name somebody; leave it out to mean everybody"),
  v.maxLength(USERS_MAX, `must name at most ${USERS_MAX}`),
  v.transform((ids): readonly string[] => [...new Set(ids)]),
);
