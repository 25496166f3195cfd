// Sends the request to the selected instance, and on to one not yet tried where sending again is allowed.

import { type Refusal, refuse } from "../contracts/refusals.ts";
import { DeadlineExceeded } from "../deadline.ts";
import { ApiKeyUnset } from "../instances/call-instance.ts";
import { poolLeases } from "../isolate/pools/leased-pools.ts";
import type { Selection } from "../isolate/pools/pool-leases.ts";
import { log } from "../log.ts";
import { tryWaitMs } from "../policies/forwarding/resend.ts";
import type { CompiledPool, CompiledRoute } from "../policies/routing/compiled-config.ts";
import type { Decision } from "./handle.ts";
import { Hold } from "./hold.ts";
import { BodyOverrun, BrokenBody, type Parcel, packParcel } from "./parcel.ts";
import { Tries } from "./retry.ts";
import type { Scope } from "./scope.ts";
import { select } from "./select.ts";
import { send } from "./send.ts";
import type { Trail } from "./trail.ts";

export type Forwarded = {
  readonly ok: true;
  readonly response: Response;
  readonly route: CompiledRoute;
  /** The instance that answered, to be given back exactly once, now or when the body has gone by. */
  readonly hold: Hold;
};

export async function forward(scope: Scope, decision: Decision, trail: Trail): Promise<Forwarded | Refusal> {
  const { incoming, config, route } = decision;
  const packed = packParcel(scope.request, incoming, route);
  const parcel = packed instanceof Promise ? await packed : packed;
  if (!parcel.ok) return parcel;
  const leases = poolLeases(scope.env, config, route.pool, scope.deployment.deployedAt);
  // The client's upload is over, so from here on it is the instances that are waited for.
  const startedAtMs = Date.now();
  const tries = new Tries(route, leases, { isResendable: parcel.resendable, beganAtMs: startedAtMs });
  const lasting = parcel.upgrade && route.webSocket === "relay";
  /** What the client gets unless a later try does better. */
  let fallback: Forwarded | Refusal = noneToTry(route.pool);
  for (let beganAtMs = startedAtMs; ; beganAtMs = Date.now()) {
    const choice = {
      leases,
      tried: tries.tried,
      nowMs: beganAtMs,
      lasting,
      forTrial: tries.hasMore && !parcel.upgrade,
    };
    const selected = select(scope, choice, trail);
    const selection = selected instanceof Promise ? await selected : selected;
    if (selection === undefined) return passOn(fallback, trail);
    const sentAtMs = selected instanceof Promise ? Date.now() : beganAtMs;
    const remainingMs = tries.deadlineAtMs - sentAtMs;
    if (remainingMs <= 0) return passOn(tries.isUnsent ? failed(route.pool, new DeadlineExceeded(0)) : fallback, trail);
    const mayGoOn = tries.hasMore;
    const hold = new Hold(leases, selection, sentAtMs);
    const waitMs = tryWaitMs({ remainingMs, tryTimeoutMs: route.tryTimeoutMs, moreTries: mayGoOn });
    let pauseMs: number | undefined;
    try {
      const response = await send({ parcel, route, hold, scope, waitMs, mayGoOn, isFirst: tries.isUnsent });
      pauseMs = tries.bookAnswer(selection.instance, response);
      discard(fallback);
      fallback = { ok: true, response, route, hold };
      if (pauseMs === undefined) return fallback;
      hold.release(scope.ctx);
      noteFailure(`status ${response.status}`, selection, trail);
    } catch (error) {
      hold.release(scope.ctx);
      const clientFault = faultOfClient(error, parcel);
      if (clientFault !== undefined) return clientFault;
      noteFailure(error, selection, trail);
      // What became of a try that was sent says more than a key that is missing.
      if (!fallback.ok && (tries.isUnsent || !(error instanceof ApiKeyUnset))) fallback = failed(route.pool, error);
      pauseMs = tries.bookError(error, hold, waitMs);
      if (pauseMs === undefined) return passOn(fallback, trail);
    }
    if (pauseMs > 0) await scheduler.wait(pauseMs);
  }
}

/** What no other instance could do better. */
function faultOfClient(error: unknown, { upload }: Parcel): Refusal | undefined {
  if (error instanceof BrokenBody) return refuse(error instanceof BodyOverrun ? "body_too_large" : "body_broken");
  return error instanceof DeadlineExceeded && upload?.awaitsClient === true ? refuse("body_timeout") : undefined;
}

/** An earlier answer was given by an earlier instance, on an earlier decision. */
function passOn(fallback: Forwarded | Refusal, trail: Trail): Forwarded | Refusal {
  if (fallback.ok) trail.noteSelection(fallback.hold.selection);
  return fallback;
}

function discard(fallback: Forwarded | Refusal): void {
  if (fallback.ok) fallback.response.body?.cancel().catch(nothing);
}

const nothing = (): void => undefined;

/** The words are document 001's (R21). */
function noteFailure(error: unknown, { instance }: Selection, trail: Trail): void {
  trail.failed = [...(trail.failed ?? []), instance.id];
  const { requestId } = trail;
  log("error", `Error communicating with backend worker ${instance.id}`, { requestId, cause: String(error) });
}

/** Pools fed by discovery keep document 001's texts (R18, R31). */
export const noneToTry = (pool: CompiledPool): Refusal =>
  refuse(pool.discovered ? "no_backend_discovered" : "no_instance");

function failed(pool: CompiledPool, error: unknown): Refusal {
  if (error instanceof ApiKeyUnset) return refuse("api_key_unset");
  if (pool.discovered) return refuse("all_backends_failed");
  return refuse(error instanceof DeadlineExceeded ? "upstream_timeout" : "upstream_failed");
}
