// All SQL of the ControlPlane object: versions, the audit log, and the row that says where the log starts and ends.
// Decides nothing; only this folder calls it, and what must hold together it calls in one transaction.

import type { ConfigDocument, ConfigVersion } from "../../src/contracts/config.ts";
import type { AuditRow, ConfigHistoryEntry, ConfigSource } from "../../src/contracts/control.ts";
import type { ChainedEntry, Link } from "../../src/policies/config/audit-chain.ts";

export type NewVersion = ConfigHistoryEntry & { readonly commandId: string | null; readonly text: string };
type ControlState = { readonly anchor: Link; readonly head: Link; readonly fileDigest: string | null };

type VersionRow = { version: number; document: string };
type HistoryRow = { version: number; created_at: number; source: string; actor: string; restores: number | null };
type AuditTableRow = {
  seq: number;
  at: number;
  action: string;
  actor: string;
  subject: string;
  detail: string | null;
  event_id: string | null;
  hash: string;
};
type StateRow = {
  anchor_seq: number;
  anchor_hash: string;
  head_seq: number;
  head_hash: string;
  file_digest: string | null;
};

export class ControlPlaneTables {
  readonly #sql: SqlStorage;
  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** The version in force; there always is one, for the newest is never pruned. */
  newestVersion(): number {
    return this.#sql.exec<{ version: number }>("SELECT max(version) AS version FROM config_versions").one().version;
  }

  newest(): ConfigVersion {
    const row = this.#sql
      .exec<VersionRow>("SELECT version, document FROM config_versions ORDER BY version DESC LIMIT 1")
      .one();
    return toVersion(row);
  }

  findVersion(version: number): ConfigVersion | undefined {
    const [row] = this.#sql.exec<VersionRow>(
      "SELECT version, document FROM config_versions WHERE version = ?",
      version,
    );
    return row === undefined ? undefined : toVersion(row);
  }

  findByCommand(commandId: string): ConfigVersion | undefined {
    const [row] = this.#sql.exec<VersionRow>(
      "SELECT version, document FROM config_versions WHERE command_id = ?",
      commandId,
    );
    return row === undefined ? undefined : toVersion(row);
  }

  /** Newest first, all below `before`. */
  listVersions(before: number, limit: number): ConfigHistoryEntry[] {
    const rows = this.#sql.exec<HistoryRow>(
      `SELECT version, created_at, source, actor, restores FROM config_versions
       WHERE version < ? ORDER BY version DESC LIMIT ?`,
      before,
      limit,
    );
    return rows.toArray().map(toHistoryEntry);
  }

  insertVersion({ version, createdAt, source, actor, restores, commandId, text }: NewVersion): void {
    this.#sql.exec(
      `INSERT INTO config_versions (version, created_at, source, actor, restores, command_id, document)
       VALUES (?, ?, ?, ?, ?, ?, ?)`,
      ...[version, createdAt, source, actor, restores ?? null, commandId, text],
    );
  }

  pruneVersions(oldestKept: number): void {
    this.#sql.exec("DELETE FROM config_versions WHERE version < ?", oldestKept);
  }

  state(): ControlState {
    const row = this.#sql
      .exec<StateRow>("SELECT anchor_seq, anchor_hash, head_seq, head_hash, file_digest FROM control_state")
      .one();
    return {
      anchor: { seq: row.anchor_seq, hash: row.anchor_hash },
      head: { seq: row.head_seq, hash: row.head_hash },
      fileDigest: row.file_digest,
    };
  }

  recordFile(digest: string): void {
    this.#sql.exec("UPDATE control_state SET file_digest = ?", digest);
  }

  hasEvent(eventId: string): boolean {
    return this.#sql.exec("SELECT 1 FROM audit_log WHERE event_id = ?", eventId).toArray().length > 0;
  }

  /** The row and, with it, the chain's new end. */
  appendAudit({ seq, at, action, actor, subject, detail, eventId, hash }: ChainedEntry): void {
    this.#sql.exec(
      `INSERT INTO audit_log (seq, at, action, actor, subject, detail, event_id, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
      ...[seq, at, action, actor, subject, detail, eventId, hash],
    );
    this.#sql.exec("UPDATE control_state SET head_seq = ?, head_hash = ?", seq, hash);
  }

  /**
   * Forgets the rows up to `through` and starts the chain behind them. A row that is missing there leaves no hash to go on from:
   * the chain then stays broken at its start, as it was broken inside.
   */
  pruneAudit(through: number): void {
    const [last] = this.#sql.exec<{ hash: string }>("SELECT hash FROM audit_log WHERE seq = ?", through);
    this.#sql.exec("DELETE FROM audit_log WHERE seq <= ?", through);
    this.#sql.exec("UPDATE control_state SET anchor_seq = ?, anchor_hash = ?", through, last?.hash ?? "missing");
  }

  /** Oldest first, all above `after`. */
  listAudit(after: number, limit: number): AuditRow[] {
    return this.#readAudit(after, limit).map(toAuditRow);
  }

  /** Rows as they were hashed, oldest first, all above `after`. */
  chainAfter(after: number, limit: number): ChainedEntry[] {
    return this.#readAudit(after, limit).map(({ event_id: eventId, ...entry }) => ({ ...entry, eventId }));
  }

  #readAudit(after: number, limit: number): AuditTableRow[] {
    return this.#sql
      .exec<AuditTableRow>("SELECT * FROM audit_log WHERE seq > ? ORDER BY seq LIMIT ?", after, limit)
      .toArray();
  }
}

const toVersion = ({ version, document }: VersionRow): ConfigVersion => ({
  version,
  document: JSON.parse(document) as ConfigDocument,
});

const toHistoryEntry = ({ version, created_at, source, actor, restores }: HistoryRow): ConfigHistoryEntry => ({
  version,
  createdAt: created_at,
  source: source as ConfigSource,
  actor,
  ...(restores !== null && { restores }),
});

const toAuditRow = ({ event_id, detail, ...row }: AuditTableRow): AuditRow => ({
  ...row,
  ...(event_id !== null && { eventId: event_id }),
  ...(detail !== null && { detail: parseDetail(detail) }),
});

/** A row that somebody tampered with is still listed; verifyAudit is what names it. */
function parseDetail(detail: string): NonNullable<AuditRow["detail"]> {
  try {
    return JSON.parse(detail) as NonNullable<AuditRow["detail"]>;
  } catch {
    return { unreadable: detail };
  }
}
