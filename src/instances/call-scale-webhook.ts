// POSTs a decision to a pool's scale webhook: once, bounded in time, following no redirect, reading nothing. Called by the WorkerRegistry object.

import type { ScaleCall, ScaleWebhook } from "../contracts/autoscale.ts";
import { findText } from "../contracts/bindings.ts";
import { DeadlineExceeded, withDeadline } from "../deadline.ts";
import { isPrivateUrl } from "../policies/lifecycle/private-host.ts";

/** Why it was not taken, for people; undefined when it was, with any 2xx. Never rejects. */
export async function callScaleWebhook(env: Env, webhook: ScaleWebhook, call: ScaleCall): Promise<string | undefined> {
  const { url, apiKeyEnv, timeoutMs } = webhook;
  const isPrivateAllowed = findText(env, "ALLOW_PRIVATE_ORIGINS") === "true";
  if (!isPrivateAllowed && isPrivateUrl(url)) return "the address is private, and ALLOW_PRIVATE_ORIGINS is not on";
  const key = apiKeyEnv === undefined ? undefined : findText(env, apiKeyEnv);
  if (apiKeyEnv !== undefined && !key) return `${apiKeyEnv} is not set`;
  const controller = new AbortController();
  try {
    const response = await withDeadline(post(url, call, { key, signal: controller.signal }), timeoutMs);
    await response.body?.cancel();
    return response.ok ? undefined : `it answered ${response.status}`;
  } catch (error) {
    controller.abort();
    return error instanceof DeadlineExceeded ? error.message : "it can't be reached";
  }
}

const post = (
  url: string,
  call: ScaleCall,
  { key, signal }: { readonly key: string | undefined; readonly signal: AbortSignal },
): Promise<Response> =>
  fetch(url, {
    method: "POST",
    headers: {
      "Content-Type": "application/json",
      "Idempotency-Key": call.id,
      ...(key !== undefined && { "X-API-Key": key }),
    },
    body: JSON.stringify(call),
    redirect: "manual",
    signal,
  });
