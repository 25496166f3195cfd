// Where the agent that runs users' commands listens, and what it knows this plane by. Asked by objects and isolates.

import { findText } from "../contracts/bindings.ts";

/** `url` without a trailing slash. */
export type AgentAddress = { readonly url: string; readonly key: string };

/** Undefined where none is named: then each user may have a container instead. */
export function agentAddress(env: object): AgentAddress | undefined {
  const url = (findText(env, "EXEC_AGENT_URL") ?? "").replace(/\/+$/, "");
  return url === "" ? undefined : { url, key: findText(env, "EXEC_AGENT_KEY") ?? "" };
}
