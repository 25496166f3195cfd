// Whether this deployment's agent answers and takes our key, and for whom it runs commands now. For isolates and objects that want to
// know that without having anything run; commands are the ExecResultStore object's business.

import * as v from "valibot";
import type { ExecutorStanding } from "../contracts/executor-standing.ts";
import { withDeadline } from "../deadline.ts";
import { causeText } from "../policies/exec/cause-text.ts";
import type { AgentAddress } from "./agent-address.ts";

const ANSWER_MS_MAX = 5_000;
type AgentStanding = Extract<ExecutorStanding, { readonly kind: "answers" | "silent" | "refused" }>;

/** What an agent says to GET /users. */
const Answer = v.object({ running: v.custom<Readonly<Record<string, number>>>(isTally) });

/** Never rejects; 5 s at most. */
export async function readAgentStanding(agent: AgentAddress): Promise<AgentStanding> {
  // A signal of its own timer would keep an object awake until that goes off.
  const controller = new AbortController();
  try {
    return await withDeadline(ask(agent, controller.signal), ANSWER_MS_MAX);
  } catch (error) {
    return { kind: "silent", cause: causeText("the agent does not answer", error) };
  } finally {
    controller.abort();
  }
}

async function ask({ url, key }: AgentAddress, signal: AbortSignal): Promise<AgentStanding> {
  const headers = { Authorization: `Bearer ${key}` };
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
