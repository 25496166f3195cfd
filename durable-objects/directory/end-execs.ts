// Restarts a user's executor: ends all that was accepted for the user until a moment, through the user's own ExecResultStore object, so
// that every exec ends as cancelled there. Called by the Directory object's jobs; it keeps nothing and may be repeated.

import { withDeadline } from "../../src/deadline.ts";
import { readExecutorStanding } from "../../src/instances/executor-standing.ts";
import { callExecs } from "../../src/objects.ts";
import type { RestartFinding } from "../../src/policies/fleet/restart-step.ts";

const CALL_MS_MAX = 5_000;

/** Never rejects. Nothing counts as restarted while the executor does not answer: what it runs can't be known. */
export async function endExecs(env: Env, userId: string, sinceMs: number): Promise<RestartFinding> {
  const standing = await readExecutorStanding(env);
  if (standing.kind === "unset") return { kind: "refused", cause: "no executor is set" };
  if (standing.kind !== "answers") return standing;
  try {
    const left = await withDeadline(
      callExecs(env, userId, (execs) => execs.cancelAll(sinceMs)),
      CALL_MS_MAX,
    );
    return left === 0 ? { kind: "ended" } : { kind: "ending", left };
  } catch (error) {
    return { kind: "silent", cause: `the user's execs can't be told to end: ${String(error)}` };
  }
}
