// Whether this deployment's agent answers and takes our key, and for whom it runs commands now. For isolates and objects that want to
// know that without having anything run; commands are the ExecResultStore object's business.

import * as v from "valibot";
import { findText } from "../contracts/bindings.ts";
import type { ExecutorStanding } from "../contracts/executor-standing.ts";
import { withDeadline } from "../deadline.ts";

const ANSWER_MS_MAX = 5_000;
const CAUSE_CHARACTERS_MAX = 300;
type AgentStanding = Extract<ExecutorStanding, { readonly kind: "answers" | "silent" | "refused" }>;

/** What an agent says to GET /users. */
const Answer = v.object({ running: v.custom<Readonly<Record<string, number>>>(isTally) });

/** Where none is named, each user may have a container instead. */
export const hasAgent = (env: object): boolean => (findText(env, "EXEC_AGENT_URL") ?? "") !== "";

/** Never rejects; 5 s at most. */
export async function readAgentStanding(env: object): Promise<AgentStanding> {
  // A signal of its own timer would keep an object awake until that goes off.
  const controller = new AbortController();
  try {
    return await withDeadline(ask(env, controller.signal), ANSWER_MS_MAX);
  } catch (error) {
    return { kind: "silent", cause: `the agent does not answer: ${String(error)}`.slice(0, CAUSE_CHARACTERS_MAX) };
  } finally {
    controller.abort();
  }
}

async function ask(env: object, signal: AbortSignal): Promise<AgentStanding> {
  const url = (findText(env, "EXEC_AGENT_URL") ?? "").replace(/\/+$/, "");
  const headers = { Authorization: `Bearer ${findText(env, "EXEC_AGENT_KEY") ?? ""}` };
  const response = await fetch(`${url}/users`, { redirect: "manual", headers, signal });
  if (response.ok) return answered(await response.json());
  const isRefused = response.status === 401 || response.status === 403;
  return { kind: isRefused ? "refused" : "silent", cause: `the agent answers ${response.status}` };
}

function answered(body: unknown): AgentStanding {
  const parsed = v.safeParse(Answer, body);
  return parsed.success
    ? { kind: "answers", running: new Map(Object.entries(parsed.output.running)) }
    : { kind: "silent", cause: "what answers is no agent" };
}

/** v.record would leave out a user whose id is `constructor`. */
function isTally(value: unknown): boolean {
  return typeof value === "object" && value !== null && Object.values(value).every(Number.isSafeInteger);
}
