// All SQL of the Revocations object: one append-only table, read by cursor and pruned from its start.

import type { SessionChange } from "../../src/contracts/session.ts";
import { CHANGES_MAX, type LogSpan } from "../../src/policies/sessions/change-log.ts";

type ChangeRow = { name: string };
type AgeRow = { seq: number; at: number };

/** Rows looked at by one alarm. */
const PRUNE_BATCH = 1_000;

export class RevocationsTables {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  append(change: SessionChange, nowMs: number): void {
    this.#sql.exec("INSERT INTO changes (at, name) VALUES (?, ?)", nowMs, change.name);
  }

  span(): LogSpan {
    const head =
      this.#sql.exec<{ seq: number }>("SELECT seq FROM sqlite_sequence WHERE name = 'changes'").toArray()[0]?.seq ?? 0;
    const oldest = this.#sql.exec<{ seq: number | null }>("SELECT min(seq) AS seq FROM changes").one().seq;
    return { floor: oldest === null ? head : oldest - 1, head };
  }

  /** Undefined when there are more than a reader is told one by one. */
  listAfter(cursor: number): readonly SessionChange[] | undefined {
    const rows = this.#sql
      .exec<ChangeRow>("SELECT name FROM changes WHERE seq > ? ORDER BY seq LIMIT ?", cursor, CHANGES_MAX + 1)
      .toArray();
    return rows.length > CHANGES_MAX ? undefined : rows;
  }

  listOldest(): readonly AgeRow[] {
    return this.#sql.exec<AgeRow>("SELECT seq, at FROM changes ORDER BY seq LIMIT ?", PRUNE_BATCH).toArray();
  }

  pruneThrough(seq: number): void {
    this.#sql.exec("DELETE FROM changes WHERE seq <= ?", seq);
  }
}
