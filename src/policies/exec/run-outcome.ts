// What a run's state, as its executor tells it, makes of an exec. Called by the ExecResultStore object for every answer.

import type { TerminalStatus } from "../../contracts/exec.ts";
import type { RunState } from "../../contracts/executor.ts";

/** Times by the executor's clock. */
export type Outcome =
  | { readonly status: "running"; readonly startedAtMs: number }
  | {
      readonly status: TerminalStatus;
      readonly startedAtMs?: number;
      readonly endedAtMs?: number;
      readonly exitCode: number | null;
      readonly error: string | null;
    };

const withoutRun = (status: TerminalStatus, error: string | null): Outcome => ({ status, exitCode: null, error });

/** Of an answer to `start`: one that has ended already is running until its output has come. Undefined: nothing is known yet. */
export function outcomeOfStart(run: RunState): Outcome | undefined {
  switch (run.state) {
    case "running":
    case "ended":
      return { status: "running", startedAtMs: run.startedAtMs };
    case "rejected":
      return withoutRun("failed", run.cause);
    case "lost":
      return withoutRun("lost", run.cause);
    case "unknown":
      return undefined;
  }
}

/** Of an answer to `stop`: a run that is not known never began and never will. */
export const outcomeOfStop = (run: RunState): Outcome | undefined =>
  run.state === "unknown" ? withoutRun("cancelled", null) : outcomeOfStart(run);

/** Of what a run that had begun tells when it is watched, with which all of its output has come. */
export function outcomeOfNews(run: RunState): Outcome | undefined {
  if (run.state === "ended") return { ...run, ...endOf(run) };
  if (run.state === "unknown") return withoutRun("lost", "the executor has no record of it");
  return outcomeOfStart(run);
}

type Ended = Extract<RunState, { state: "ended" }>;

function endOf({ by, exitCode }: Ended): { readonly status: TerminalStatus; readonly error: string | null } {
  switch (by) {
    case "timeout":
      return { status: "timed_out", error: "it ran longer than its timeout" };
    case "stop":
      return { status: "cancelled", error: null };
    case "shutdown":
      return { status: "failed", error: "its executor was stopped" };
    case "itself":
      if (exitCode === 0) return { status: "succeeded", error: null };
      return { status: "failed", error: exitCode === null ? "it was killed" : `it ended with exit code ${exitCode}` };
  }
}
