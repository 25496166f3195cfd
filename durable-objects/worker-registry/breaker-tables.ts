// All SQL of a pool's circuit breaker: its latest transitions. Called by the WorkerRegistry object only.

import type { BreakerState, BreakerTransition } from "../../src/contracts/breaker.ts";

type TransitionRow = { from_state: string; to_state: string; at: number; times: number; until: number; why: string };

const KEPT_MAX = 200;

export class BreakerTables {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** The newest first. */
  list(): BreakerTransition[] {
    return this.#sql
      .exec<TransitionRow>("SELECT * FROM breaker_transitions ORDER BY id DESC LIMIT ?", KEPT_MAX)
      .toArray()
      .map(toTransition);
  }

  add(transitions: readonly BreakerTransition[]): void {
    for (const { from, to, atMs, times, untilMs, why } of transitions) {
      this.#sql.exec(
        "INSERT INTO breaker_transitions (from_state, to_state, at, times, until, why) VALUES (?, ?, ?, ?, ?, ?)",
        from,
        to,
        atMs,
        times,
        untilMs,
        why,
      );
    }
    this.#sql.exec(
      "DELETE FROM breaker_transitions WHERE id <= (SELECT max(id) FROM breaker_transitions) - ?",
      KEPT_MAX,
    );
  }
}

const toTransition = ({ from_state, to_state, at, times, until, why }: TransitionRow): BreakerTransition => ({
  from: from_state as BreakerState,
  to: to_state as BreakerState,
  atMs: at,
  times,
  untilMs: until,
  why,
});
