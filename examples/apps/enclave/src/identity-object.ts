// One per user: who that user is and how often it was confirmed. One table, one row, no alarm.
// RPC: confirm, find. Small enough to keep its SQL beside the class.

import { DurableObject } from "cloudflare:workers";

/** Times are epoch ms. */
export type IdentityRecord = {
  readonly userId: string;
  readonly username: string;
  readonly createdAt: number;
  readonly confirmedAt: number;
  readonly confirmations: number;
};

type IdentityRow = {
  user_id: string;
  username: string;
  created_at: number;
  confirmed_at: number;
  confirmations: number;
};

const SCHEMA = `CREATE TABLE IF NOT EXISTS identity (
  user_id TEXT PRIMARY KEY, username TEXT NOT NULL,
  created_at INTEGER NOT NULL, confirmed_at INTEGER NOT NULL, confirmations INTEGER NOT NULL
) STRICT, WITHOUT ROWID`;

const CONFIRM = `INSERT INTO identity (user_id, username, created_at, confirmed_at, confirmations) VALUES (?1, ?2, ?3, ?3, 1)
  ON CONFLICT (user_id) DO UPDATE SET username = excluded.username, confirmed_at = excluded.confirmed_at, confirmations = confirmations + 1
  RETURNING *`;

export class Identity extends DurableObject {
  readonly #sql: SqlStorage;

  constructor(state: DurableObjectState, env: Cloudflare.Env) {
    super(state, env);
    this.#sql = state.storage.sql;
    this.#sql.exec(SCHEMA);
  }

  /** Creates the record or counts one more confirmation; the newest name wins. */
  confirm(userId: string, username: string): IdentityRecord {
    return toIdentity(this.#sql.exec<IdentityRow>(CONFIRM, userId, username, Date.now()).one());
  }

  /** The record, or undefined while this identity was never confirmed. */
  find(): IdentityRecord | undefined {
    const row = this.#sql.exec<IdentityRow>("SELECT * FROM identity").toArray()[0];
    return row && toIdentity(row);
  }
}

const toIdentity = (row: IdentityRow): IdentityRecord => ({
  userId: row.user_id,
  username: row.username,
  createdAt: row.created_at,
  confirmedAt: row.confirmed_at,
  confirmations: row.confirmations,
});
