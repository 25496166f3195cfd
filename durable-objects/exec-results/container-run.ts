// One command in the user's container, from its start to its end, with the output that has not been fetched yet. In memory only:
// the platform hands out a process once, so whoever forgets it can't find it again. Called by container-executor.ts.

import { Buffer } from "node:buffer";
import type { OutputStream } from "../../src/contracts/exec.ts";
import type { EndedBy, RunAsk, RunNews, RunOrder, RunState } from "../../src/contracts/executor.ts";
import { causeText } from "../../src/policies/exec/cause-text.ts";
import { wholeCharacters } from "../../src/policies/exec/whole-characters.ts";

/**
 * `$1` is the folder, the rest the command; no text of a user's becomes part of the script. The platform signals this shell alone, which
 * passes SIGTERM on to its whole group and kills what is left of it 5 s later. A signal ends a wait, so it waits once more.
 */
const SCRIPT = `unset signalbox_stopped; cd -- "$1" || exit 126; shift
trap 'signalbox_stopped=1; trap "" TERM; kill -TERM 0; { sleep 5; kill -KILL 0; } >/dev/null 2>&1 &' TERM
(trap - TERM; exec "$@" </dev/null) & pid=$!
wait "$pid"; code=$?
[ -z "$signalbox_stopped" ] || { wait "$pid"; last=$?; [ "$last" -eq 127 ] || code=$last; }
exit "$code"`;
const SIGTERM = 15;
const SIGKILL = 9;

type Unread = { bytes: Buffer; read: number; written: number };

export class ContainerRun {
  readonly #order: RunOrder;
  readonly #changed: () => void;
  readonly #streams: Readonly<Record<OutputStream, Unread>> = { stdout: unread(), stderr: unread() };
  readonly #process: ExecProcess;
  readonly #timer: ReturnType<typeof setTimeout>;
  #state: RunState;
  #by: EndedBy = "itself";

  static async begin(container: Container, order: RunOrder, changed: () => void): Promise<ContainerRun> {
    const argv = typeof order.command === "string" ? ["/bin/sh", "-c", order.command] : order.command;
    const folder = `./${order.workingDir}`;
    const process = await container.exec(["/bin/sh", "-c", SCRIPT, "sh", folder, ...argv], {
      env: { ...order.env },
      stdout: "pipe",
      stderr: "pipe",
    });
    return new ContainerRun(process, order, changed);
  }

  private constructor(process: ExecProcess, order: RunOrder, changed: () => void) {
    this.#process = process;
    this.#order = order;
    this.#changed = changed;
    const startedAtMs = Date.now();
    this.#state = { state: "running", startedAtMs };
    this.#timer = setTimeout(() => this.stop("timeout"), order.timeoutMs);
    void this.#carry(startedAtMs);
  }

  get state(): RunState {
    return this.#state;
  }

  stop(by: EndedBy): void {
    if (this.#state.state !== "running" || this.#by !== "itself") return;
    this.#by = by;
    this.#process.kill(SIGTERM);
  }

  kill(): void {
    if (this.#state.state === "running") this.#process.kill(SIGKILL);
    clearTimeout(this.#timer);
  }

  /** Undefined where there is nothing that the asker does not have. What he has is thrown away. */
  news(ask: RunAsk): RunNews | undefined {
    const [stdout, stderr] = [this.#fetch("stdout", ask), this.#fetch("stderr", ask)];
    if (this.#state.state === "running" && stdout === "" && stderr === "") return undefined;
    const capped = Object.values(this.#streams).some(({ written }) => written > this.#order.outputBytesMax);
    return { runId: ask.runId, run: this.#state, stdout, stderr, capped };
  }

  async #carry(startedAtMs: number): Promise<void> {
    try {
      const { stdout, stderr, exitCode } = this.#process;
      const [code] = await Promise.all([exitCode, this.#drain("stdout", stdout), this.#drain("stderr", stderr)]);
      this.#state = { state: "ended", startedAtMs, endedAtMs: Date.now(), exitCode: code, by: this.#by };
    } catch (error) {
      this.#state = { state: "lost", cause: causeText("its container failed", error) };
    }
    clearTimeout(this.#timer);
    this.#changed();
  }

  async #drain(name: OutputStream, stream: ReadableStream | null): Promise<void> {
    for await (const chunk of (stream ?? []) as AsyncIterable<Uint8Array>) {
      const unread = this.#streams[name];
      const room = Math.max(0, this.#order.outputBytesMax - unread.written);
      unread.written += chunk.byteLength;
      unread.bytes = Buffer.concat([unread.bytes, chunk.subarray(0, room)]);
      this.#changed();
    }
  }

  #fetch(name: OutputStream, ask: RunAsk): string {
    const unread = this.#streams[name];
    unread.bytes = unread.bytes.subarray(Math.max(0, ask[name] - unread.read));
    unread.read = Math.max(unread.read, ask[name]);
    const length = this.#state.state === "running" ? wholeCharacters(unread.bytes) : unread.bytes.byteLength;
    return unread.bytes.subarray(0, length).toString("base64");
  }
}

const unread = (): Unread => ({ bytes: Buffer.alloc(0), read: 0, written: 0 });
