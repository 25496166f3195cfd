// Runs commands on an agent over HTTP (examples/agent). Says only what the agent said, that it was silent, or that it refused the key.
// Called by the ExecResultStore object; keeps nothing.

import * as v from "valibot";
import type { Executor, ExecutorAnswer, RunState, WatchReply } from "../../src/contracts/executor.ts";
import type { AgentAddress } from "../../src/instances/agent-address.ts";
import { causeText } from "../../src/policies/exec/cause-text.ts";

/** Short, so that an agent that is back after a broken network is noticed in time. */
const ANSWER_MS_MAX = 3_000;

/** Whatever else answers at that address has not said that anything runs. */
const State: v.GenericSchema<RunState> = v.variant("state", [
  v.object({ state: v.literal("running"), startedAtMs: v.number() }),
  v.object({
    ...{ state: v.literal("ended"), startedAtMs: v.number(), endedAtMs: v.number(), exitCode: v.nullable(v.number()) },
    by: v.picklist(["itself", "timeout", "stop", "shutdown"]),
  }),
  v.object({ state: v.picklist(["lost", "rejected"]), cause: v.string() }),
  v.object({ state: v.literal("unknown") }),
]);
const News = v.object({ runId: v.string(), run: State, stdout: v.string(), stderr: v.string(), capped: v.boolean() });
const Reply: v.GenericSchema<WatchReply> = v.object({ runs: v.array(News) });

const NO_AGENT = { kind: "silent", cause: "what answers is no agent" } as const;

type Sent = {
  readonly method: string;
  readonly body?: unknown;
  readonly waitMs?: number;
  readonly signal?: AbortSignal;
};

export function agentExecutor({ url, key }: AgentAddress): Executor {
  const ask = <T>(schema: v.GenericSchema<T>, path: string, sent: Sent) =>
    askAgent(schema, `${url}${path}`, { key, ...sent });
  return {
    start: (runId, order) => ask(State, `/execs/${runId}`, { method: "PUT", body: order }),
    watch: (call, signal) => ask(Reply, "/watch", { method: "POST", body: call, waitMs: call.waitMs, signal }),
    stop: (runId) => ask(State, `/execs/${runId}/stop`, { method: "POST" }),
    forget: (runId) => ask(v.null(), `/execs/${runId}`, { method: "DELETE" }),
  };
}

async function askAgent<T>(
  schema: v.GenericSchema<T>,
  url: string,
  { method, key, body, waitMs = 0, signal }: Sent & { readonly key: string },
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
    if (response.ok) {
      const parsed = v.safeParse(schema, await response.json());
      return parsed.success ? { kind: "answer", value: parsed.output } : NO_AGENT;
    }
    const cause = causeText(`the agent answers ${response.status}`, await response.text());
    return { kind: response.status === 401 || response.status === 403 ? "refused" : "undone", cause };
  } catch (error) {
    return { kind: "silent", cause: causeText("the agent does not answer", error) };
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", leave);
  }
}
