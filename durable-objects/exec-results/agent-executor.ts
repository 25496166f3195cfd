// Runs commands on an agent over HTTP (examples/agent). Says only what the agent said, that it was silent, or that it refused the key.
// Called by the ExecResultStore object; keeps nothing.

import type { Executor, ExecutorAnswer, RunState, WatchReply } from "../../src/contracts/executor.ts";
import type { AgentAddress } from "../../src/instances/agent-address.ts";
import { causeText } from "../../src/policies/exec/cause-text.ts";

/** Short, so that an agent that is back after a broken network is noticed in time. */
const ANSWER_MS_MAX = 3_000;

type Sent = { readonly body?: unknown; readonly waitMs?: number; readonly signal?: AbortSignal };

export function agentExecutor({ url, key }: AgentAddress): Executor {
  const ask = <T>(method: string, path: string, sent: Sent = {}) =>
    askAgent<T>(`${url}${path}`, { method, key, ...sent });
  return {
    start: (runId, order) => ask<RunState>("PUT", `/execs/${runId}`, { body: order }),
    watch: (call, signal) => ask<WatchReply>("POST", "/watch", { body: call, waitMs: call.waitMs, signal }),
    stop: (runId) => ask<RunState>("POST", `/execs/${runId}/stop`),
    forget: (runId) => ask<null>("DELETE", `/execs/${runId}`),
  };
}

async function askAgent<T>(
  url: string,
  { method, key, body, waitMs = 0, signal }: Sent & { readonly method: string; readonly key: string },
): Promise<ExecutorAnswer<T>> {
  // A timer that is left behind would keep the object awake.
  const leaving = new AbortController();
  const leave = () => leaving.abort();
  const timer = setTimeout(leave, waitMs + ANSWER_MS_MAX);
  signal?.addEventListener("abort", leave, { once: true });
  try {
    const response = await fetch(url, {
      method,
      redirect: "manual",
      headers: { Authorization: `Bearer ${key}`, ...(body !== undefined && { "Content-Type": "application/json" }) },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      signal: leaving.signal,
    });
    if (response.ok) return { kind: "answer", value: await response.json<T>() };
    const cause = causeText(`the agent answers ${response.status}`, await response.text());
    return { kind: response.status === 401 || response.status === 403 ? "refused" : "undone", cause };
  } catch (error) {
    return { kind: "silent", cause: causeText("the agent does not answer", error) };
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", leave);
  }
}
