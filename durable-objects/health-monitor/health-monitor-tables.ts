// All SQL of the HealthMonitor object: one row of plan, one row per instance, the newest transitions. Called by the object only.

import type { HealthTransition, ProbeState } from "../../src/contracts/health.ts";
import type { ProbeRecord } from "../../src/policies/health/probe-record.ts";
import type { ProbePlan } from "../../src/policies/health/probe-round.ts";

type PlanRow = { settings: string | null; instances: string | null };
type ProbeRow = {
  instance_id: string;
  state: string;
  failures: number;
  successes: number;
  alerted: number;
  ms: number | null;
  next_at: number;
  cpu: number | null;
};
type TransitionRow = { instance_id: string; from_state: string; to_state: string; at: number; why: string };

const TRANSITIONS_KEPT = 1_000;

export class HealthMonitorTables {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  findPool(): string | undefined {
    return this.#sql.exec<{ pool: string }>("SELECT pool FROM plan").toArray()[0]?.pool;
  }

  /** Before its configuration could be read; what is known of the pool stays. */
  savePool(pool: string): void {
    this.#sql.exec("INSERT OR IGNORE INTO plan (only_row, pool) VALUES (1, ?)", pool);
  }

  findPlan(): ProbePlan | undefined {
    const [row] = this.#sql.exec<PlanRow>("SELECT settings, instances FROM plan").toArray();
    return row && toPlan(row);
  }

  savePlan({ settings, instances }: ProbePlan): void {
    this.#sql.exec("UPDATE plan SET settings = ?, instances = ?", JSON.stringify(settings), JSON.stringify(instances));
  }

  listRecords(): ProbeRecord[] {
    return this.#sql.exec<ProbeRow>("SELECT * FROM probes").toArray().map(toRecord);
  }

  saveRecord({ instanceId, state, failures, successes, alerted, ms, nextAtMs, cpu }: ProbeRecord): void {
    this.#sql.exec(
      `INSERT OR REPLACE INTO probes (instance_id, state, failures, successes, alerted, ms, next_at, cpu)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
      ...[instanceId, state, failures, successes, alerted ? 1 : 0, ms, nextAtMs, cpu ?? null],
    );
  }

  deleteRecord(instanceId: string): void {
    this.#sql.exec("DELETE FROM probes WHERE instance_id = ?", instanceId);
  }

  appendTransition({ instanceId, from, to, atMs, why }: HealthTransition): void {
    const { id } = this.#sql
      .exec<{ id: number }>(
        "INSERT INTO transitions (instance_id, from_state, to_state, at, why) VALUES (?, ?, ?, ?, ?) RETURNING id",
        ...[instanceId, from, to, atMs, why],
      )
      .one();
    this.#sql.exec("DELETE FROM transitions WHERE id <= ?", id - TRANSITIONS_KEPT);
  }

  /** The newest first. */
  listTransitions(): HealthTransition[] {
    return this.#sql.exec<TransitionRow>("SELECT * FROM transitions ORDER BY id DESC").toArray().map(toTransition);
  }

  /** What has been found stays for people to read. */
  forgetPlan(): void {
    for (const table of ["plan", "probes"]) this.#sql.exec(`DELETE FROM ${table}`);
  }
}

const toPlan = ({ settings, instances }: PlanRow): ProbePlan | undefined =>
  settings === null || instances === null
    ? undefined
    : {
        settings: JSON.parse(settings) as ProbePlan["settings"],
        instances: JSON.parse(instances) as ProbePlan["instances"],
      };

const toRecord = ({ instance_id, state, alerted, next_at, failures, successes, ms, cpu }: ProbeRow): ProbeRecord => ({
  instanceId: instance_id,
  state: state as ProbeRecord["state"],
  alerted: alerted === 1,
  nextAtMs: next_at,
  failures,
  successes,
  ms,
  ...(cpu !== null && { cpu }),
});

const toTransition = ({ instance_id, from_state, to_state, at, why }: TransitionRow): HealthTransition => ({
  instanceId: instance_id,
  from: from_state as HealthTransition["from"],
  to: to_state as ProbeState,
  atMs: at,
  why,
});
