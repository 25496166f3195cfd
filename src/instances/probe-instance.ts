// Asks one instance how it is: each path until one answers with 2xx, all in one deadline. Follows no redirect, reads only the start of
// an answer. What goes on after the deadline is ended, but for a call by RPC: no signal travels there.

import { waitAtMost } from "../deadline.ts";
import { PROBE_PATHS } from "../policies/health/probe-settings.ts";
import { type Probe, readVersion } from "../policies/health/probe-verdict.ts";
import type { CompiledInstance } from "../policies/routing/compiled-config.ts";
import { callInstance } from "./call-instance.ts";

/** What is read of an answer. */
const BODY_BYTES_MAX = 16_384;

type ProbeBounds = { readonly timeoutMs: number; readonly paths?: readonly string[] };

/** Never rejects. What has answered by the deadline counts, even if its body has not come; `ms` is until its headers came. */
export async function probeInstance(
  env: Env,
  instance: CompiledInstance,
  { timeoutMs, paths = PROBE_PATHS }: ProbeBounds,
): Promise<Probe> {
  const startedAtMs = Date.now();
  const controller = new AbortController();
  const heard: Heard = { status: undefined, ms: undefined };
  const asking = { heard, startedAtMs, signal: controller.signal };
  await waitAtMost(askAll(env, instance, { ...asking, paths }), timeoutMs);
  controller.abort();
  return { ...heard, ms: heard.ms ?? Date.now() - startedAtMs };
}

/** The first path that answered with 2xx, else what the last one said that answered at all. */
type Heard = { -readonly [K in keyof Omit<Probe, "ms">]: Probe[K] } & { ms: number | undefined };
type Asking = { readonly heard: Heard; readonly startedAtMs: number; readonly signal: AbortSignal };

async function askAll(
  env: Env,
  instance: CompiledInstance,
  { paths, ...asking }: Asking & { readonly paths: readonly string[] },
): Promise<void> {
  for (const path of paths) {
    if ((await isAnswered(env, instance, { ...asking, path })) || asking.signal.aborted) return;
  }
}

async function isAnswered(
  env: Env,
  instance: CompiledInstance,
  { path, heard, startedAtMs, signal }: Asking & { readonly path: string },
): Promise<boolean> {
  const init = { method: "GET", headers: { accept: "application/json" }, redirect: "manual", signal } as const;
  const url = `http://${instance.id}${path}`;
  try {
    const response = await callInstance(env, instance, { target: path, url, init, upgrade: false });
    heard.status = response.status;
    heard.ms = Date.now() - startedAtMs;
    // By RPC an answer may come though it was given up long ago.
    if (response.ok && !signal.aborted) {
      Object.assign(heard, readVersion(await readStart(response, signal)));
      return true;
    }
    response.body?.cancel().catch(() => undefined);
    return false;
  } catch {
    return false;
  }
}

async function readStart({ body }: Response, signal: AbortSignal): Promise<string> {
  if (body === null) return "";
  const reader = body.getReader();
  const giveUp = () => void reader.cancel().catch(() => undefined);
  signal.addEventListener("abort", giveUp);
  const decoder = new TextDecoder();
  for (let text = ""; ; ) {
    const { done, value } = await reader.read();
    if (done) return text;
    text += decoder.decode(value, { stream: true });
    if (text.length <= BODY_BYTES_MAX) continue;
    giveUp();
    return "";
  }
}
