// Decides how one user's restart goes on: what is due next and when it is given up. A restart ends the execs that were accepted before it
// began and no later one, so a step that is repeated after a crash does nothing twice.

import type { UserRestartStatus } from "../../contracts/restart-jobs.ts";

/** From a restart's beginning, or the plane's where that is later, until it is given up. */
const RESTART_MS_MAX = 30_000;
/** Between two looks at execs that are ending: SIGTERM takes a while, and SIGKILL comes after it. */
const LOOK_AGAIN_MS = 250;
/** Between two tries to reach an executor. */
const ASK_AGAIN_MS = 1_000;

/**
 * What a step found. `ended`: nothing of before runs any longer, and the executor answers. `ending`: so many have been told to.
 * `silent`: it may answer later. `refused`: it will not.
 */
export type RestartFinding =
  | { readonly kind: "ended" }
  | { readonly kind: "ending"; readonly left: number }
  | { readonly kind: "silent" | "refused"; readonly cause: string };

export type RestartStep =
  | { readonly status: Extract<UserRestartStatus, "restarted"> }
  | { readonly status: Extract<UserRestartStatus, "failed">; readonly error: string }
  | { readonly status: Extract<UserRestartStatus, "restarting">; readonly againInMs: number };

export function nextStep(finding: RestartFinding, sinceMs: number, nowMs: number): RestartStep {
  const isOver = nowMs - sinceMs >= RESTART_MS_MAX;
  switch (finding.kind) {
    case "ended":
      return { status: "restarted" };
    case "refused":
      return { status: "failed", error: finding.cause };
    case "silent":
      return isOver ? { status: "failed", error: finding.cause } : { status: "restarting", againInMs: ASK_AGAIN_MS };
    case "ending":
      return isOver
        ? { status: "failed", error: `${finding.left} execs have not ended within ${RESTART_MS_MAX} ms` }
        : { status: "restarting", againInMs: LOOK_AGAIN_MS };
  }
}
