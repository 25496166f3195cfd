// The SQL of restart jobs: each one, and each of its users' turns. Called by restart-jobs.ts only.

import type { RestartJobPage, UserRestart, UserRestartStatus } from "../../src/contracts/restart-jobs.ts";
import type { KnownJob } from "../../src/policies/fleet/decide-restart.ts";

export type StoredJob = {
  readonly jobId: string;
  readonly createdAt: number;
  readonly delayMs: number;
  readonly total: number;
  readonly position: number;
  readonly completedAt: number | null;
};
export type NewJob = Pick<StoredJob, "jobId" | "createdAt" | "delayMs"> & {
  readonly digest: string;
  readonly idempotencyKey: string | undefined;
};
/** A user's turn in a job. */
export type Turn = UserRestart & { readonly jobId: string; readonly position: number };

type JobRow = {
  id: string;
  created_at: number;
  delay_ms: number;
  total: number;
  position: number;
  completed_at: number | null;
};
type TurnRow = {
  job_id: string;
  position: number;
  user_id: string;
  status: string;
  started_at: number | null;
  completed_at: number | null;
  error: string | null;
};
const JOB_COLUMNS = "id, created_at, delay_ms, total, position, completed_at";

export class RestartJobsTables {
  readonly #sql: SqlStorage;
  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  find(jobId: string): StoredJob | undefined {
    const [row] = this.#sql.exec<JobRow>(`SELECT ${JOB_COLUMNS} FROM restart_jobs WHERE id = ?`, jobId);
    return row === undefined ? undefined : toJob(row);
  }

  findKnown(condition: "id" | "idempotency_key", value: string): KnownJob | undefined {
    const [row] = this.#sql.exec<KnownJob>(
      `SELECT id AS jobId, digest FROM restart_jobs WHERE ${condition} = ?`,
      value,
    );
    return row;
  }

  countRunning(): number {
    return this.#sql
      .exec<{ count: number }>("SELECT count(*) AS count FROM restart_jobs WHERE due_at IS NOT NULL")
      .one().count;
  }

  /** With a turn for each of `userIds`, or for everybody who is registered; returns for how many. */
  insert(job: NewJob, userIds: readonly string[] | undefined): number {
    if (userIds === undefined) {
      this.#sql.exec(
        `INSERT INTO user_restarts (job_id, position, user_id, status)
         SELECT ?, row_number() OVER (ORDER BY id), id, 'pending' FROM users`,
        job.jobId,
      );
    }
    for (const [index, userId] of (userIds ?? []).entries()) {
      this.#sql.exec(
        "INSERT INTO user_restarts (job_id, position, user_id, status) VALUES (?, ?, ?, 'pending')",
        ...[job.jobId, index + 1, userId],
      );
    }
    return this.#sql
      .exec<{ total: number }>(
        `INSERT INTO restart_jobs (id, created_at, delay_ms, idempotency_key, digest, total, position, due_at)
         VALUES (?1, ?2, ?3, ?4, ?5, (SELECT count(*) FROM user_restarts WHERE job_id = ?1), 1, 0) RETURNING total`,
        ...[job.jobId, job.createdAt, job.delayMs, job.idempotencyKey ?? null, job.digest],
      )
      .one().total;
  }

  /** Undefined when no job is left to do. Epoch ms, 0: at once. */
  nextDueAtMs(): number | undefined {
    return (
      this.#sql.exec<{ due_at: number | null }>("SELECT min(due_at) AS due_at FROM restart_jobs").one().due_at ??
      undefined
    );
  }

  listDue(nowMs: number, limit: number): StoredJob[] {
    return this.#sql
      .exec<JobRow>(
        `SELECT ${JOB_COLUMNS} FROM restart_jobs WHERE due_at <= ? ORDER BY due_at, created_at LIMIT ?`,
        nowMs,
        limit,
      )
      .toArray()
      .map(toJob);
  }

  /** The turn that the job has come to; undefined behind the last. */
  currentTurn({ jobId, position }: StoredJob): Turn | undefined {
    const [row] = this.#sql.exec<TurnRow>(
      "SELECT * FROM user_restarts WHERE job_id = ? AND position = ?",
      jobId,
      position,
    );
    return row === undefined ? undefined : toTurn(row);
  }

  saveTurn({ jobId, position, status, startedAt, completedAt, error }: Turn): void {
    this.#sql.exec(
      "UPDATE user_restarts SET status = ?, started_at = ?, completed_at = ?, error = ? WHERE job_id = ? AND position = ?",
      ...[status, startedAt, completedAt, error, jobId, position],
    );
  }

  saveProgress({ jobId, position }: Pick<StoredJob, "jobId" | "position">, dueAtMs: number): void {
    this.#sql.exec("UPDATE restart_jobs SET position = ?, due_at = ? WHERE id = ?", position, dueAtMs, jobId);
  }

  complete(jobId: string, nowMs: number): void {
    this.#sql.exec("UPDATE restart_jobs SET due_at = NULL, completed_at = ? WHERE id = ?", nowMs, jobId);
  }

  /** In their order; all behind the page's `after`. */
  listTurns(jobId: string, { limit, after }: RestartJobPage): Turn[] {
    return this.#sql
      .exec<TurnRow>(
        "SELECT * FROM user_restarts WHERE job_id = ? AND position > ? ORDER BY position LIMIT ?",
        ...[jobId, after, limit],
      )
      .toArray()
      .map(toTurn);
  }

  countByStatus(jobId: string): ReadonlyMap<UserRestartStatus, number> {
    const rows = this.#sql.exec<{ status: string; count: number }>(
      "SELECT status, count(*) AS count FROM user_restarts WHERE job_id = ? GROUP BY status",
      jobId,
    );
    return new Map(rows.toArray().map(({ status, count }) => [status as UserRestartStatus, count]));
  }

  /** Whose restart has begun and not ended, in any job. */
  listRestarting(): string[] {
    return this.#sql
      .exec<{ user_id: string }>(
        `SELECT user_id FROM restart_jobs JOIN user_restarts
           ON user_restarts.job_id = restart_jobs.id AND user_restarts.position = restart_jobs.position
         WHERE due_at IS NOT NULL AND status = 'restarting'`,
      )
      .toArray()
      .map(({ user_id }) => user_id);
  }

  oldestCompletedAt(): number | undefined {
    const { at } = this.#sql.exec<{ at: number | null }>("SELECT min(completed_at) AS at FROM restart_jobs").one();
    return at ?? undefined;
  }

  /** Completed ones, the newest excepted. */
  listSurplus(completedBefore: number, kept: number): string[] {
    return this.#sql
      .exec<{ id: string }>(
        `SELECT id FROM (SELECT id, completed_at, row_number() OVER (ORDER BY completed_at DESC) AS rank
           FROM restart_jobs WHERE completed_at IS NOT NULL) WHERE completed_at <= ? OR rank > ?`,
        completedBefore,
        kept,
      )
      .toArray()
      .map(({ id }) => id);
  }

  delete(jobId: string): void {
    this.#sql.exec("DELETE FROM user_restarts WHERE job_id = ?", jobId);
    this.#sql.exec("DELETE FROM restart_jobs WHERE id = ?", jobId);
  }
}

const toJob = ({ id, created_at, delay_ms, total, position, completed_at }: JobRow): StoredJob => ({
  jobId: id,
  createdAt: created_at,
  delayMs: delay_ms,
  total,
  position,
  completedAt: completed_at,
});

const toTurn = ({ job_id, position, user_id, status, started_at, completed_at, error }: TurnRow): Turn => ({
  ...{ jobId: job_id, position, userId: user_id, error },
  status: status as UserRestartStatus,
  startedAt: started_at,
  completedAt: completed_at,
});
