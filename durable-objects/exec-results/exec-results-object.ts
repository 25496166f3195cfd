// One per user: what was run for them, each exec at most once, and what came of it (C05–C08). It drives the executor itself.
// Tables: exec_results, output_chunks, releases. RPC: submit; read, follow, list, standing; cancel, cancelAll.
// Alarm: does whatever is to be done until nothing is left, and deletes what has expired. A kill at any moment leaves an alarm that
// goes off at the next start: nothing that was accepted depends on the call that brought it.

import { DurableObject } from "cloudflare:workers";
import { execResultsMigrations } from "../../migrations/exec-results/index.ts";
import {
  type ExecAcceptance,
  type ExecOutput,
  type ExecResult,
  type ExecSummary,
  type FollowExec,
  isTerminal,
  type ListExecs,
  type OutputStream,
  type SubmitExec,
} from "../../src/contracts/exec.ts";
import type { Executor } from "../../src/contracts/executor.ts";
import type { ContainerStanding } from "../../src/contracts/executor-standing.ts";
import { ok, type Result, refuse } from "../../src/contracts/refusals.ts";
import { log } from "../../src/log.ts";
import { type ExecRecord, newExec, summaryOf } from "../../src/policies/exec/exec-record.ts";
import { decideCancel } from "../../src/policies/exec/exec-status.ts";
import { type AlarmFacts, nextAlarmAtMs } from "../../src/policies/exec/exec-timing.ts";
import { decideReservation } from "../../src/policies/exec/reserve-exec.ts";
import { migrate } from "../migrate.ts";
import { ExecDriver } from "./exec-driver.ts";
import { ExecResultsTables } from "./exec-results-tables.ts";
import { execSettingsOf, executorOf } from "./executor-of.ts";
import { NewsBell } from "./news-bell.ts";

/** An alarm may run for 15 min; the next one goes on. */
const DRIVE_MS_MAX = 60_000;
/** A round that had begun by then is over by then. A call that was cut short leaves no other sign. */
const DRIVE_OVER_MS = DRIVE_MS_MAX + 60_000;
/** After a fault of our own. */
const AGAIN_AFTER_MS = 1_000;
const FOLLOW_MS_MAX = 20_000;
const FOLLOW_BYTES_MAX = 524_288;
const SHOWN_BYTES_MAX = 65_536;

export class ExecResultStore extends DurableObject<Env> {
  readonly #tables: ExecResultsTables;
  readonly #driver: ExecDriver;
  readonly #executor: Executor | undefined;
  readonly #bell = new NewsBell();
  /** When the alarm that is at work began, epoch ms. */
  #drivingSinceMs = Number.NEGATIVE_INFINITY;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    migrate(ctx.storage, execResultsMigrations);
    this.#tables = new ExecResultsTables(ctx.storage.sql);
    this.#executor = executorOf(env, ctx.container);
    const [changed, sync] = [() => this.#bell.ring(), () => ctx.storage.sync()];
    this.#driver = new ExecDriver({ tables: this.#tables, executor: this.#executor, changed, sync });
    // Where nothing is set, an alarm got lost.
    if (nextAlarmAtMs(this.#alarmFacts(), Date.now()) !== undefined) void this.#armIfUnset();
  }

  /**
   * Reserves the exec before anything is begun. Repeating it, or the same order under the same key, answers with the same exec.
   * Refuses idempotency_mismatch, too_many_at_once and executor_unset.
   */
  async submit(command: SubmitExec): Promise<Result<ExecAcceptance>> {
    const nowMs = Date.now();
    const reservation = decideReservation({
      digest: command.digest,
      byId: this.#tables.find(command.execId),
      byKey: command.idempotencyKey === undefined ? undefined : this.#tables.findByKey(command.idempotencyKey),
      kept: this.#tables.countAll(),
      active: this.#tables.countActive(),
    });
    if (reservation.kind === "refused") return reservation.refusal;
    if (reservation.kind === "same") return this.#accepted(reservation.execId);
    if (this.#executor === undefined) return refuse("executor_unset");
    const runId = crypto.randomUUID();
    this.ctx.storage.transactionSync(() => {
      this.#tables.evict(reservation.evict);
      this.#tables.insert(newExec(command, { runId, nowMs, ...execSettingsOf(this.env) }));
    });
    await this.#drive();
    return this.#accepted(command.execId);
  }

  /** With the beginning of its output. Refuses unknown_exec. */
  read(execId: string): Result<ExecResult> {
    const exec = this.#tables.find(execId);
    if (exec === undefined) return refuse("unknown_exec");
    const [stdout, stderr] = [this.#shown(exec, "stdout"), this.#shown(exec, "stderr")];
    const truncated = exec.capped || exec.stdoutBytes > SHOWN_BYTES_MAX || exec.stderrBytes > SHOWN_BYTES_MAX;
    return ok({ ...summaryOf(exec), stdout, stderr, truncated });
  }

  /** Output after a seq, as soon as there is any, or the exec has ended, or `waitMs` (20 s at most) have passed. Refuses unknown_exec. */
  async follow({ execId, after, waitMs }: FollowExec): Promise<Result<ExecOutput>> {
    const untilMs = Date.now() + Math.min(waitMs, FOLLOW_MS_MAX);
    for (;;) {
      const output = this.#outputAfter(execId, after);
      const leftMs = untilMs - Date.now();
      if (!output.ok || leftMs <= 0) return output;
      if (output.value.chunks.length > 0 || isTerminal(output.value.exec.status)) return output;
      await this.#bell.wait(leftMs);
    }
  }

  /** Newest first. */
  list(which: ListExecs): ExecSummary[] {
    return this.#tables.list(which).map(summaryOf);
  }

  /** Has it stopped; it has ended when its status says so. Repeating it is no other. Refuses unknown_exec and exec_ended. */
  async cancel(execId: string): Promise<Result<ExecSummary>> {
    const exec = this.#tables.find(execId);
    if (exec === undefined) return refuse("unknown_exec");
    const decision = decideCancel(exec.status);
    if (decision === "ended") return refuse("exec_ended", undefined, { execStatus: exec.status });
    if (decision === "done") return ok(summaryOf(exec));
    this.#tables.requestCancel(execId);
    await this.#drive();
    return ok(summaryOf(exec));
  }

  /** Whether the user's own container is there, and how many commands are begun. */
  standing(): ContainerStanding {
    const { container } = this.ctx;
    const running = this.#tables.listActive().filter(({ status }) => status === "running").length;
    return { container: container === undefined ? "none" : container.running ? "up" : "down", running };
  }

  /** Has all of them stopped that were accepted until then; answers how many of those have yet to end. May be repeated. */
  async cancelAll(acceptedUntilMs: number): Promise<number> {
    const meant = this.#tables.listActive().filter(({ createdAt }) => createdAt <= acceptedUntilMs);
    const untold = meant.filter(({ cancelRequested }) => !cancelRequested);
    for (const { execId } of untold) this.#tables.requestCancel(execId);
    if (untold.length > 0) await this.#drive();
    return meant.length;
  }

  /** Never throws: the platform would repeat it at its own pace, and give it up in the end. */
  override async alarm(): Promise<void> {
    const startedAtMs = Date.now();
    this.#drivingSinceMs = startedAtMs;
    let againAtMs: number | undefined;
    try {
      const untilMs = startedAtMs + DRIVE_MS_MAX;
      for (let isBusy = this.#hasWork(); isBusy && Date.now() < untilMs; isBusy = this.#driver.isBusy())
        await this.#driver.round();
      this.#tables.deleteExpired(Date.now());
    } catch (error) {
      log("error", "execs could not be driven", { cause: String(error) });
      againAtMs = Date.now() + AGAIN_AFTER_MS;
    }
    // With no await before: whoever comes from here on sets an alarm of its own.
    this.#drivingSinceMs = Number.NEGATIVE_INFINITY;
    await this.#arm(againAtMs);
  }

  #accepted(execId: string): Result<ExecAcceptance> {
    const exec = this.#tables.find(execId);
    return exec === undefined ? refuse("unknown_exec") : ok({ execId, status: exec.status });
  }

  #outputAfter(execId: string, after: number): Result<ExecOutput> {
    const exec = this.#tables.find(execId);
    if (exec === undefined) return refuse("unknown_exec");
    const stored = this.#tables.listChunks(execId, after, { bytesMax: FOLLOW_BYTES_MAX });
    const chunks = stored.map(({ seq, stream, bytes }) => ({ seq, stream, text: decode(bytes) }));
    const more = (chunks.at(-1)?.seq ?? exec.lastSeq) < exec.lastSeq;
    return ok({ exec: summaryOf(exec), chunks, lastSeq: exec.lastSeq, more, capped: exec.capped });
  }

  #shown({ execId }: ExecRecord, stream: OutputStream): string {
    const chunks = this.#tables.listChunks(execId, 0, { bytesMax: SHOWN_BYTES_MAX, stream });
    const decoder = newDecoder();
    let room = SHOWN_BYTES_MAX;
    let text = "";
    for (const { bytes } of chunks) {
      const isCut = bytes.byteLength > room;
      text += decoder.decode(new Uint8Array(bytes, 0, Math.min(bytes.byteLength, room)), { stream: true });
      // Half a character at the cut is left out.
      if (isCut) return text;
      room -= bytes.byteLength;
    }
    return text + decoder.decode();
  }

  /** The alarm that runs is told, or one is set. */
  async #drive(): Promise<void> {
    if (Date.now() - this.#drivingSinceMs < DRIVE_OVER_MS) this.#driver.nudge();
    else await this.ctx.storage.setAlarm(Date.now());
  }

  async #armIfUnset(): Promise<void> {
    if ((await this.ctx.storage.getAlarm()) === null) await this.#arm();
  }

  async #arm(atMs?: number): Promise<void> {
    const next = atMs ?? nextAlarmAtMs(this.#alarmFacts(), Date.now());
    if (next !== undefined) await this.ctx.storage.setAlarm(next);
  }

  #hasWork(): boolean {
    const { isActive, hasReleases } = this.#alarmFacts();
    return isActive || hasReleases;
  }

  #alarmFacts(): AlarmFacts {
    const [isActive, hasReleases] = [this.#tables.countActive() > 0, this.#tables.countReleases() > 0];
    return { isActive, hasReleases, firstExpiryMs: this.#tables.firstExpiryMs() };
  }
}

/** Every piece would lose a byte order mark that stands at its beginning. */
const newDecoder = (): TextDecoder => new TextDecoder("utf-8", { fatal: false, ignoreBOM: true });
const decode = (bytes: ArrayBuffer): string => newDecoder().decode(bytes);
