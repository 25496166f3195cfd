// Brings a user's execs and their executor together, round by round: begins what is queued, stops what is cancelled, has forgotten
// what is over, watches what runs. Called by the ExecResultStore object's alarm, one round at a time; decides nothing itself.

import { Buffer } from "node:buffer";
import type { OutputStream } from "../../src/contracts/exec.ts";
import type { Executor, ExecutorAnswer, RunNews } from "../../src/contracts/executor.ts";
import { type ActiveExec, type ExecRecord, overdue, settle } from "../../src/policies/exec/exec-record.ts";
import { executorRetryMs, releasableUntilMs } from "../../src/policies/exec/exec-timing.ts";
import { keepOutput } from "../../src/policies/exec/keep-output.ts";
import { type Outcome, outcomeOfNews, outcomeOfStart, outcomeOfStop } from "../../src/policies/exec/run-outcome.ts";
import type { ExecResultsTables } from "./exec-results-tables.ts";
import { raiseExecutorAlert } from "./raise-executor-alert.ts";

/** Short, so that one that is back after a broken network is noticed in time. */
const WATCH_MS = 2_000;
/** Connections that may wait for an answer: https://developers.cloudflare.com/workers/platform/limits/#simultaneous-open-connections */
const AT_ONCE = 6;
/** Orders may be large. */
const STARTS_PER_ROUND = 24;
const RELEASES_PER_ROUND = 100;

type Means = {
  readonly tables: ExecResultsTables;
  /** Undefined where none is set: then what is queued waits for its deadline. */
  readonly executor: Executor | undefined;
  /** Called after every change that somebody may wait for. */
  readonly changed: () => void;
  /** Until what was written is durable. */
  readonly sync: () => Promise<void>;
};

export class ExecDriver {
  readonly #tables: ExecResultsTables;
  readonly #executor: Executor | undefined;
  readonly #changed: () => void;
  readonly #sync: () => Promise<void>;
  /** Aborted by whoever brings something new: the round waits no longer. */
  #pause = new AbortController();
  /** Answers in a row that did not come. */
  #silences = 0;
  /** Something could not be done in this round though the executor answers. */
  #isHindered = false;
  #silence: string | undefined;
  #isRefused = false;

  constructor({ tables, executor, changed, sync }: Means) {
    this.#tables = tables;
    this.#executor = executor;
    this.#changed = changed;
    this.#sync = sync;
  }

  /** Whether another round is worth while now: what only has to be forgotten waits for an executor that answers. */
  isBusy(): boolean {
    return this.#tables.countActive() > 0 || (this.#silences === 0 && this.#tables.countReleases() > 0);
  }

  /** There is something new to be done. */
  nudge(): void {
    this.#pause.abort();
  }

  /** Does what can be done now, then waits for news of what runs, or for a while where the executor is silent. */
  async round(): Promise<void> {
    this.#pause = new AbortController();
    this.#isHindered = false;
    this.#giveUpOverdue();
    const before = this.#silences;
    if (this.#executor === undefined) this.#heard({ kind: "silent", cause: "no executor is set" });
    else await this.#tellAll(this.#executor);
    if (this.#executor !== undefined && this.#silences <= before) await this.#watch(this.#executor);
    if (this.#silences > before || this.#isHindered) await this.#wait();
  }

  #giveUpOverdue(): void {
    for (const exec of this.#tables.listActive()) {
      const outcome = overdue(exec, this.#silence, Date.now());
      if (outcome !== undefined) this.#settle(exec, outcome);
    }
  }

  /** Ends at the first silence: who does not answer one does not answer the others. */
  async #tellAll(executor: Executor): Promise<void> {
    const tasks = [...this.#stops(executor), ...this.#starts(executor), ...this.#releases(executor)];
    const before = this.#silences;
    const inTurn = async (): Promise<void> => {
      for (let next = tasks.shift(); next !== undefined && this.#silences <= before; next = tasks.shift()) await next();
    };
    await Promise.all(Array.from({ length: AT_ONCE }, inTurn));
  }

  #stops(executor: Executor): (() => Promise<void>)[] {
    return this.#tables
      .listActive()
      .filter(({ cancelRequested }) => cancelRequested)
      .map((exec) => async () => {
        const answer = this.#heard(await executor.stop(exec.runId));
        if (answer === undefined) return;
        // Told once: who knows of it goes through with it.
        this.#change(exec, (now) => ({ ...now, cancelRequested: false }));
        this.#settle(exec, outcomeOfStop(answer));
      });
  }

  #starts(executor: Executor): (() => Promise<void>)[] {
    return this.#tables.listQueued(STARTS_PER_ROUND).map((exec) => async () => {
      const { userId, outputBytesMax, queueDeadlineAt: notAfterMs } = exec;
      const order = { ...exec.order, userId, outputBytesMax, notAfterMs };
      const reply = await executor.start(exec.runId, order, async () => {
        this.#settle(exec, { status: "running", startedAtMs: Date.now() });
        await this.#sync();
      });
      if (reply.kind === "refused") this.#settle(exec, { status: "failed", exitCode: null, error: reply.cause });
      const answer = this.#heard(reply);
      if (answer !== undefined) this.#settle(exec, outcomeOfStart(answer));
    });
  }

  #releases(executor: Executor): (() => Promise<void>)[] {
    return this.#tables.listReleases(RELEASES_PER_ROUND).map((runId) => async () => {
      if (this.#heard(await executor.forget(runId)) !== undefined) this.#tables.deleteRelease(runId);
    });
  }

  async #watch(executor: Executor): Promise<void> {
    const active = this.#tables.listActive();
    const running = new Map(active.filter(({ status }) => status === "running").map((exec) => [exec.runId, exec]));
    if (running.size === 0 || this.#pause.signal.aborted) return;
    // Some are still to be begun: only what has come meanwhile.
    const waitMs = running.size < active.length ? 0 : WATCH_MS;
    const runs = [...running.values()].map(({ runId, stdoutBytes, stderrBytes }) => ({
      runId,
      stdout: stdoutBytes,
      stderr: stderrBytes,
    }));
    const reply = await executor.watch({ runs, waitMs }, this.#pause.signal);
    // Not silent: it was interrupted.
    if (reply.kind === "silent" && this.#pause.signal.aborted) return;
    for (const news of this.#heard(reply)?.runs ?? []) this.#take(running.get(news.runId), news);
  }

  /** Output and end of one run together, or neither. */
  #take(exec: ActiveExec | undefined, news: RunNews): void {
    if (exec === undefined) return;
    this.#change(exec, (now) => {
      if (now.status !== "running") return now;
      const withStdout = this.#append(now, "stdout", Buffer.from(news.stdout, "base64"));
      const withBoth = this.#append(withStdout, "stderr", Buffer.from(news.stderr, "base64"));
      return { ...withBoth, capped: withBoth.capped || news.capped };
    });
    this.#settle(exec, outcomeOfNews(news.run));
  }

  #append(exec: ExecRecord, stream: OutputStream, bytes: Uint8Array): ExecRecord {
    const count = stream === "stdout" ? "stdoutBytes" : "stderrBytes";
    const kept = keepOutput(bytes, exec[count], exec.outputBytesMax);
    let seq = exec.lastSeq;
    for (const piece of kept.pieces) this.#tables.appendChunk(exec.execId, ++seq, { stream, bytes: piece });
    return { ...exec, [count]: exec[count] + kept.bytes, lastSeq: seq, capped: exec.capped || kept.isCut };
  }

  /** What has ended is released in the same commit. */
  #settle(exec: Pick<ExecRecord, "execId">, outcome: Outcome | undefined): void {
    if (outcome === undefined) return;
    this.#change(exec, (now) => {
      const settled = settle(now, outcome, Date.now());
      if (settled?.completedAt != null) this.#tables.addRelease(now.runId, releasableUntilMs(Date.now()));
      return settled ?? now;
    });
  }

  /** As it stands now: meanwhile it may have been changed, or deleted. */
  #change({ execId }: Pick<ExecRecord, "execId">, how: (now: ExecRecord) => ExecRecord): void {
    const now = this.#tables.find(execId);
    if (now === undefined) return;
    const next = how(now);
    if (next === now) return;
    this.#tables.update(next);
    this.#changed();
  }

  /** What was answered, if anything was. A refused key is brought to somebody's notice once, until it is taken again. */
  #heard<T>(reply: ExecutorAnswer<T>): T | undefined {
    if (reply.kind === "answer") {
      this.#silences = 0;
      this.#isRefused = false;
      return reply.value;
    }
    this.#silence = reply.cause;
    this.#isHindered = true;
    if (reply.kind === "undone") return undefined;
    this.#silences++;
    if (reply.kind === "refused" && !this.#isRefused) raiseExecutorAlert(reply.cause);
    this.#isRefused = reply.kind === "refused";
    return undefined;
  }

  /** Until the next try is due, or something new is to be done, or somebody's time is over. */
  async #wait(): Promise<void> {
    const retryMs = executorRetryMs(Math.max(this.#silences, 1), Math.random());
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, retryMs);
    this.#pause.signal.addEventListener("abort", () => resolve(), { once: true });
    await promise;
    clearTimeout(timer);
  }
}
