// The example agent that runs commands for this plane: on an ephemeral loopback port, with a key of its own, its state below the
// plane's. One that ends by itself is started again on the same port; what it ran goes on meanwhile and is found again.

import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import path from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { StartProblem } from "./start-problem.ts";

const READY_MS = 20_000;
const SHARED_SIGNAL_MS = 250;
const AGAIN_AFTER_MS = 500;
/** It gives what it runs 3 s at most. */
const KILL_AFTER_MS = 4_000;
/** Waits for a line before it becomes the agent, so that none runs that isn't written down (see workerd-process.ts). */
const WAIT_THEN_BECOME = 'read -r _ && exec "$0" "$@"';

export type AgentOptions = {
  readonly root: string;
  /** Absolute. */
  readonly stateDir: string;
  /** Writes the process down; it runs nothing before this returns. */
  readonly record: (pid: number) => void;
};

export class AgentProcess {
  readonly key = randomBytes(32).toString("base64url");
  readonly #options: AgentOptions;
  #child: ChildProcess;
  #port = 0;
  #isEnding = false;

  /** Running, but perhaps not listening yet. */
  constructor(options: AgentOptions) {
    this.#options = options;
    this.#child = this.#launch();
  }

  /** Where it listens, once it does; from then on it is kept running. Throws a StartProblem where it never does. */
  async listen(): Promise<string> {
    const url = await Promise.race([listeningAt(this.#child), delay(READY_MS, undefined, { ref: false })]);
    // Ctrl-C reaches it as soon as us.
    if (url === undefined && !this.#isEnding) await delay(SHARED_SIGNAL_MS);
    if (url === undefined && !this.#isEnding) throw new StartProblem("the agent does not listen");
    this.#port = Number(new URL(url ?? "http://127.0.0.1").port);
    void this.#keepRunning();
    return url ?? "";
  }

  /** SIGTERM, and SIGKILL if it is still there after 4 s. Resolves when it is gone. */
  async end(): Promise<void> {
    this.#isEnding = true;
    if (isOver(this.#child)) return;
    const ended = once(this.#child, "exit");
    this.#child.kill("SIGTERM");
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), KILL_AFTER_MS);
    await ended;
    clearTimeout(timer);
  }

  /** For an exit that can wait for nothing. */
  readonly kill = (): void => {
    this.#isEnding = true;
    this.#child.kill("SIGKILL");
  };

  async #keepRunning(): Promise<void> {
    while (!this.#isEnding) {
      if (!isOver(this.#child)) await once(this.#child, "exit");
      if (!this.#isEnding) await delay(AGAIN_AFTER_MS);
      if (!this.#isEnding) this.#child = this.#launch();
    }
  }

  #launch(): ChildProcess {
    const { root, stateDir, record } = this.#options;
    const entry = path.join(root, "examples", "agent", "agent.ts");
    const child = spawn("/bin/sh", ["-c", WAIT_THEN_BECOME, process.execPath, entry], {
      env: {
        PATH: process.env.PATH,
        AGENT_KEY: this.key,
        AGENT_STATE_DIR: stateDir,
        AGENT_PORT: String(this.#port),
      } as unknown as NodeJS.ProcessEnv,
      stdio: ["pipe", "pipe", "inherit"],
    });
    if (child.pid !== undefined) record(child.pid);
    child.stdin.on("error", () => {});
    child.stdin.end("go\n");
    return child;
  }
}

const isOver = ({ exitCode, signalCode }: ChildProcess): boolean => exitCode !== null || signalCode !== null;

/** Undefined when it ends before it says so. */
async function listeningAt({ stdout }: ChildProcess): Promise<string | undefined> {
  if (stdout === null) return undefined;
  for await (const line of createInterface({ input: stdout })) {
    const [, url] = /^agent listening on (\S+)$/.exec(line) ?? [];
    if (url !== undefined) return url;
  }
  return undefined;
}
