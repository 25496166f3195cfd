// What a request asks to have run, in the one form that everybody behind the routes uses, and the text that stands for all of it.
// Called by the exec routes.

import type { ExecOrder, ExecRequest } from "../../contracts/exec.ts";
import { canonicalJson } from "../config/canonical-json.ts";

/** Schema: exactly one of `command` and `argv` is there. */
export const toOrder = ({ command, argv = [], timeout, env, workingDir }: ExecRequest): ExecOrder => ({
  command: command ?? argv,
  timeoutMs: timeout,
  env,
  workingDir,
});

/** Equal for orders that mean the same; its digest is what an idempotency key is tied to. */
export const orderText = (order: ExecOrder): string => canonicalJson(order);
