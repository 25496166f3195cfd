// The SQL of users' configurations, version by version. Called by user-configs.ts only.

import type { UserConfig, UserConfigVersion, UserDocument } from "../../src/contracts/user-config.ts";

export type NewUserConfig = UserConfigVersion & {
  readonly userId: string;
  readonly commandId: string;
  readonly text: string;
};
type ConfigRow = { version: number; document: string };
type VersionRow = { version: number; created_at: number; source: string; actor: string; restores: number | null };

export class UserConfigsTables {
  readonly #sql: SqlStorage;
  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  newest(userId: string): UserConfig | undefined {
    return this.#findOne("ORDER BY version DESC LIMIT 1", [userId]);
  }

  find(userId: string, version: number): UserConfig | undefined {
    return this.#findOne("AND version = ?", [userId, version]);
  }

  findByCommand(userId: string, commandId: string): UserConfig | undefined {
    return this.#findOne("AND command_id = ?", [userId, commandId]);
  }

  #findOne(condition: string, bindings: readonly (string | number)[]): UserConfig | undefined {
    const [row] = this.#sql.exec<ConfigRow>(
      `SELECT version, document FROM user_configs WHERE user_id = ? ${condition}`,
      ...bindings,
    );
    return row === undefined ? undefined : toConfig(row);
  }

  /** Newest first. */
  list(userId: string): UserConfigVersion[] {
    return this.#sql
      .exec<VersionRow>(
        `SELECT version, created_at, source, actor, restores FROM user_configs
         WHERE user_id = ? ORDER BY version DESC`,
        userId,
      )
      .toArray()
      .map(toVersion);
  }

  insert({ userId, version, createdAt, source, actor, restores, commandId, text }: NewUserConfig): void {
    this.#sql.exec(
      `INSERT INTO user_configs (user_id, version, created_at, source, actor, restores, command_id, document)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
      ...[userId, version, createdAt, source, actor, restores ?? null, commandId, text],
    );
  }

  prune(userId: string, oldestKept: number): void {
    this.#sql.exec("DELETE FROM user_configs WHERE user_id = ? AND version < ?", userId, oldestKept);
  }

  delete(userId: string): void {
    this.#sql.exec("DELETE FROM user_configs WHERE user_id = ?", userId);
  }
}

const toConfig = ({ version, document }: ConfigRow): UserConfig => ({
  version,
  document: JSON.parse(document) as UserDocument,
});

const toVersion = ({ version, created_at, source, actor, restores }: VersionRow): UserConfigVersion => ({
  version,
  createdAt: created_at,
  source: source as UserConfigVersion["source"],
  actor,
  ...(restores !== null && { restores }),
});
