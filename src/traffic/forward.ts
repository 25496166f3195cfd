// Sends the request to the selected instance, and on to one not yet tried where sending again is allowed.

import { type Refusal, refuse } from "../contracts/refusals.ts";
import { DeadlineExceeded } from "../deadline.ts";
import { ApiKeyUnset } from "../instances/call-instance.ts";
import { poolLeases, type Selection } from "../isolate/pools/pool-leases.ts";
import { log } from "../log.ts";
import { tryWaitMs } from "../policies/forwarding/resend.ts";
import type { CompiledPool, CompiledRoute } from "../policies/routing/compiled-config.ts";
import type { Decision } from "./handle.ts";
import { Hold } from "./hold.ts";
import { InstanceSilent } from "./outwait.ts";
import { BodyOverrun, BrokenBody, packParcel } from "./parcel.ts";
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
  const tries = new Tries(route, leases, parcel.resendable);
  /** What the client gets unless a later try does better. */
  let fallback: Forwarded | Refusal = noneToTry(route.pool);
  for (;;) {
    const beganAtMs = Date.now();
    const selected = select(scope, { leases, tried: tries.tried, nowMs: beganAtMs }, trail);
    const selection = selected instanceof Promise ? await selected : selected;
    if (selection === undefined) return passOn(fallback, trail);
    const { instance } = selection;
    const sentAtMs = selected instanceof Promise ? Date.now() : beganAtMs;
    const remainingMs = tries.deadlineAtMs - sentAtMs;
    if (remainingMs <= 0) return passOn(tries.isUnsent ? failed(route.pool, true) : fallback, trail);
    const mayGoOn = tries.hasMore;
    const hold = new Hold(leases, selection, sentAtMs);
    const waitMs = tryWaitMs({ remainingMs, tryTimeoutMs: route.tryTimeoutMs, moreTries: mayGoOn });
    let pauseMs: number | undefined;
    try {
      const response = await send({ parcel, route, hold, scope, waitMs, mayGoOn, isFirst: tries.isUnsent });
      pauseMs = tries.bookAnswer(instance, response);
      discard(fallback);
      fallback = { ok: true, response, route, hold };
      if (pauseMs === undefined) return fallback;
      hold.release(scope.ctx);
      noteFailure(`status ${response.status}`, selection, trail);
    } catch (error) {
      hold.release(scope.ctx);
      if (error instanceof BrokenBody) return refuse(error instanceof BodyOverrun ? "body_too_large" : "body_broken");
      if (error instanceof DeadlineExceeded && parcel.upload?.awaitsClient === true) return refuse("body_timeout");
      noteFailure(error, selection, trail);
      // Nothing was sent, so the next instance is no second try, nor is this one's health in question.
      if (error instanceof ApiKeyUnset) {
        tries.skip(instance);
        if (tries.isUnsent) fallback = refuse("api_key_unset");
        continue;
      }
      const timedOut = error instanceof DeadlineExceeded;
      if (!fallback.ok) fallback = failed(route.pool, timedOut);
      if (error instanceof InstanceSilent) pauseMs = tries.bookSilence(instance);
      else {
        // One that was given no time is not to blame.
        if (!timedOut || tries.isWorthMaking(waitMs)) hold.failed();
        pauseMs = tries.bookFailure(instance);
      }
      if (pauseMs === undefined) return passOn(fallback, trail);
    }
    if (pauseMs > 0) await scheduler.wait(pauseMs);
  }
}

/** An earlier answer was given by an earlier instance. */
function passOn(fallback: Forwarded | Refusal, trail: Trail): Forwarded | Refusal {
  if (fallback.ok) trail.instance = fallback.hold.selection.instance.id;
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

function failed(pool: CompiledPool, timedOut: boolean): Refusal {
  if (pool.discovered) return refuse("all_backends_failed");
  return refuse(timedOut ? "upstream_timeout" : "upstream_failed");
}
