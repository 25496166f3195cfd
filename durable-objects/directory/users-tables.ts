// The SQL of who is registered. Called by directory-object.ts only.

import type { User } from "../../src/contracts/users.ts";
import { nameKey } from "../../src/policies/fleet/user-name.ts";

type UserRow = {
  id: string;
  name: string;
  tier: number;
  created_at: number;
  updated_at: number;
  restarted_at: number | null;
};
const COLUMNS = "id, name, tier, created_at, updated_at, restarted_at";

export class UsersTables {
  readonly #sql: SqlStorage;
  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  find(id: string): User | undefined {
    const [row] = this.#sql.exec<UserRow>(`SELECT ${COLUMNS} FROM users WHERE id = ?`, id);
    return row === undefined ? undefined : toUser(row);
  }

  findByName(name: string): User | undefined {
    const [row] = this.#sql.exec<UserRow>(`SELECT ${COLUMNS} FROM users WHERE name_key = ?`, nameKey(name));
    return row === undefined ? undefined : toUser(row);
  }

  isLastCommand(id: string, commandId: string): boolean {
    return this.#sql.exec("SELECT 1 FROM users WHERE id = ? AND command_id = ?", id, commandId).toArray().length > 0;
  }

  count(): number {
    return this.#sql.exec<{ count: number }>("SELECT count(*) AS count FROM users").one().count;
  }

  /** By id, all behind `after`. */
  list(after: string, limit: number): User[] {
    return this.#sql
      .exec<UserRow>(`SELECT ${COLUMNS} FROM users WHERE id > ? ORDER BY id LIMIT ?`, after, limit)
      .toArray()
      .map(toUser);
  }

  save({ id, name, tier, createdAt, updatedAt }: User, commandId: string): void {
    this.#sql.exec(
      `INSERT INTO users (id, name, name_key, tier, created_at, updated_at, command_id) VALUES (?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (id) DO UPDATE SET name = excluded.name, name_key = excluded.name_key, tier = excluded.tier,
         updated_at = excluded.updated_at, command_id = excluded.command_id`,
      ...[id, name, nameKey(name), tier, createdAt, updatedAt, commandId],
    );
  }

  markRestarted(id: string, nowMs: number): void {
    this.#sql.exec("UPDATE users SET restarted_at = ? WHERE id = ?", nowMs, id);
  }

  delete(id: string): void {
    this.#sql.exec("DELETE FROM users WHERE id = ?", id);
  }
}

const toUser = ({ id, name, tier, created_at, updated_at, restarted_at }: UserRow): User => ({
  ...{ id, name },
  tier: tier as User["tier"],
  createdAt: created_at,
  updatedAt: updated_at,
  restartedAt: restarted_at,
});
