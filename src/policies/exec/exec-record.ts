// One exec as its object keeps it: how it begins, how an outcome changes it, and what is told of it. Pure, over plain data.

import {
  type ExecOrder,
  type ExecStatus,
  type ExecSummary,
  isTerminal,
  type SubmitExec,
} from "../../contracts/exec.ts";
import { mayBecome } from "./exec-status.ts";
import { expiresAtMs } from "./exec-timing.ts";
import type { Outcome } from "./run-outcome.ts";

export type ExecRecord = {
  readonly execId: string;
  readonly runId: string;
  readonly userId: string;
  readonly idempotencyKey: string | null;
  readonly digest: string;
  /** Its `env` is empty once the exec has ended. */
  readonly order: ExecOrder;
  readonly outputBytesMax: number;
  readonly status: ExecStatus;
  readonly cancelRequested: boolean;
  readonly exitCode: number | null;
  readonly error: string | null;
  readonly stdoutBytes: number;
  readonly stderrBytes: number;
  readonly capped: boolean;
  readonly lastSeq: number;
  readonly createdAt: number;
  readonly queueDeadlineAt: number;
  readonly startedAt: number | null;
  readonly completedAt: number | null;
  readonly expiresAt: number | null;
};

/** What has to be known of one that has not ended, to bring it further. */
export type ActiveExec = Pick<
  ExecRecord,
  | ("execId" | "runId" | "status" | "cancelRequested")
  | ("stdoutBytes" | "stderrBytes" | "createdAt" | "queueDeadlineAt")
>;

/** What the deployment says of every exec. */
export type ExecSettings = { readonly outputBytesMax: number; readonly queueDeadlineMs: number };

type Beginning = ExecSettings & { readonly runId: string; readonly nowMs: number };

export const newExec = (
  { userId, execId, idempotencyKey, digest, order }: SubmitExec,
  { runId, nowMs, outputBytesMax, queueDeadlineMs }: Beginning,
): ExecRecord => ({
  ...{ execId, runId, userId, idempotencyKey: idempotencyKey ?? null, digest, order, outputBytesMax },
  ...{ status: "queued", cancelRequested: false, exitCode: null, error: null },
  ...{ stdoutBytes: 0, stderrBytes: 0, capped: false, lastSeq: 0 },
  ...{
    createdAt: nowMs,
    queueDeadlineAt: nowMs + queueDeadlineMs,
    startedAt: null,
    completedAt: null,
    expiresAt: null,
  },
});

/** The exec after it, or undefined where the outcome changes nothing because it has ended, or is no step from where it stands. */
export function settle(exec: ExecRecord, outcome: Outcome, nowMs: number): ExecRecord | undefined {
  if (outcome.status !== "running" && exec.status === "queued" && outcome.startedAtMs !== undefined) {
    const begun = settle(exec, { status: "running", startedAtMs: outcome.startedAtMs }, nowMs);
    return begun && settle(begun, outcome, nowMs);
  }
  if (!mayBecome(exec.status, outcome.status)) return undefined;
  // The executor's clock is another one: nothing begins before it was asked for, or ends before it began or after now.
  const within = (atMs: number): number => Math.min(Math.max(atMs, exec.startedAt ?? exec.createdAt), nowMs);
  if (outcome.status === "running") return { ...exec, status: "running", startedAt: within(outcome.startedAtMs) };
  const completedAt = within(outcome.endedAtMs ?? nowMs);
  return {
    ...exec,
    status: outcome.status,
    order: { ...exec.order, env: {} },
    exitCode: outcome.exitCode,
    error: outcome.error,
    completedAt,
    expiresAt: expiresAtMs(completedAt),
  };
}

/** Why it is given up although nobody said what became of it; undefined while there is hope. `cause`: the latest silence. */
export function overdue(exec: ActiveExec, cause: string | undefined, nowMs: number): Outcome | undefined {
  if (isTerminal(exec.status)) return undefined;
  const waitedMs = exec.queueDeadlineAt - exec.createdAt;
  const isOver = exec.status === "queued" ? nowMs >= exec.queueDeadlineAt : nowMs >= expiresAtMs(exec.createdAt);
  if (!isOver) return undefined;
  const silence = exec.status === "queued" ? `within ${waitedMs} ms` : "for a day";
  const error = `the executor did not answer ${silence}${cause === undefined ? "" : `: ${cause}`}`;
  return { status: "lost", exitCode: null, error };
}

export function summaryOf(exec: ExecRecord): ExecSummary {
  const { execId, userId, status, exitCode, error, createdAt, stdoutBytes, stderrBytes } = exec;
  const { command } = exec.order;
  const asked = typeof command === "string" ? { command } : { command: command.join(" "), argv: command };
  const { startedAt, completedAt } = exec;
  return {
    execId,
    userId,
    ...asked,
    status,
    exitCode,
    error,
    createdAt,
    startedAt,
    completedAt,
    stdoutBytes,
    stderrBytes,
  };
}
