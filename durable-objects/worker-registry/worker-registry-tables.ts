// All SQL of the WorkerRegistry object: one row each of roster, cursor and verdicts, the latest ejections. Called by the object only.

import { STRATEGIES } from "../../src/contracts/balancing-config.ts";
import type { HealthFact } from "../../src/contracts/health.ts";
import type { Ejection, RosterInstance } from "../../src/contracts/registry.ts";
import type { FreePositions } from "../../src/policies/balancing/free-positions.ts";
import type { StoredCursor, StoredRoster } from "../../src/policies/balancing/registry-books.ts";
import type { StoredVerdicts } from "../../src/policies/health/verdicts.ts";

type RosterRow = {
  version: number;
  config_version: number;
  deployed_at: number;
  strategy: string;
  instances: string;
  settings: string;
};
type EjectionRow = { instance_id: string; times: number; at: number; until: number };
type VerdictsRow = { facts: string; until: number };
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

/** Ejections told, and kept beside those that still matter. */
const HISTORY_MAX = 1_000;

export class WorkerRegistryTables {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  findRoster(): StoredRoster | undefined {
    const [row] = this.#sql
      .exec<RosterRow>("SELECT version, config_version, deployed_at, strategy, instances, settings FROM roster")
      .toArray();
    return row && toRoster(row);
  }

  saveRoster({ version, configVersion, deployedAt, strategy, instances, ...settings }: StoredRoster): void {
    this.#sql.exec(
      `INSERT OR REPLACE INTO roster (only_row, version, config_version, deployed_at, strategy, instances, settings)
       VALUES (1, ?, ?, ?, ?, ?, ?)`,
      version,
      configVersion,
      deployedAt,
      strategy,
      JSON.stringify(instances),
      JSON.stringify(settings),
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
    return this.#sql
      .exec<EjectionRow>("SELECT * FROM ejections ORDER BY at DESC, id DESC LIMIT ?", HISTORY_MAX)
      .toArray()
      .map(toEjection);
  }

  /** Each in the place of what was written of it before. The latest of an instance stays, however many follow, until it ended before `forgivenBeforeMs`. */
  saveEjections(ejections: readonly Ejection[], forgivenBeforeMs: number): void {
    for (const { instanceId, times, atMs, untilMs } of ejections) {
      this.#sql.exec("DELETE FROM ejections WHERE instance_id = ? AND at = ?", instanceId, atMs);
      this.#sql.exec(
        "INSERT INTO ejections (instance_id, times, at, until) VALUES (?, ?, ?, ?)",
        instanceId,
        times,
        atMs,
        untilMs,
      );
    }
    this.#sql.exec(
      `DELETE FROM ejections WHERE id <= (SELECT max(id) FROM ejections) - ?
       AND (until < ? OR id NOT IN (SELECT max(id) FROM ejections GROUP BY instance_id))`,
      HISTORY_MAX,
      forgivenBeforeMs,
    );
  }

  findVerdicts(): StoredVerdicts | undefined {
    const [row] = this.#sql.exec<VerdictsRow>("SELECT facts, until FROM verdicts").toArray();
    return row && { facts: JSON.parse(row.facts) as HealthFact[], untilMs: row.until };
  }

  saveVerdicts({ facts, untilMs }: StoredVerdicts): void {
    this.#sql.exec(
      "INSERT OR REPLACE INTO verdicts (only_row, facts, until) VALUES (1, ?, ?)",
      JSON.stringify(facts),
      untilMs,
    );
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
  strategy: STRATEGIES.find((strategy) => strategy === row.strategy) ?? "round-robin",
  instances: JSON.parse(row.instances) as RosterInstance[],
  ...(JSON.parse(row.settings) as Pick<StoredRoster, "breaker" | "autoscale" | "slowStartMs">),
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
