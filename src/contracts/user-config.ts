// A user's own configuration: a JSON object whose fields are the executor's business, kept version by version.
// Version 0 is the empty object that every user begins with.

import * as v from "valibot";
import type { RefusalCode } from "./refusals.ts";
import { JsonObject, strict } from "./strict-object.ts";
import { UserIds } from "./users.ts";

/** As JSON in UTF-8. */
export const USER_CONFIG_BYTES_MAX = 65_536;

export type UserConfig = { readonly version: number; readonly document: UserDocument };
export type UserDocument = { readonly [key: string]: unknown };

/** What a change is made of: a whole document, an RFC 7396 merge patch, or an earlier version. */
export type UserConfigEdit =
  | { readonly kind: "replace"; readonly document: unknown }
  | { readonly kind: "patch"; readonly patch: unknown }
  | { readonly kind: "rollback"; readonly version: number };

/** The same `commandId` again answers what the first call did. */
export type ChangeUserConfig = {
  readonly userId: string;
  readonly commandId: string;
  readonly actor: string;
  /** An If-Match header: a change to any other version is refused `stale_version`. */
  readonly ifMatch?: string;
  readonly edit: UserConfigEdit;
};

/** `changed` is false where the document was in force already: then there is no new version. */
export type UserConfigChange = UserConfig & { readonly changed: boolean };

/** The entity tag names the user's own life too: an id that was deleted and registered anew begins its versions anew. */
export type TaggedUserConfig<T extends UserConfig = UserConfig> = T & { readonly tag: string };

export type UserConfigVersion = {
  readonly version: number;
  readonly createdAt: number;
  readonly source: UserConfigEdit["kind"];
  readonly actor: string;
  /** The version a rollback restored. */
  readonly restores?: number;
};

/** POST /api/super/bulk/config-patch. Everybody, unless `userIds` says whom. */
export const BulkPatch = strict({ patch: JsonObject, userIds: v.optional(UserIds) });

export type PatchUserConfigs = Pick<ChangeUserConfig, "commandId" | "actor"> & {
  readonly userIds: readonly string[];
  readonly patch: unknown;
};
/** One user's part of it. */
export type BulkPatchResult =
  | { readonly userId: string; readonly ok: true; readonly version: number; readonly changed: boolean }
  | { readonly userId: string; readonly ok: false; readonly code: RefusalCode; readonly detail: string };
