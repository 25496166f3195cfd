// All SQL of the RateLimiter object: one row per key, swept along the primary key once nothing in it counts any longer.

import type { LimitKey } from "../../src/contracts/limits.ts";
import type { LimitChange, LimitState } from "../../src/policies/limits/limit-book.ts";

type StateRow = { state: string };

/** Rows looked at by one sweep. */
const SWEEP_BATCH = 5_000;

export class RateLimiterTables {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  read(key: LimitKey): LimitState | undefined {
    const row = this.#sql.exec<StateRow>("SELECT state FROM windows WHERE key = ?", key).toArray()[0];
    return row === undefined ? undefined : (JSON.parse(row.state) as LimitState);
  }

  write(key: LimitKey, { state, idleAt }: LimitChange): void {
    const text = JSON.stringify(state);
    this.#sql.exec(
      "INSERT OR REPLACE INTO windows (key, state, idle_at) VALUES (?, ?, ?)",
      key,
      text,
      Math.ceil(idleAt),
    );
  }

  /** Removes what is idle among the next keys after `after`; returns the last key looked at, or undefined at the end. */
  sweep(after: LimitKey, nowMs: number): LimitKey | undefined {
    const last = this.#sql
      .exec<{ key: string | null }>(
        "SELECT max(key) AS key FROM (SELECT key FROM windows WHERE key > ? ORDER BY key LIMIT ?)",
        after,
        SWEEP_BATCH,
      )
      .one().key;
    if (last === null) return undefined;
    this.#sql.exec("DELETE FROM windows WHERE key > ? AND key <= ? AND idle_at <= ?", after, last, nowMs);
    return last;
  }

  isEmpty(): boolean {
    return this.#sql.exec("SELECT 1 FROM windows LIMIT 1").toArray().length === 0;
  }
}
