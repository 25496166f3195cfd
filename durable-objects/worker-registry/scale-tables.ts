// All SQL of a pool's autoscale: its latest decisions and what became of those that go to a webhook. Called by PoolScaling only.

import type { ScaleDecision, ScaleDelivery, ScaleReason, ScaleSignals } from "../../src/contracts/autoscale.ts";
import { DECISIONS_KEPT } from "../../src/policies/autoscale/scale-book.ts";

type DecisionRow = {
  decision_id: string;
  at: number;
  from_count: number;
  to_count: number;
  reason: string;
  why: string;
  signals: string;
  delivery: string | null;
};

export class ScaleTables {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** The newest first. */
  list(): ScaleDecision[] {
    return this.#sql
      .exec<DecisionRow>("SELECT * FROM scale_decisions ORDER BY id DESC LIMIT ?", DECISIONS_KEPT)
      .toArray()
      .map(toDecision);
  }

  add({ id, atMs, from, to, reason, why, signals, delivery }: ScaleDecision): void {
    this.#sql.exec(
      `INSERT OR REPLACE INTO scale_decisions (decision_id, at, from_count, to_count, reason, why, signals, delivery)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
      ...[id, atMs, from, to, reason, why, JSON.stringify(signals), delivery ? JSON.stringify(delivery) : null],
    );
    this.#sql.exec("DELETE FROM scale_decisions WHERE id <= (SELECT max(id) FROM scale_decisions) - ?", DECISIONS_KEPT);
  }

  saveDelivery(decisionId: string, delivery: ScaleDelivery): void {
    this.#sql.exec(
      "UPDATE scale_decisions SET delivery = ? WHERE decision_id = ?",
      JSON.stringify(delivery),
      decisionId,
    );
  }
}

const toDecision = (row: DecisionRow): ScaleDecision => ({
  id: row.decision_id,
  atMs: row.at,
  from: row.from_count,
  to: row.to_count,
  reason: row.reason as ScaleReason,
  why: row.why,
  signals: JSON.parse(row.signals) as ScaleSignals,
  ...(row.delivery !== null && { delivery: JSON.parse(row.delivery) as ScaleDelivery }),
});
