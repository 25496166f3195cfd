// How those stand who run users' commands: the agent, asked once for everybody, or each user's container, asked through the user's object,
// a few at a time and within a bound.

import type { ContainerStanding, ExecutorStanding } from "../contracts/executor-standing.ts";
import type { User } from "../contracts/users.ts";
import { withDeadline } from "../deadline.ts";
import { agentAddress } from "../instances/agent-address.ts";
import { readAgentStanding } from "../instances/agent-standing.ts";
import { log } from "../log.ts";
import { callExecs } from "../objects.ts";

const ASKED_AT_ONCE_MAX = 6;
const ANSWER_MS_MAX = 5_000;
/** For all of them; whoever has not been asked by then has not answered. */
const ALL_MS_MAX = 20_000;

/** Never rejects. Where the first user's object has no container, nobody's has: they are of one class. */
export async function readExecutorStanding(env: Env, [first, ...others]: readonly User[]): Promise<ExecutorStanding> {
  const agent = agentAddress(env);
  if (agent !== undefined) return await readAgentStanding(agent);
  const sample = first === undefined ? undefined : await ask(env, first.id);
  if (first === undefined || sample?.container === "none") return { kind: "unset" };
  const of = new Map<string, ContainerStanding>(sample === undefined ? [] : [[first.id, sample]]);
  const untilMs = Date.now() + ALL_MS_MAX;
  const waiting = others.values();
  const lane = async (): Promise<void> => {
    for (const { id } of waiting) {
      if (Date.now() >= untilMs) return;
      const standing = await ask(env, id);
      if (standing !== undefined) of.set(id, standing);
    }
  };
  await Promise.all(Array.from({ length: ASKED_AT_ONCE_MAX }, lane));
  return { kind: "containers", of };
}

async function ask(env: Env, userId: string): Promise<ContainerStanding | undefined> {
  try {
    return await withDeadline(
      callExecs(env, userId, (execs) => execs.standing()),
      ANSWER_MS_MAX,
    );
  } catch (error) {
    log("warn", "a user's object did not answer", { userId, cause: String(error) });
    return undefined;
  }
}
