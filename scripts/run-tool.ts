// Runs one tool of node_modules/.bin to its end, with a deadline, and ends everything it has started when the deadline passes.
// Must never end a process that is not a descendant of the tool. Called by the checks and the test runner.

import { spawn, spawnSync } from "node:child_process";
import { delimiter, join } from "node:path";

export const ROOT = join(import.meta.dirname, "..");

const OUTPUT_CHARS_MAX = 1_000_000;
const SIGNALS = ["SIGINT", "SIGTERM"] as const;

/** `output` is what the tool printed, both streams, its last million characters; empty when it was shown directly. */
export type ToolRun = { readonly code: number; readonly timedOut: boolean; readonly output: string };
/** `show`: the tool prints to the terminal itself. */
export type ToolOptions = { readonly timeoutMs: number; readonly show?: boolean; readonly cwd?: string };

export function runTool(name: string, args: readonly string[], options: ToolOptions): Promise<ToolRun> {
  const child = spawn(name, args, {
    cwd: options.cwd ?? ROOT,
    env: toolEnv(),
    stdio: options.show === true ? "inherit" : ["ignore", "pipe", "pipe"],
  });
  let output = "";
  let timedOut = false;
  const collect = (chunk: Buffer) => {
    output = (output + chunk.toString()).slice(-OUTPUT_CHARS_MAX);
  };
  child.stdout?.on("data", collect);
  child.stderr?.on("data", collect);
  const end = () => endTree(child.pid);
  const deadline = setTimeout(() => {
    timedOut = true;
    end();
  }, options.timeoutMs);
  const interrupt = (signal: NodeJS.Signals) => {
    end();
    process.exit(signal === "SIGINT" ? 130 : 143);
  };
  for (const signal of SIGNALS) process.once(signal, interrupt);
  return new Promise((resolve) => {
    const settle = (code: number) => {
      clearTimeout(deadline);
      for (const signal of SIGNALS) process.off(signal, interrupt);
      resolve({ code, timedOut, output });
    };
    child.once("error", (error) => {
      output += error.message;
      settle(127);
    });
    // "exit", not "close": something left behind by the tool may hold its output open for ever.
    child.once("exit", (code) => setImmediate(settle, code ?? 1));
  });
}

/** The project's Node and tools first, whatever Node the caller has, and nothing that asks or phones home. */
const toolEnv = (): NodeJS.ProcessEnv => ({
  ...process.env,
  PATH: [join(ROOT, "node_modules", ".bin"), process.env.PATH].join(delimiter),
  WRANGLER_SEND_METRICS: "false",
  WRANGLER_HIDE_BANNER: "true",
  CI: process.env.CI ?? "1",
});

type Process = { readonly pid: number; readonly parent: number };

/** SIGKILL to `pid` and everything that descends from it; the list is taken before anything is ended. */
function endTree(pid: number | undefined): void {
  if (pid === undefined) return;
  for (const one of withDescendants(pid, listProcesses())) {
    try {
      process.kill(one, "SIGKILL");
    } catch {
      // It has ended by itself in the meantime.
    }
  }
}

export function withDescendants(pid: number, processes: readonly Process[]): readonly number[] {
  const children = processes.filter(({ parent }) => parent === pid);
  return [pid, ...children.flatMap((child) => withDescendants(child.pid, processes))];
}

function listProcesses(): readonly Process[] {
  const { stdout } = spawnSync("ps", ["-eo", "pid=,ppid="], { encoding: "utf8" });
  return (stdout ?? "").split("\n").flatMap((line) => {
    const [pid, parent] = line.trim().split(/\s+/).map(Number);
    return pid && parent !== undefined ? [{ pid, parent }] : [];
  });
}
