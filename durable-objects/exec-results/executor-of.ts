// Who runs commands in this deployment, and within which bounds. Read from the environment by the ExecResultStore object.

import type { Executor } from "../../src/contracts/executor.ts";
import { agentAddress } from "../../src/instances/agent-address.ts";
import type { ExecSettings } from "../../src/policies/exec/exec-record.ts";
import { agentExecutor } from "./agent-executor.ts";
import { containerExecutor } from "./container-executor.ts";

const OUTPUT_BYTES_MAX_DEFAULT = 1_048_576;
const QUEUE_DEADLINE_MS_DEFAULT = 30_000;

/** The agent where one is named, else the object's own container where objects have one; undefined where there is neither. */
export function executorOf(env: Env, container: Container | undefined): Executor | undefined {
  const agent = agentAddress(env);
  return agent === undefined ? container && containerExecutor(container) : agentExecutor(agent);
}

export const execSettingsOf = (env: Env): ExecSettings => ({
  outputBytesMax: positive(env.EXEC_OUTPUT_BYTES_MAX) ?? OUTPUT_BYTES_MAX_DEFAULT,
  queueDeadlineMs: positive(env.EXEC_QUEUE_DEADLINE_MS) ?? QUEUE_DEADLINE_MS_DEFAULT,
});

const positive = (text: string): number | undefined => (/^[1-9]\d{0,8}$/.test(text) ? Number(text) : undefined);
