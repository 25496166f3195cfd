// Has an instance's process restarted, by the hook that stands in its configuration or registration.

import { waitAtMost } from "../deadline.ts";
import type { CompiledInstance } from "../policies/routing/compiled-config.ts";
import { withApiKey } from "./call-instance.ts";

type Restartable = CompiledInstance & { readonly restartUrl: string };

export const isRestartable = (instance: CompiledInstance): instance is Restartable => instance.restartUrl !== undefined;

/** Undefined when the hook has answered with 2xx, else what went wrong, for people. Follows no redirect, reads no answer, never rejects. */
export async function restartInstance(env: Env, instance: Restartable, timeoutMs: number): Promise<string | undefined> {
  const controller = new AbortController();
  try {
    const init = { method: "POST", headers: {}, redirect: "manual", signal: controller.signal } as const;
    const response = await waitAtMost(fetch(instance.restartUrl, withApiKey(env, instance, init)), timeoutMs);
    if (response === undefined) return `its restart hook did not answer within ${timeoutMs} ms`;
    response.body?.cancel().catch(() => undefined);
    return response.ok ? undefined : `its restart hook answered ${response.status}`;
  } catch (error) {
    return `its restart hook failed: ${error instanceof Error ? error.message : "no answer"}`;
  } finally {
    controller.abort();
  }
}
