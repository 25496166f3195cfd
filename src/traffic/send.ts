// One try: hands a parcel to one instance and waits for its response headers, no longer than the deadline allows.

import { DeadlineExceeded } from "../deadline.ts";
import { callInstance, type InstanceCall } from "../isolate/call-instance.ts";
import { SLOW_AFTER_MS, slowWatch, type Watched } from "../isolate/slow-watch.ts";
import type { CompiledInstance } from "../policies/routing/compiled-config.ts";
import type { Parcel } from "./parcel.ts";
import type { Scope } from "./scope.ts";

export type Try = {
  readonly parcel: Parcel;
  readonly instance: CompiledInstance;
  readonly scope: Scope;
  readonly nowMs: number;
  /** How long the instance may take, in ms from `nowMs`. */
  readonly waitMs: number;
  /** Called when the request was cut with its client, so that nothing after the try will run. */
  readonly lost: Watched["lost"];
};

/**
 * Rejects with DeadlineExceeded when the deadline passes, ApiKeyUnset, what broke the request's body, or whatever
 * the platform throws. A try that is given up is no longer waited for: the runtime ends it with the request.
 */
export async function send(attempt: Try): Promise<Response> {
  const { parcel, nowMs, waitMs, lost } = attempt;
  const { ctx } = attempt.scope;
  const delivered = deliver(attempt);
  const { promise: slow, resolve: wake } = Promise.withResolvers<void>();
  const watched: Watched = { wake, heard: false, lost };
  let timer: ReturnType<typeof setTimeout> | undefined;
  let over = nothing;
  const late = slow.then(() => {
    if (watched.heard) return new Promise<never>(nothing);
    watched.heard = true;
    // From here on the client may leave, and the instance is still given back once this is over.
    ctx.waitUntil(new Promise<void>((resolve) => (over = resolve)));
    return new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new DeadlineExceeded(waitMs)), Math.max(0, nowMs + waitMs - Date.now()));
    });
  });
  if (waitMs < SLOW_AFTER_MS) wake();
  else slowWatch.enter(watched, ctx, nowMs);
  try {
    const racers = parcel.broken === undefined ? [delivered, late] : [delivered, late, parcel.broken];
    return assertSendable(await Promise.race(racers));
  } finally {
    slowWatch.leave(watched);
    if (timer !== undefined) clearTimeout(timer);
    over();
  }
}

const nothing = (): void => undefined;

function deliver({ parcel, instance, scope: { env } }: Try): Promise<Response> {
  const { target, url, upgrade } = parcel;
  return callInstance(env, instance, { target, url, upgrade, init: requestInit(parcel) });
}

/** By RPC a backend may return anything, and an origin any status: what no client could be sent is the instance's failure. */
function assertSendable(returned: unknown): Response {
  if (!(returned instanceof Response)) throw new Error("the instance returned no Response");
  const { status } = returned;
  if (returned.webSocket !== null || (status >= 200 && status <= 599)) return returned;
  throw new Error(`the instance answered with status ${status}`);
}

function requestInit({ method, headers, body, broken }: Parcel): InstanceCall["init"] {
  // The body's encoding is the client's business: it passes as it is.
  const init = { method, headers, body, redirect: "manual", encodeResponseBody: "manual" } as const;
  return broken === undefined ? init : { ...init, signal: breakOff(broken) };
}

/** Also after the response has begun: the rest of it would answer a request that was never whole. */
function breakOff(broken: Promise<never>): AbortSignal {
  const controller = new AbortController();
  broken.catch((error) => controller.abort(error));
  return controller.signal;
}
