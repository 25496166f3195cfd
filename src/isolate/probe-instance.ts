// Asks one instance how it is: `/version`, and where that is no answer `/health`, in one deadline.

import { waitAtMost } from "../deadline.ts";
import { type Probe, readVersion } from "../policies/health/probe-verdict.ts";
import type { CompiledInstance } from "../policies/routing/compiled-config.ts";
import { callInstance } from "./call-instance.ts";

const PATHS = ["/version", "/health"] as const;
/** What is read of an answer. */
const BODY_BYTES_MAX = 16_384;

/** Never rejects. */
export async function probeInstance(env: Env, instance: CompiledInstance, timeoutMs: number): Promise<Probe> {
  const startedAtMs = Date.now();
  const controller = new AbortController();
  const asked = ask(env, instance, controller.signal).catch((): Answer => ({ status: undefined }));
  const answer = await waitAtMost(asked, timeoutMs);
  if (answer === undefined) controller.abort();
  return { ...(answer ?? { status: undefined }), ms: Date.now() - startedAtMs };
}

type Answer = Omit<Probe, "ms">;

/** The first path that answers with 2xx, else what the last one said. */
async function ask(env: Env, instance: CompiledInstance, signal: AbortSignal): Promise<Answer> {
  let last: Answer = { status: undefined };
  for (const path of PATHS) {
    const headers = { accept: "application/json" };
    const init = { method: "GET", headers, redirect: "manual", signal } as const;
    const response = await callInstance(env, instance, {
      target: path,
      url: `http://${instance.id}${path}`,
      init,
      upgrade: false,
    });
    last = { status: response.status };
    if (response.ok) return { ...last, ...readVersion(await readStart(response)) };
    response.body?.cancel().catch(() => undefined);
  }
  return last;
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
