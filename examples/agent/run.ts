// One run, from its record to its end: begun here or found again after a restart. Knows how it stands, stops it, ends it in time.
// Told of changes by the system's file watcher; a slow tick (runs.ts) catches whatever that misses.

import { type FSWatcher, watch } from "node:fs";
import { hasLiveGroup, processStart } from "./process-start.ts";
import type { Carrier, RunFolder, StreamName } from "./run-folder.ts";
import type { RunAsk, RunNews, RunRecord, RunState, StopReason } from "./run-record.ts";
import { wholeCharacters } from "./whole-characters.ts";

const KILL_AFTER_MS = 5_000;
/** A command that has ended may have left children that hold its output open. */
const REST_OF_OUTPUT_MS = 1_000;
const READ_BYTES_MAX = 262_144;

export class Run {
  readonly id: string;
  readonly #folder: RunFolder;
  readonly #record: RunRecord;
  readonly #changed: () => void;
  readonly #carrier: Carrier | undefined;
  #state: RunState;
  #sizes = { stdout: 0, stderr: 0 };
  #watcher: FSWatcher | undefined;
  #killAtMs = Number.POSITIVE_INFINITY;
  /** Why it is being ended, where anybody but itself does that. */
  #stopReason: StopReason | undefined;
  #exitSeenAtMs: number | undefined;

  /** `changed` is called whenever there may be news. */
  constructor(id: string, folder: RunFolder, { record, changed }: { record: RunRecord; changed: () => void }) {
    this.id = id;
    this.#folder = folder;
    this.#record = record;
    this.#changed = changed;
    this.#carrier = folder.carrier();
    this.#state = { state: "running", startedAtMs: record.startedAtMs };
    this.#watcher = this.#watched();
    // One that was being stopped when the agent died is stopped by this one.
    this.#stopReason = folder.stopReason();
    if (this.#stopReason !== undefined) this.#killAtMs = Date.now();
    this.look();
  }

  get state(): RunState {
    return this.#state;
  }

  get userId(): string {
    return this.#record.userId;
  }

  get isRunning(): boolean {
    return this.#state.state === "running";
  }

  /** When it ended, or undefined while it runs; epoch ms. */
  get endedAtMs(): number | undefined {
    if (this.#state.state === "running") return undefined;
    return this.#state.state === "ended" ? this.#state.endedAtMs : this.#record.startedAtMs;
  }

  /** Looks at what is on disk and at the clock, and acts on it. */
  look(): void {
    if (!this.isRunning) return;
    const nowMs = Date.now();
    const before = this.#sizes;
    this.#sizes = { stdout: this.#folder.size("stdout"), stderr: this.#folder.size("stderr") };
    if (this.#hasEnded(nowMs)) this.#conclude();
    else this.#enforce(nowMs);
    if (!this.isRunning || before.stdout !== this.#sizes.stdout || before.stderr !== this.#sizes.stderr)
      this.#changed();
  }

  /** SIGTERM to the group now, SIGKILL to what is left of it later. */
  stop(reason: StopReason, killAfterMs: number = KILL_AFTER_MS): void {
    this.look();
    if (this.isRunning) this.#end(reason, killAfterMs);
  }

  kill(): void {
    if (this.isRunning) this.#signal("SIGKILL");
  }

  close(): void {
    this.#watcher?.close();
    this.#watcher = undefined;
  }

  /** Whether there is something that the asker does not have. */
  hasNews({ stdout, stderr }: RunAsk): boolean {
    return !this.isRunning || stdout < this.#kept("stdout") || stderr < this.#kept("stderr");
  }

  /** It has ended for the asker when he has all output. */
  async news(ask: RunAsk): Promise<RunNews> {
    const state = this.#state;
    const [stdout, stderr] = [await this.#read("stdout", ask), await this.#read("stderr", ask)];
    const isAll =
      ask.stdout + stdout.length >= this.#kept("stdout") && ask.stderr + stderr.length >= this.#kept("stderr");
    const run: RunState = isAll ? state : { state: "running", startedAtMs: this.#record.startedAtMs };
    const capped = (["stdout", "stderr"] as const).some((one) => this.#sizes[one] > this.#record.outputBytesMax);
    return { runId: this.id, run, stdout: stdout.toString("base64"), stderr: stderr.toString("base64"), capped };
  }

  /** The system may have no watcher left: the tick sees what happens, only later. */
  #watched(): FSWatcher | undefined {
    try {
      return watch(this.#folder.path, () => this.look()).on("error", () => {});
    } catch {
      return undefined;
    }
  }

  #kept(stream: StreamName): number {
    return Math.min(this.#sizes[stream], this.#record.outputBytesMax);
  }

  async #read(stream: StreamName, ask: RunAsk): Promise<Buffer> {
    const length = Math.min(this.#kept(stream) - ask[stream], READ_BYTES_MAX);
    const bytes = await this.#folder.read(stream, ask[stream], length);
    const isLast = !this.isRunning && ask[stream] + bytes.length >= this.#kept(stream);
    return isLast ? bytes : wholeCharacters(bytes);
  }

  #hasEnded(nowMs: number): boolean {
    if (this.#folder.isDone() || !this.#isAlive()) return true;
    if (this.#folder.exitCode() === undefined) return false;
    this.#exitSeenAtMs ??= nowMs;
    if (nowMs - this.#exitSeenAtMs >= REST_OF_OUTPUT_MS) this.#signal("SIGKILL");
    return false;
  }

  #enforce(nowMs: number): void {
    if (nowMs >= this.#killAtMs) this.#signal("SIGKILL");
    else if (nowMs >= this.#record.startedAtMs + this.#record.timeoutMs) this.#end("timeout", KILL_AFTER_MS);
  }

  #end(reason: StopReason, killAfterMs: number): void {
    if (this.#killAtMs !== Number.POSITIVE_INFINITY) return;
    this.#stopReason = reason;
    this.#folder.writeStop(reason);
    this.#killAtMs = Date.now() + killAfterMs;
    this.#signal("SIGTERM");
  }

  /** Looked at once more: what was written until just now counts. */
  #conclude(): void {
    this.#sizes = { stdout: this.#folder.size("stdout"), stderr: this.#folder.size("stderr") };
    const { startedAtMs } = this.#record;
    const exitCode = this.#folder.exitCode() ?? null;
    const by = this.#stopReason;
    this.#state =
      exitCode === null && by === undefined
        ? { state: "lost", cause: "neither its process nor its exit code is there" }
        : { state: "ended", startedAtMs, endedAtMs: this.#folder.endedAtMs(), exitCode, by: by ?? "itself" };
    this.close();
  }

  /** What the process carries goes on, and is answered for, when somebody has killed the process alone. */
  #isAlive(): boolean {
    if (this.#carrier === undefined) return false;
    const { pid, start } = this.#carrier;
    const found = processStart(pid);
    return found === undefined ? hasLiveGroup(pid, start) : found === start;
  }

  /** Only to the group of the process that was written down: its pid may be somebody else's by now. */
  #signal(signal: NodeJS.Signals): void {
    if (this.#carrier === undefined || !this.#isAlive()) return;
    try {
      process.kill(-this.#carrier.pid, signal);
    } catch {
      // It has ended meanwhile.
    }
  }
}
