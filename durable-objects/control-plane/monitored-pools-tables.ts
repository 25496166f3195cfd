// The SQL of which pools' monitors have been told of the newest version, and which have yet to be. Called by monitored-pools.ts only.

export type Untold = { readonly pool: string; readonly version: number; readonly attempts: number };

export class MonitoredPoolsTables {
  readonly #sql: SqlStorage;
  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** Those that had `health` before are told once more; what was not told yet stays so. */
  begin(pools: readonly string[], version: number): void {
    this.#sql.exec(
      "UPDATE monitored_pools SET has_health = 0, version = ?, attempts = 0, due_at = 0 WHERE has_health = 1",
      version,
    );
    for (const pool of pools) {
      this.#sql.exec(
        "INSERT OR REPLACE INTO monitored_pools (pool, has_health, version, attempts, due_at) VALUES (?, 1, ?, 0, 0)",
        ...[pool, version],
      );
    }
  }

  /** Undefined when all have been told. Epoch ms, 0: at once. */
  nextDueAtMs(): number | undefined {
    return (
      this.#sql.exec<{ due_at: number | null }>("SELECT min(due_at) AS due_at FROM monitored_pools").one().due_at ??
      undefined
    );
  }

  listDue(nowMs: number, limit: number): Untold[] {
    return this.#sql
      .exec<Untold>(
        "SELECT pool, version, attempts FROM monitored_pools WHERE due_at <= ? ORDER BY due_at LIMIT ?",
        nowMs,
        limit,
      )
      .toArray();
  }

  /** Only if no later version is to be told by now. */
  told({ pool, version }: Untold): void {
    this.#sql.exec("DELETE FROM monitored_pools WHERE pool = ? AND version = ? AND has_health = 0", pool, version);
    this.#sql.exec("UPDATE monitored_pools SET due_at = NULL WHERE pool = ? AND version = ?", pool, version);
  }

  failed({ pool, version, attempts }: Untold, dueAtMs: number): void {
    this.#sql.exec(
      "UPDATE monitored_pools SET attempts = ?, due_at = ? WHERE pool = ? AND version = ?",
      ...[attempts + 1, dueAtMs, pool, version],
    );
  }
}
