// All runs of this agent: begun at most once per id, found again after a restart, kept until they are acknowledged.
// Called by agent-server.ts only.

import { mkdirSync, readdirSync } from "node:fs";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Run } from "./run.ts";
import { RunFolder } from "./run-folder.ts";
import type { RunAsk, RunNews, RunOrder, RunState } from "./run-record.ts";
import { Rejected, resolveUserPlace } from "./user-folder.ts";
import { launch } from "./wrapper.ts";

const TICK_MS = 250;
/** More output, or the end, often follows at once. */
const GATHER_MS = 25;
const NEWS_BYTES_MAX = 1_048_576;
/** What nobody acknowledges is forgotten after a day. */
const KEPT_MS = 86_400_000;
/** An order that was stopped or forgotten before it came is remembered for longer than any order is valid. */
const VOID_MS = 3_600_000;
const SHUTDOWN_KILL_MS = 1_500;

export class Runs {
  readonly #folder: string;
  readonly #users: string;
  readonly #runs = new Map<string, Run>();
  /** Being begun: whoever asks again meanwhile waits for the same. */
  readonly #starting = new Map<string, Promise<RunState>>();
  readonly #void = new Map<string, number>();
  #listeners = new Set<() => void>();
  #isStopping = false;

  static async open(stateDir: string): Promise<Runs> {
    const runs = new Runs(stateDir);
    for (const name of readdirSync(runs.#folder)) runs.#adopt(name);
    setInterval(() => runs.#tick(), TICK_MS).unref();
    return runs;
  }

  private constructor(stateDir: string) {
    this.#folder = path.join(stateDir, "execs");
    this.#users = path.join(stateDir, "users");
    for (const folder of [this.#folder, this.#users]) mkdirSync(folder, { recursive: true, mode: 0o700 });
  }

  get running(): number {
    return [...this.#runs.values()].filter((run) => run.isRunning).length;
  }
  /** Of users for whom anything runs. */
  get runningByUser(): Readonly<Record<string, number>> {
    const counts = new Map<string, number>();
    for (const { isRunning, userId } of this.#runs.values())
      if (isRunning) counts.set(userId, (counts.get(userId) ?? 0) + 1);
    return Object.fromEntries(counts);
  }
  get kept(): number {
    return this.#runs.size;
  }

  /** Begins the run unless its id has been seen: then it says how that run stands. */
  async start(runId: string, order: RunOrder): Promise<RunState> {
    const known = this.#runs.get(runId);
    if (known !== undefined) return known.state;
    if (this.#void.has(runId)) return { state: "rejected", cause: "it was cancelled before it began" };
    const begun = this.#starting.get(runId) ?? this.#begin(runId, order).finally(() => this.#starting.delete(runId));
    this.#starting.set(runId, begun);
    return await begun;
  }

  /** A run that is not known will never begin. */
  async stop(runId: string): Promise<RunState> {
    const run = await this.#find(runId);
    run?.stop("stop");
    return run?.state ?? { state: "unknown" };
  }

  async forget(runId: string): Promise<void> {
    const run = await this.#find(runId);
    if (run === undefined) return;
    run.kill();
    this.#drop(run);
  }

  /** What is new for the asker of these runs, as soon as anything is; nothing after `waitMs`, or when `signal` aborts. */
  async watch(asks: readonly RunAsk[], waitMs: number, signal: AbortSignal): Promise<readonly RunNews[]> {
    const untilMs = Date.now() + waitMs;
    for (;;) {
      while (!asks.some((ask) => this.#hasNews(ask)) && Date.now() < untilMs && !signal.aborted)
        await this.#change(untilMs - Date.now(), signal);
      await this.#gather(asks, signal);
      const news = await this.#newsOf(asks.filter((ask) => this.#hasNews(ask)));
      if (news.length > 0 || Date.now() >= untilMs || signal.aborted) return news;
      // Half a character is no news.
      await this.#change(untilMs - Date.now(), signal);
    }
  }

  /** Ends what runs and writes down that it was for this; takes less than two seconds. */
  async shutDown(): Promise<void> {
    this.#isStopping = true;
    await Promise.allSettled(this.#starting.values());
    for (const run of this.#runs.values()) run.stop("shutdown", SHUTDOWN_KILL_MS);
    for (const untilMs = Date.now() + 2 * SHUTDOWN_KILL_MS; this.running > 0 && Date.now() < untilMs; await delay(10))
      for (const run of this.#runs.values()) run.look();
  }

  async #begin(runId: string, order: RunOrder): Promise<RunState> {
    if (this.#isStopping) throw new Error("the agent is being stopped");
    const startedAtMs = Date.now();
    if (startedAtMs > order.notAfterMs) return { state: "rejected", cause: "the order came too late" };
    const folder = new RunFolder(path.join(this.#folder, runId));
    const { userId, timeoutMs, outputBytesMax } = order;
    const record = { userId, timeoutMs, outputBytesMax, startedAtMs };
    try {
      const place = await resolveUserPlace(this.#users, userId, order.workingDir);
      await folder.create(record);
      const child = await launch({ ...order, folder, place });
      const run = new Run(runId, folder, { record, changed: () => this.#tell() });
      child.once("exit", () => run.look());
      this.#runs.set(runId, run);
      return run.state;
    } catch (error) {
      // Nothing has begun: another order for it may.
      folder.remove();
      if (error instanceof Rejected) return { state: "rejected", cause: error.message };
      if (isUnfit(error)) return { state: "rejected", cause: `it can't be begun: ${error.code}` };
      throw error;
    }
  }

  /** What an earlier agent has left. Where no process is written down, nothing has begun. */
  #adopt(runId: string): void {
    const folder = new RunFolder(path.join(this.#folder, runId));
    const record = folder.record();
    if (record === undefined || folder.carrier() === undefined) folder.remove();
    else this.#runs.set(runId, new Run(runId, folder, { record, changed: () => this.#tell() }));
  }

  async #find(runId: string): Promise<Run | undefined> {
    await this.#starting.get(runId)?.catch(() => undefined);
    const run = this.#runs.get(runId);
    if (run === undefined) this.#void.set(runId, Date.now() + VOID_MS);
    return run;
  }

  #drop(run: Run): void {
    run.close();
    this.#runs.delete(run.id);
    this.#void.set(run.id, Date.now() + VOID_MS);
    new RunFolder(path.join(this.#folder, run.id)).remove();
  }

  #hasNews(ask: RunAsk): boolean {
    return this.#runs.get(ask.runId)?.hasNews(ask) ?? !this.#starting.has(ask.runId);
  }

  #isOver(runId: string): boolean {
    return !(this.#runs.get(runId)?.isRunning ?? false);
  }

  /** The end is told at once, output alone a moment later, with what has come by then. */
  async #gather(asks: readonly RunAsk[], signal: AbortSignal): Promise<void> {
    const untilMs = Date.now() + GATHER_MS;
    const isOutputOnly = () => asks.some((ask) => this.#hasNews(ask)) && !asks.some(({ runId }) => this.#isOver(runId));
    while (isOutputOnly() && Date.now() < untilMs && !signal.aborted) await this.#change(untilMs - Date.now(), signal);
  }

  /** As much as one answer holds; the rest is still news the next time. */
  async #newsOf(asks: readonly RunAsk[]): Promise<readonly RunNews[]> {
    const news: RunNews[] = [];
    let bytes = 0;
    for (const ask of asks) {
      if (bytes >= NEWS_BYTES_MAX) break;
      const run = this.#runs.get(ask.runId);
      const one = (await run?.news(ask)) ?? { runId: ask.runId, run: UNKNOWN, stdout: "", stderr: "", capped: false };
      const size = one.stdout.length + one.stderr.length;
      bytes += size;
      if (size > 0 || one.run.state !== "running") news.push(one);
    }
    return news;
  }

  #tick(): void {
    const nowMs = Date.now();
    for (const run of [...this.#runs.values()]) {
      run.look();
      if ((run.endedAtMs ?? nowMs) + KEPT_MS < nowMs) this.#drop(run);
    }
    for (const [runId, untilMs] of this.#void) if (untilMs < nowMs) this.#void.delete(runId);
  }

  #tell(): void {
    for (const listener of [...this.#listeners]) listener();
  }

  async #change(waitMs: number, signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, waitMs);
    this.#listeners.add(resolve);
    signal.addEventListener("abort", () => resolve(), { once: true });
    await promise;
    clearTimeout(timer);
    this.#listeners.delete(resolve);
  }
}

const UNKNOWN = { state: "unknown" } as const;

/** What the system says of a command that no try would begin. */
const UNFIT: readonly string[] = ["E2BIG", "EINVAL"];
const isUnfit = (error: unknown): error is NodeJS.ErrnoException =>
  error instanceof Error && UNFIT.includes((error as NodeJS.ErrnoException).code ?? "");
