// One try: hands a parcel to one instance and waits for its response headers, no longer than the deadline allows and the instance is
// believed to be alive.

import { callInstance, type InstanceCall } from "../instances/call-instance.ts";
import { paceOf } from "../isolate/pools/route-pace.ts";
import { SLOW_AFTER_MS, slowWatch, type Watched } from "../isolate/slow-watch.ts";
import type { CompiledRoute } from "../policies/routing/compiled-config.ts";
import type { Hold } from "./hold.ts";
import { outwait } from "./outwait.ts";
import type { Parcel } from "./parcel.ts";
import type { Scope } from "./scope.ts";

export type Try = {
  readonly parcel: Parcel;
  readonly route: CompiledRoute;
  readonly hold: Hold;
  readonly scope: Scope;
  /** How long the instance may take, in ms from when the hold began. */
  readonly waitMs: number;
  /** Whether the request may go on to another instance. */
  readonly mayGoOn: boolean;
  /** Whether no other try went before. */
  readonly isFirst: boolean;
  /** Of one that is hedged: rejects with Superseded when the other's answer is taken. */
  readonly superseded?: Promise<never>;
};

/** Another try's answer is what the client gets. */
export class Superseded extends Error {}

/**
 * Rejects with DeadlineExceeded when the deadline passes, InstanceSilent, Superseded, ApiKeyUnset, what broke the request's body, or whatever
 * the platform throws. A try that is given up is ended at once, if by then it could be foreseen (isBrisk), else by the runtime some time
 * after its request.
 */
export async function send(attempt: Try): Promise<Response> {
  const { parcel, hold, waitMs, scope } = attempt;
  const aborter = parcel.broken !== undefined || isBrisk(attempt) ? undefined : new AbortController();
  // One promise for the answer, the first 100 ms and a broken upload: a race would cost every request several.
  const { promise: early, resolve, reject } = Promise.withResolvers<Response | undefined>();
  const watched: Watched = { wake: () => resolve(undefined), heard: false, lost: hold.release, place: -1 };
  const delivered = deliver(attempt, aborter?.signal);
  delivered.then(resolve, reject);
  cutOf(attempt)?.catch(reject);
  if (waitMs < SLOW_AFTER_MS) watched.wake();
  else slowWatch.enter(watched, scope.ctx, hold.sentAtMs);
  try {
    const response = assertSendable((await early) ?? (await awaitLong(attempt, delivered, watched)));
    hear(attempt, response);
    return response;
  } catch (error) {
    aborter?.abort(error);
    // An RPC can't be aborted: its answer may come all the same.
    if (error instanceof Superseded) delivered.then(discardBody).catch(nothing);
    throw error;
  } finally {
    slowWatch.leave(watched);
  }
}

/** What ends the try from outside: an upload that breaks off, or another try's answer. Only one of them can, for what is hedged has no body. */
const cutOf = ({ parcel, superseded }: Try): Promise<never> | undefined => superseded ?? parcel.broken;

/** What takes longer is waited for with a timer of its own. */
async function awaitLong(attempt: Try, delivered: Promise<Response>, watched: Watched): Promise<Response> {
  const cut = cutOf(attempt);
  watched.heard = true;
  const { promise: over, reject } = Promise.withResolvers<never>();
  const endWait = outwait({ ...attempt, ctx: attempt.scope.ctx, overdueAfterMs: overdueAfterMs(attempt) }, reject);
  try {
    return await Promise.race(cut === undefined ? [delivered, over] : [delivered, over, cut]);
  } finally {
    endWait();
  }
}

const nothing = (): void => undefined;

/** Nobody will read it. */
export const discardBody = (response: Response): void => void response.body?.cancel().catch(nothing);

/** Nothing foretells that the try will be given up. A signal costs a request a tenth of its time, so that these do without. */
function isBrisk({ isFirst, hold, superseded }: Try): boolean {
  const { waiting, failures, silentAtMs } = hold.selection.slot;
  return isFirst && superseded === undefined && waiting.size === 0 && failures === 0 && silentAtMs === 0;
}

/** Whether how long it takes tells how quick its instance is: an upload takes as long as its client, an upgrade is answered by another code. */
const isTelling = ({ upload, upgrade }: Parcel): boolean => upload === undefined && !upgrade;

const overdueAfterMs = ({ parcel, route }: Try): number | undefined =>
  isTelling(parcel) ? paceOf(route).overdueAfterMs(route.tryTimeoutMs) : undefined;

function hear({ parcel, route, hold }: Try, { status }: Response): void {
  const nowMs = Date.now();
  // What an instance owed while it was silent is no pace to go by.
  const isPaced = isTelling(parcel) && hold.selection.slot.silentAtMs === 0;
  const ms = isPaced ? Math.max(0, nowMs - hold.sentAtMs) : undefined;
  if (ms !== undefined) paceOf(route).hear(ms, nowMs);
  hold.answered({ status, nowMs, ms });
}

function deliver({ parcel, hold, scope: { env } }: Try, signal: AbortSignal | undefined): Promise<Response> {
  const { target, url, upgrade } = parcel;
  return callInstance(env, hold.selection.instance, { target, url, upgrade, init: requestInit(parcel, signal) });
}

/** By RPC a backend may return anything, and an origin any status: what no client could be sent is the instance's failure. */
function assertSendable(returned: unknown): Response {
  if (!(returned instanceof Response)) throw new Error("the instance returned no Response");
  const { status } = returned;
  if (returned.webSocket !== null || (status >= 200 && status <= 599)) return returned;
  throw new Error(`the instance answered with status ${status}`);
}

function requestInit(parcel: Parcel, signal: AbortSignal | undefined): InstanceCall["init"] {
  const { method, headers, body, broken } = parcel;
  // The body's encoding is the client's business: it passes as it is.
  const init = { method, headers, body, redirect: "manual", encodeResponseBody: "manual" } as const;
  if (broken !== undefined) return { ...init, signal: breakOff(broken) };
  return signal === undefined ? init : { ...init, signal };
}

/** Also after the response has begun: the rest of it would answer a request that was never whole. */
function breakOff(broken: Promise<never>): AbortSignal {
  const controller = new AbortController();
  broken.catch((error) => controller.abort(error));
  return controller.signal;
}
