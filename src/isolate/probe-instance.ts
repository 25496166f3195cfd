// Asks one instance how it is: `/version`, and where that is no answer `/health`, in one deadline.

import { waitAtMost } from "../deadline.ts";
import { type Probe, readVersion } from "../policies/health/probe-verdict.ts";
import type { CompiledInstance } from "../policies/routing/compiled-config.ts";
import { callInstance } from "./call-instance.ts";

const PATHS = ["/version", "/health"] as const;
/** What is read of an answer. */
const BODY_BYTES_MAX = 16_384;

/** Never rejects. What has answered by the deadline counts, even if its body has not come. */
export async function probeInstance(env: Env, instance: CompiledInstance, timeoutMs: number): Promise<Probe> {
  const startedAtMs = Date.now();
  const controller = new AbortController();
  const heard: Heard = { status: undefined };
  if ((await waitAtMost(ask(env, instance, { heard, signal: controller.signal }), timeoutMs)) === undefined)
    controller.abort();
  return { ...heard, ms: Date.now() - startedAtMs };
}

/** The first path that answered with 2xx, else what the last one said that answered at all. */
type Heard = { -readonly [K in keyof Omit<Probe, "ms">]: Probe[K] };
type Asking = { readonly heard: Heard; readonly signal: AbortSignal };

async function ask(env: Env, instance: CompiledInstance, asking: Asking): Promise<true> {
  for (const path of PATHS) {
    if (await isAnswered(env, instance, { ...asking, path })) return true;
  }
  return true;
}

async function isAnswered(
  env: Env,
  instance: CompiledInstance,
  { path, heard, signal }: Asking & { readonly path: string },
) {
  const init = { method: "GET", headers: { accept: "application/json" }, redirect: "manual", signal } as const;
  const url = `http://${instance.id}${path}`;
  try {
    const response = await callInstance(env, instance, { target: path, url, init, upgrade: false });
    heard.status = response.status;
    if (response.ok) Object.assign(heard, readVersion(await readStart(response)));
    else response.body?.cancel().catch(() => undefined);
    return response.ok;
  } catch {
    return false;
  }
}

async function readStart({ body }: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  if (body === null) return text;
  for await (const chunk of body) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length > BODY_BYTES_MAX) return "";
  }
  return text;
}
