// The configurations of registered users: changes them under their entity tags and keeps the newest versions. It never asks whether a
// user is registered: the Directory object hands the user in.

import { ok, type Result, refuse } from "../../src/contracts/refusals.ts";
import type {
  ChangeUserConfig,
  TaggedUserConfig,
  UserConfig,
  UserConfigChange,
  UserConfigEdit,
  UserConfigVersion,
} from "../../src/contracts/user-config.ts";
import type { User } from "../../src/contracts/users.ts";
import { mergePatch } from "../../src/policies/config/merge-patch.ts";
import { decideUserConfig, refuseMisshapen, userConfigTag } from "../../src/policies/fleet/user-document.ts";
import { UserConfigsTables } from "./user-configs-tables.ts";

/** The one in force and ten before it (C22). */
const VERSIONS_KEPT = 11;

export class UserConfigs {
  readonly #tables: UserConfigsTables;
  constructor(sql: SqlStorage) {
    this.#tables = new UserConfigsTables(sql);
  }

  current(user: User): TaggedUserConfig {
    return tagged(user, this.#newest(user.id));
  }

  /** Refuses `unknown_version`. */
  version(user: User, version: number): Result<TaggedUserConfig> {
    const found = version === 0 ? EMPTY : this.#tables.find(user.id, version);
    return found === undefined ? refuse("unknown_version", `version ${version} is not kept`) : ok(tagged(user, found));
  }

  history({ id }: User): UserConfigVersion[] {
    return this.#tables.list(id);
  }

  /** Refuses `unknown_version` (a rollback), `invalid_body`, then `stale_version`. */
  change(user: User, command: ChangeUserConfig, nowMs: number): Result<TaggedUserConfig<UserConfigChange>> {
    const done = this.#tables.findByCommand(user.id, command.commandId);
    if (done !== undefined) return ok(tagged(user, { ...done, changed: true }));
    const current = this.#newest(user.id);
    const next = this.#nextOf(user, command.edit, current);
    if (!next.ok) return next;
    const tag = userConfigTag(user.createdAt, current.version);
    const decided = decideUserConfig({ next: next.value, current, tag, ifMatch: command.ifMatch });
    if (!decided.ok) return decided;
    const { document, text, changed } = decided.value;
    if (!changed) return ok(tagged(user, { ...current, changed }));
    const version = current.version + 1;
    const { edit, userId, commandId, actor } = command;
    const restores = edit.kind === "rollback" ? { restores: edit.version } : {};
    this.#tables.insert({ userId, version, createdAt: nowMs, source: edit.kind, actor, ...restores, commandId, text });
    this.#tables.prune(userId, version - VERSIONS_KEPT + 1);
    return ok(tagged(user, { version, document, changed }));
  }

  forget(userId: string): void {
    this.#tables.delete(userId);
  }

  #newest(userId: string): UserConfig {
    return this.#tables.newest(userId) ?? EMPTY;
  }

  #nextOf(user: User, edit: UserConfigEdit, current: UserConfig): Result<unknown> {
    switch (edit.kind) {
      case "replace":
        return ok(edit.document);
      case "patch":
        return refuseMisshapen(edit.patch) ?? ok(mergePatch(current.document, edit.patch));
      case "rollback": {
        const earlier = this.version(user, edit.version);
        return earlier.ok ? ok(earlier.value.document) : earlier;
      }
    }
  }
}

const EMPTY: UserConfig = { version: 0, document: {} };

const tagged = <T extends UserConfig>(user: User, config: T): TaggedUserConfig<T> => ({
  ...config,
  tag: userConfigTag(user.createdAt, config.version),
});
