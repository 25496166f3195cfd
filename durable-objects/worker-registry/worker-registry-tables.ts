// All SQL of the WorkerRegistry object: one row of roster, one row of cursor, the latest ejections. Called by the object only.

import type { Ejection, RosterInstance } from "../../src/contracts/registry.ts";
import type { FreePositions } from "../../src/policies/balancing/free-positions.ts";
import type { StoredCursor, StoredRoster } from "../../src/policies/balancing/registry-books.ts";

type RosterRow = { version: number; config_version: number; deployed_at: number; strategy: string; instances: string };
type EjectionRow = { instance_id: string; times: number; at: number; until: number };
type CursorRow = {
  epoch: number;
  mark: number;
  parked: number;
  free: string;
  issued: number;
  reissued: number;
  used: number;
  uncounted: number;
};

/** Ejections kept. */
const HISTORY_MAX = 1_000;

export class WorkerRegistryTables {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  findRoster(): StoredRoster | undefined {
    const [row] = this.#sql
      .exec<RosterRow>("SELECT version, config_version, deployed_at, strategy, instances FROM roster")
      .toArray();
    return row && toRoster(row);
  }

  saveRoster({ version, configVersion, deployedAt, strategy, instances }: StoredRoster): void {
    this.#sql.exec(
      "INSERT OR REPLACE INTO roster (only_row, version, config_version, deployed_at, strategy, instances) VALUES (1, ?, ?, ?, ?, ?)",
      version,
      configVersion,
      deployedAt,
      strategy,
      JSON.stringify(instances),
    );
  }

  /** The latest of each instance. */
  findEjections(): Ejection[] {
    return this.#sql
      .exec<EjectionRow>("SELECT * FROM ejections WHERE id IN (SELECT max(id) FROM ejections GROUP BY instance_id)")
      .toArray()
      .map(toEjection);
  }

  /** The newest first. */
  listEjections(): Ejection[] {
    return this.#sql.exec<EjectionRow>("SELECT * FROM ejections ORDER BY at DESC, id DESC").toArray().map(toEjection);
  }

  /** In the place of what was written of it before. */
  saveEjection({ instanceId, times, atMs, untilMs }: Ejection): void {
    this.#sql.exec("DELETE FROM ejections WHERE instance_id = ? AND at = ?", instanceId, atMs);
    const { id } = this.#sql
      .exec<{ id: number }>(
        "INSERT INTO ejections (instance_id, times, at, until) VALUES (?, ?, ?, ?) RETURNING id",
        instanceId,
        times,
        atMs,
        untilMs,
      )
      .one();
    this.#sql.exec("DELETE FROM ejections WHERE id <= ?", id - HISTORY_MAX);
  }

  findCursor(): StoredCursor | undefined {
    const [row] = this.#sql
      .exec<CursorRow>("SELECT epoch, mark, parked, free, issued, reissued, used, uncounted FROM cursor")
      .toArray();
    return row && toCursor(row);
  }

  saveCursor({ ledger, uncounted }: StoredCursor): void {
    this.#sql.exec(
      `INSERT OR REPLACE INTO cursor (only_row, epoch, mark, parked, free, issued, reissued, used, uncounted)
       VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?)`,
      ledger.epoch,
      ledger.mark,
      ledger.parked ? 1 : 0,
      JSON.stringify(ledger.free),
      ledger.issued,
      ledger.reissued,
      ledger.used,
      uncounted,
    );
  }
}

const toRoster = (row: RosterRow): StoredRoster => ({
  version: row.version,
  configVersion: row.config_version,
  deployedAt: row.deployed_at,
  strategy: row.strategy === "least-connections" ? "least-connections" : "round-robin",
  instances: JSON.parse(row.instances) as RosterInstance[],
});

const toEjection = ({ instance_id, times, at, until }: EjectionRow): Ejection => ({
  instanceId: instance_id,
  times,
  atMs: at,
  untilMs: until,
});

const toCursor = ({ uncounted, free, parked, ...row }: CursorRow): StoredCursor => ({
  uncounted,
  ledger: { ...row, parked: parked === 1, free: JSON.parse(free) as FreePositions },
});
