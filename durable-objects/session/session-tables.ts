// All SQL of the Session object: its one session and the one change it still has to publish.

import type { Preferences } from "../../src/contracts/session.ts";
import type { SessionRecord } from "../../src/policies/sessions/session-record.ts";

/** A committed change that some replica of the revocation log may not know yet. */
type PendingChange = {
  readonly changeNumber: number;
  readonly attempts: number;
  readonly dueAt: number;
};

type SessionRow = {
  name: string;
  user_id: string;
  username: string;
  preferences: string | null;
  created_at: number;
  last_activity_at: number;
  idle_ttl_ms: number;
  absolute_expires_at: number;
  revoked_at: number | null;
};
type OutboxRow = { change_number: number; attempts: number; due_at: number };

export class SessionTables {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** Whether a session was ever opened here and not forgotten since; creates nothing. */
  static exist(sql: SqlStorage): boolean {
    return sql.exec("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'session'").toArray().length > 0;
  }

  find(): SessionRecord | undefined {
    return this.#sql.exec<SessionRow>("SELECT * FROM session").toArray().map(toSession)[0];
  }

  insert(session: SessionRecord): void {
    this.#sql.exec(
      `INSERT INTO session (only_row, name, user_id, username, preferences, created_at, last_activity_at, idle_ttl_ms, absolute_expires_at)
       VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?)`,
      session.name,
      session.userId,
      session.username,
      toText(session.preferences),
      session.createdAt,
      session.lastActivityAt,
      session.idleTtlMs,
      session.absoluteExpiresAt,
    );
  }

  recordActivity(lastActivityAt: number): void {
    this.#sql.exec("UPDATE session SET last_activity_at = ?", lastActivityAt);
  }

  replacePreferences(preferences: Preferences): void {
    this.#sql.exec("UPDATE session SET preferences = ?", toText(preferences));
  }

  markRevoked(nowMs: number): void {
    this.#sql.exec("UPDATE session SET revoked_at = ?", nowMs);
  }

  findPending(): PendingChange | undefined {
    return this.#sql.exec<OutboxRow>("SELECT change_number, attempts, due_at FROM outbox").toArray().map(toPending)[0];
  }

  /** The new change takes the place of one that still waits: both say that older snapshots are void. */
  enqueue(dueAt: number): void {
    this.#sql.exec("UPDATE session SET change_count = change_count + 1");
    this.#sql.exec(
      `INSERT INTO outbox (only_row, change_number, attempts, due_at)
       SELECT 1, change_count, 0, ? FROM session WHERE true
       ON CONFLICT (only_row) DO UPDATE
       SET change_number = excluded.change_number, attempts = 0, due_at = excluded.due_at`,
      dueAt,
    );
  }

  postpone(dueAt: number): void {
    this.#sql.exec("UPDATE outbox SET attempts = attempts + 1, due_at = ?", dueAt);
  }

  /** Does nothing when another change took its place while it was being published. */
  dequeue(changeNumber: number): void {
    this.#sql.exec("DELETE FROM outbox WHERE change_number = ?", changeNumber);
  }
}

const toText = (preferences: Preferences | undefined): string | null =>
  preferences === undefined ? null : JSON.stringify(preferences);

const toSession = (row: SessionRow): SessionRecord => ({
  name: row.name,
  userId: row.user_id,
  username: row.username,
  preferences: row.preferences === null ? undefined : JSON.parse(row.preferences),
  createdAt: row.created_at,
  lastActivityAt: row.last_activity_at,
  idleTtlMs: row.idle_ttl_ms,
  absoluteExpiresAt: row.absolute_expires_at,
  revokedAt: row.revoked_at ?? undefined,
});

const toPending = (row: OutboxRow): PendingChange => ({
  changeNumber: row.change_number,
  attempts: row.attempts,
  dueAt: row.due_at,
});
