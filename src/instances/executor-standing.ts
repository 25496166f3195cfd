// Whether the executor of this deployment answers, and takes our key. For isolates and objects that want to know before, or without,
// having anything run; commands are the ExecResultStore object's business.

import { findText } from "../contracts/bindings.ts";

export type ExecutorStanding =
  | { readonly kind: "answers" }
  | { readonly kind: "unset" }
  /** It may answer later; a refused key needs an operator. */
  | { readonly kind: "silent" | "refused"; readonly cause: string };

const ANSWER_MS_MAX = 5_000;
const CAUSE_CHARACTERS_MAX = 300;

export const hasExecutor = (env: object): boolean => (findText(env, "EXEC_AGENT_URL") ?? "") !== "";

/** Never rejects; 5 s at most. */
export async function readExecutorStanding(env: object): Promise<ExecutorStanding> {
  if (!hasExecutor(env)) return { kind: "unset" };
  const url = (findText(env, "EXEC_AGENT_URL") ?? "").replace(/\/+$/, "");
  try {
    // News of no run: there is none, and it comes at once.
    const response = await fetch(`${url}/watch`, {
      method: "POST",
      redirect: "manual",
      headers: { Authorization: `Bearer ${findText(env, "EXEC_AGENT_KEY") ?? ""}`, "Content-Type": "application/json" },
      body: JSON.stringify({ runs: [], waitMs: 0 }),
      signal: AbortSignal.timeout(ANSWER_MS_MAX),
    });
    response.body?.cancel().catch(() => undefined);
    if (response.ok) return { kind: "answers" };
    const isRefused = response.status === 401 || response.status === 403;
    return { kind: isRefused ? "refused" : "silent", cause: `the agent answers ${response.status}` };
  } catch (error) {
    return { kind: "silent", cause: `the agent does not answer: ${String(error)}`.slice(0, CAUSE_CHARACTERS_MAX) };
  }
}
