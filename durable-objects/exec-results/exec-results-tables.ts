// All SQL of the ExecResultStore object: execs, their output, and the runs still to be forgotten. Called by the object only.

import type { ExecStatus, ListExecs, OutputStream } from "../../src/contracts/exec.ts";
import type { ActiveExec, ExecRecord } from "../../src/policies/exec/exec-record.ts";

type ExecRow = {
  exec_id: string;
  run_id: string;
  user_id: string;
  idempotency_key: string | null;
  digest: string;
  command: string;
  env: string | null;
  working_dir: string;
  timeout_ms: number;
  output_bytes_max: number;
  status: string;
  cancel_requested: number;
  exit_code: number | null;
  error: string | null;
  stdout_bytes: number;
  stderr_bytes: number;
  capped: number;
  last_seq: number;
  created_at: number;
  queue_deadline_at: number;
  started_at: number | null;
  completed_at: number | null;
  expires_at: number | null;
};
type ActiveRow = Pick<
  ExecRow,
  | ("exec_id" | "run_id" | "status" | "cancel_requested")
  | ("stdout_bytes" | "stderr_bytes" | "created_at" | "queue_deadline_at")
>;
type ChunkRow = { seq: number; stream: string; bytes: ArrayBuffer };

export type StoredChunk = { readonly seq: number; readonly stream: OutputStream; readonly bytes: ArrayBuffer };

export class ExecResultsTables {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  find(execId: string): ExecRecord | undefined {
    return this.#first("SELECT * FROM exec_results WHERE exec_id = ?", execId);
  }

  findByKey(key: string): ExecRecord | undefined {
    return this.#first("SELECT * FROM exec_results WHERE idempotency_key = ?", key);
  }

  countAll(): number {
    return this.#count("SELECT count(*) AS n FROM exec_results");
  }

  countActive(): number {
    return this.#count("SELECT count(*) AS n FROM exec_results WHERE status IN ('queued', 'running')");
  }

  countReleases(): number {
    return this.#count("SELECT count(*) AS n FROM releases");
  }

  /** With their whole orders, which may be large; oldest first. */
  listQueued(limit: number): ExecRecord[] {
    return this.#all(
      "SELECT * FROM exec_results WHERE status = 'queued' AND cancel_requested = 0 ORDER BY created_at LIMIT ?",
      limit,
    );
  }

  /** Without what was ordered. */
  listActive(): ActiveExec[] {
    return this.#sql
      .exec<ActiveRow>(
        `SELECT exec_id, run_id, status, cancel_requested, stdout_bytes, stderr_bytes, created_at, queue_deadline_at
         FROM exec_results WHERE status IN ('queued', 'running')`,
      )
      .toArray()
      .map(toActive);
  }

  /** Newest first, without their environments. */
  list({ status, limit, before }: ListExecs): ExecRecord[] {
    return this.#all(
      `SELECT *, NULL AS env FROM exec_results WHERE (?1 IS NULL OR status = ?1) AND (?2 IS NULL OR created_at < ?2)
       ORDER BY created_at DESC, exec_id LIMIT ?3`,
      ...[status ?? null, before ?? null, limit],
    );
  }

  insert(exec: ExecRecord): void {
    const { command, env, workingDir, timeoutMs } = exec.order;
    this.#sql.exec(
      `INSERT INTO exec_results (exec_id, run_id, user_id, idempotency_key, digest, command, env, working_dir, timeout_ms,
         output_bytes_max, status, created_at, queue_deadline_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      ...[exec.execId, exec.runId, exec.userId, exec.idempotencyKey, exec.digest, JSON.stringify(command)],
      ...[JSON.stringify(env), workingDir, timeoutMs, exec.outputBytesMax],
      ...[exec.status, exec.createdAt, exec.queueDeadlineAt],
    );
  }

  /** What changes of an exec; what was ordered stays, but for the environment of one that has ended. */
  update(exec: ExecRecord): void {
    this.#sql.exec(
      `UPDATE exec_results SET status = ?, cancel_requested = ?, exit_code = ?, error = ?, stdout_bytes = ?, stderr_bytes = ?,
         capped = ?, last_seq = ?, started_at = ?, completed_at = ?, expires_at = ? WHERE exec_id = ?`,
      ...[exec.status, exec.cancelRequested ? 1 : 0, exec.exitCode, exec.error, exec.stdoutBytes, exec.stderrBytes],
      ...[exec.capped ? 1 : 0, exec.lastSeq, exec.startedAt, exec.completedAt, exec.expiresAt, exec.execId],
    );
    if (exec.completedAt !== null) this.#sql.exec("UPDATE exec_results SET env = NULL WHERE exec_id = ?", exec.execId);
  }

  requestCancel(execId: string): void {
    this.#sql.exec("UPDATE exec_results SET cancel_requested = 1 WHERE exec_id = ?", execId);
  }

  appendChunk(execId: string, seq: number, { stream, bytes }: { stream: OutputStream; bytes: Uint8Array }): void {
    this.#sql.exec(
      "INSERT INTO output_chunks (exec_id, seq, stream, bytes) VALUES (?, ?, ?, ?)",
      ...[execId, seq, stream, bytes],
    );
  }

  /** In their order, until together they have `bytesMax` or more; `stream`: of this one alone. */
  listChunks(
    execId: string,
    after: number,
    { bytesMax, stream }: { bytesMax: number; stream?: OutputStream },
  ): StoredChunk[] {
    const chunks: StoredChunk[] = [];
    let bytes = 0;
    const rows = this.#sql.exec<ChunkRow>(
      "SELECT seq, stream, bytes FROM output_chunks WHERE exec_id = ?1 AND seq > ?2 AND (?3 IS NULL OR stream = ?3) ORDER BY seq",
      ...[execId, after, stream ?? null],
    );
    for (const row of rows) {
      chunks.push({ seq: row.seq, stream: row.stream as OutputStream, bytes: row.bytes });
      bytes += row.bytes.byteLength;
      if (bytes >= bytesMax) break;
    }
    return chunks;
  }

  /** Of those that have ended, the ones that ended first. */
  evict(count: number): void {
    if (count > 0)
      this.#delete(
        "SELECT exec_id FROM exec_results WHERE completed_at IS NOT NULL ORDER BY completed_at LIMIT ?",
        count,
      );
  }

  deleteExpired(nowMs: number): void {
    this.#delete("SELECT exec_id FROM exec_results WHERE expires_at <= ?", nowMs);
    this.#sql.exec("DELETE FROM releases WHERE until_at <= ?", nowMs);
  }

  firstExpiryMs(): number | undefined {
    return (
      this.#sql.exec<{ at: number | null }>("SELECT min(expires_at) AS at FROM exec_results").one().at ?? undefined
    );
  }

  listReleases(limit: number): string[] {
    return this.#sql
      .exec<{ run_id: string }>("SELECT run_id FROM releases LIMIT ?", limit)
      .toArray()
      .map(({ run_id }) => run_id);
  }

  addRelease(runId: string, untilMs: number): void {
    this.#sql.exec("INSERT OR REPLACE INTO releases (run_id, until_at) VALUES (?, ?)", runId, untilMs);
  }

  deleteRelease(runId: string): void {
    this.#sql.exec("DELETE FROM releases WHERE run_id = ?", runId);
  }

  #delete(which: string, binding: number): void {
    for (const { exec_id } of this.#sql.exec<{ exec_id: string }>(which, binding).toArray()) {
      this.#sql.exec("DELETE FROM output_chunks WHERE exec_id = ?", exec_id);
      this.#sql.exec("DELETE FROM exec_results WHERE exec_id = ?", exec_id);
    }
  }

  #all(query: string, ...bindings: SqlStorageValue[]): ExecRecord[] {
    return this.#sql
      .exec<ExecRow>(query, ...bindings)
      .toArray()
      .map(toExec);
  }

  #first(query: string, ...bindings: SqlStorageValue[]): ExecRecord | undefined {
    return this.#all(query, ...bindings)[0];
  }

  #count(query: string): number {
    return this.#sql.exec<{ n: number }>(query).one().n;
  }
}

const toActive = (row: ActiveRow): ActiveExec => ({
  execId: row.exec_id,
  runId: row.run_id,
  status: row.status as ExecStatus,
  cancelRequested: row.cancel_requested === 1,
  stdoutBytes: row.stdout_bytes,
  stderrBytes: row.stderr_bytes,
  createdAt: row.created_at,
  queueDeadlineAt: row.queue_deadline_at,
});

const toExec = (row: ExecRow): ExecRecord => ({
  ...toActive(row),
  userId: row.user_id,
  idempotencyKey: row.idempotency_key,
  digest: row.digest,
  order: {
    command: JSON.parse(row.command) as string | string[],
    env: JSON.parse(row.env ?? "{}") as Record<string, string>,
    workingDir: row.working_dir,
    timeoutMs: row.timeout_ms,
  },
  outputBytesMax: row.output_bytes_max,
  exitCode: row.exit_code,
  error: row.error,
  capped: row.capped === 1,
  lastSeq: row.last_seq,
  startedAt: row.started_at,
  completedAt: row.completed_at,
  expiresAt: row.expires_at,
});
