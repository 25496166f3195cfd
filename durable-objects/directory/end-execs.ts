// Restarts a user's executor: ends all that was accepted for the user until a moment, through the user's own ExecResultStore object, so
// that every exec ends as cancelled there. Called by the Directory object's jobs; it keeps nothing and may be repeated.

import { withDeadline } from "../../src/deadline.ts";
import { agentAddress } from "../../src/instances/agent-address.ts";
import { readAgentStanding } from "../../src/instances/agent-standing.ts";
import { callExecs } from "../../src/objects.ts";
import { causeText } from "../../src/policies/exec/cause-text.ts";
import type { RestartFinding } from "../../src/policies/fleet/restart-step.ts";

const CALL_MS_MAX = 5_000;

/** Never rejects. Nothing counts as restarted while the agent does not answer: what it runs can't be known. */
export async function endExecs(env: Env, userId: string, sinceMs: number): Promise<RestartFinding> {
  const agent = agentAddress(env);
  if (agent !== undefined) {
    const standing = await readAgentStanding(agent);
    if (standing.kind !== "answers") return standing;
  }
  try {
    return await withDeadline(
      callExecs(env, userId, (execs) => end(execs, agent !== undefined, sinceMs)),
      CALL_MS_MAX,
    );
  } catch (error) {
    return { kind: "silent", cause: causeText("the user's execs can't be told to end", error) };
  }
}

type Execs = Parameters<Parameters<typeof callExecs>[2]>[0];

async function end(execs: Execs, isAgents: boolean, sinceMs: number): Promise<RestartFinding> {
  if (!isAgents && (await execs.standing()).container === "none") {
    return { kind: "refused", cause: "no executor is set" };
  }
  const left = await execs.cancelAll(sinceMs);
  return left === 0 ? { kind: "ended" } : { kind: "ending", left };
}
