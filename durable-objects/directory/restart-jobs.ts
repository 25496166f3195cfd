// Restart jobs: each goes through its users one by one, by alarm. What a step is about to do is stored before it is done, so a kill at
// any moment repeats a step at most, and steps may be repeated. Called by the Directory object.

import { createHash } from "node:crypto";
import { ok, type Result, refuse } from "../../src/contracts/refusals.ts";
import type {
  RestartJob,
  RestartJobPage,
  RestartStarted,
  StartRestart,
  UserRestart,
} from "../../src/contracts/restart-jobs.ts";
import { log } from "../../src/log.ts";
import { canonicalJson } from "../../src/policies/config/canonical-json.ts";
import { decideRestart } from "../../src/policies/fleet/decide-restart.ts";
import { nextStep, type RestartFinding, type RestartStep } from "../../src/policies/fleet/restart-step.ts";
import { type NewJob, RestartJobsTables, type StoredJob, type Turn } from "./restart-jobs-tables.ts";
import type { UsersTables } from "./users-tables.ts";

const JOB_TTL_MS = 86_400_000;
const COMPLETED_KEPT = 100;
const USERS_LISTED_MAX = 1_000;
/** Jobs that take a step in one alarm, at the same time. */
const STEPS_AT_ONCE_MAX = 6;
/** Between two alarms; one set to now by an alarm may stall. */
const NEXT_ALARM_MS = 10;
/** After a fault of our own. */
const AGAIN_AFTER_MS = 1_000;

export type RestartJobsParts = {
  readonly ctx: DurableObjectState;
  readonly users: UsersTables;
  /** Ends what was accepted for the user until `sinceMs`; may be repeated. */
  readonly restart: (userId: string, sinceMs: number) => Promise<RestartFinding>;
};

export class RestartJobs {
  readonly #tables: RestartJobsTables;
  readonly #parts: RestartJobsParts;
  /** Nobody could end while the plane was down, so that time counts against nobody. */
  readonly #awakeSinceMs = Date.now();

  constructor(parts: RestartJobsParts) {
    this.#parts = parts;
    this.#tables = new RestartJobsTables(parts.ctx.storage.sql);
  }

  /** Refuses idempotency_mismatch, unknown_user, too_many_at_once. */
  start({ jobId, idempotencyKey, userIds, delayMs }: StartRestart, nowMs: number): Result<RestartStarted> {
    const digest = sha256(canonicalJson({ userIds: userIds ?? null, delayMs }));
    const unknown = (userIds ?? []).flatMap((id, index) => (this.#isRegistered(id) ? [] : [index]));
    const decision = decideRestart({
      digest,
      byId: this.#tables.findKnown("id", jobId),
      byKey: idempotencyKey === undefined ? undefined : this.#tables.findKnown("idempotency_key", idempotencyKey),
      running: this.#tables.countRunning(),
      unknown,
    });
    if (decision.kind === "refused") return decision.refusal;
    if (decision.kind === "same") {
      // Of this very command where it bears its id: then an earlier answer got lost.
      const created = decision.jobId === jobId;
      return ok({ jobId: decision.jobId, users: this.#tables.find(decision.jobId)?.total ?? 0, created });
    }
    return ok({
      jobId,
      users: this.#insert({ jobId, idempotencyKey, delayMs, digest, createdAt: nowMs }, userIds),
      created: true,
    });
  }

  /** Refuses unknown_job. */
  describe(jobId: string, page: RestartJobPage): Result<RestartJob> {
    const job = this.#tables.find(jobId);
    if (job === undefined) return refuse("unknown_job", "jobs are kept for a day");
    const counts = this.#tables.countByStatus(jobId);
    const count = (status: UserRestart["status"]) => counts.get(status) ?? 0;
    const limit = Math.min(page.limit, USERS_LISTED_MAX);
    const turns = this.#tables.listTurns(jobId, { ...page, limit });
    const { createdAt, completedAt, delayMs, total } = job;
    return ok({
      ...{ jobId, kind: "restart", delayMs, createdAt, completedAt },
      status: completedAt === null ? "running" : "completed",
      progress: {
        total,
        pending: count("pending"),
        restarting: count("restarting"),
        restarted: count("restarted"),
        failed: count("failed"),
        skipped: count("skipped"),
      },
      users: turns.map(({ jobId: _, position: __, ...user }) => user),
      next: page.after + turns.length < total ? page.after + turns.length : null,
    });
  }

  restarting(): string[] {
    return this.#tables.listRestarting();
  }

  /** Never throws for what others fail to do: the platform would repeat it at its own pace, and give it up in the end. */
  async stepDue(): Promise<void> {
    const due = this.#tables.listDue(Date.now(), STEPS_AT_ONCE_MAX);
    await Promise.all(due.map((job) => this.#step(job)));
    for (const jobId of this.#tables.listSurplus(Date.now() - JOB_TTL_MS, COMPLETED_KEPT)) this.#tables.delete(jobId);
    this.arm(Date.now());
  }

  /** Sets the alarm to the next step, or to when a job is to be forgotten. */
  arm(nowMs: number): void {
    const dueAtMs = this.#tables.nextDueAtMs();
    const oldest = this.#tables.oldestCompletedAt();
    const atMs = Math.min(dueAtMs ?? Number.POSITIVE_INFINITY, (oldest ?? Number.POSITIVE_INFINITY) + JOB_TTL_MS);
    if (Number.isFinite(atMs)) void this.#parts.ctx.storage.setAlarm(Math.max(atMs, nowMs + NEXT_ALARM_MS));
  }

  #insert(job: NewJob, userIds: readonly string[] | undefined): number {
    const users = this.#parts.ctx.storage.transactionSync(() => this.#tables.insert(job, userIds));
    this.arm(job.createdAt);
    return users;
  }

  #isRegistered(userId: string): boolean {
    return this.#parts.users.find(userId) !== undefined;
  }

  async #step(job: StoredJob): Promise<void> {
    try {
      const turn = this.#tables.currentTurn(job);
      if (turn === undefined) this.#tables.complete(job.jobId, Date.now());
      else if (turn.status === "pending" && !this.#isRegistered(turn.userId)) this.#end(job, turn, "skipped");
      else await this.#restart(job, this.#begun(turn));
    } catch (error) {
      log("error", "restart not gone on with", { jobId: job.jobId, cause: String(error) });
      this.#tables.saveProgress(job, Date.now() + AGAIN_AFTER_MS);
    }
  }

  /** Stored before anything is sent: what is accepted later than this is not ended, however often the step is repeated. */
  #begun(turn: Turn): Turn & { readonly startedAt: number } {
    const begun = { ...turn, status: "restarting", startedAt: turn.startedAt ?? Date.now() } as const;
    if (turn.status === "pending") this.#tables.saveTurn(begun);
    return begun;
  }

  async #restart(job: StoredJob, turn: Turn & { readonly startedAt: number }): Promise<void> {
    const finding = await this.#parts.restart(turn.userId, turn.startedAt);
    const nowMs = Date.now();
    const step: RestartStep = nextStep(finding, Math.max(turn.startedAt, this.#awakeSinceMs), nowMs);
    if (step.status === "restarting") return this.#tables.saveProgress(job, nowMs + step.againInMs);
    if (step.status === "restarted") this.#parts.users.markRestarted(turn.userId, nowMs);
    this.#end(job, turn, step.status, step.status === "failed" ? step.error : null);
  }

  /** The next one's turn comes `delayMs` later; at once behind one who was not there, and behind the last. */
  #end(job: StoredJob, turn: Turn, status: UserRestart["status"], error: string | null = null): void {
    const nowMs = Date.now();
    this.#tables.saveTurn({ ...turn, status, error, completedAt: nowMs });
    const pauseMs = status === "skipped" ? 0 : job.delayMs;
    if (turn.position >= job.total) this.#tables.complete(job.jobId, nowMs);
    else this.#tables.saveProgress({ jobId: job.jobId, position: turn.position + 1 }, nowMs + pauseMs);
  }
}

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");
