// All SQL of the WorkerRegistry object: one row of roster, one row of cursor. Called by the object only.

import type { RosterInstance } from "../../src/contracts/registry.ts";
import type { FreePositions } from "../../src/policies/balancing/free-positions.ts";
import type { StoredCursor, StoredRoster } from "../../src/policies/balancing/registry-books.ts";

type RosterRow = { version: number; config_version: number; deployed_at: number; strategy: string; instances: string };
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

const toCursor = ({ uncounted, free, parked, ...row }: CursorRow): StoredCursor => ({
  uncounted,
  ledger: { ...row, parked: parked === 1, free: JSON.parse(free) as FreePositions },
});
