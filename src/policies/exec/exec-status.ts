// The states of an exec and the only ways between them. Called by the ExecResultStore object before it writes one.

import { type ExecStatus, isTerminal } from "../../contracts/exec.ts";

const NEXT: { readonly [from in ExecStatus]: readonly ExecStatus[] } = {
  queued: ["running", "failed", "cancelled", "lost"],
  running: ["succeeded", "failed", "timed_out", "cancelled", "lost"],
  succeeded: [],
  failed: [],
  timed_out: [],
  cancelled: [],
  lost: [],
};

/** What has ended stays as it ended; nothing that ran is queued again. */
export const mayBecome = (from: ExecStatus, to: ExecStatus): boolean => NEXT[from].includes(to);

/** Whether cancelling changes anything: asked for again it is the same, of an exec that ended otherwise it is refused. */
export function decideCancel(status: ExecStatus): "ask" | "done" | "ended" {
  if (status === "cancelled") return "done";
  return isTerminal(status) ? "ended" : "ask";
}
