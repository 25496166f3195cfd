// Sends the request to the selected instance, and on to one not yet tried where sending again is allowed.

import { type Refusal, refuse } from "../contracts/refusals.ts";
import { DeadlineExceeded } from "../deadline.ts";
import { ApiKeyUnset } from "../isolate/call-instance.ts";
import { poolLeases, type Selection } from "../isolate/pools/pool-leases.ts";
import { log } from "../log.ts";
import { tryWaitMs } from "../policies/forwarding/resend.ts";
import type { CompiledPool, CompiledRoute } from "../policies/routing/compiled-config.ts";
import type { Decision } from "./handle.ts";
import { Hold } from "./hold.ts";
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
  let refusal = noneToTry(route.pool);
  for (;;) {
    const nowMs = Date.now();
    const remainingMs = tries.deadlineAtMs - nowMs;
    if (remainingMs <= 0) return refusal;
    const selected = select(scope, { leases, tried: tries.tried, nowMs }, trail);
    const selection = selected instanceof Promise ? await selected : selected;
    if (selection === undefined) return refusal;
    const { instance } = selection;
    const hold = new Hold(leases, selection);
    const waitMs = tryWaitMs({ remainingMs, tryTimeoutMs: route.tryTimeoutMs, moreTries: tries.hasMore });
    let pauseMs: number | undefined;
    try {
      const response = await send({ parcel, scope, instance, nowMs, waitMs, lost: hold.release });
      leases.answered(selection, response.status);
      pauseMs = tries.pauseAfterAnswer(instance, response);
      if (pauseMs === undefined) return { ok: true, response, route, hold };
      hold.release(scope.ctx);
      response.body?.cancel().catch(nothing);
      noteFailure(`status ${response.status}`, selection, trail);
      refusal = failed(route.pool, false);
    } catch (error) {
      hold.release(scope.ctx);
      if (error instanceof BrokenBody) return refuse(error instanceof BodyOverrun ? "body_too_large" : "body_broken");
      if (error instanceof DeadlineExceeded && parcel.upload?.awaitsClient === true) return refuse("body_timeout");
      noteFailure(error, selection, trail);
      // Nothing was sent, so the next instance is no second try, nor is this one's health in question.
      if (error instanceof ApiKeyUnset) {
        tries.skip(instance);
        if (tries.isUnsent) refusal = refuse("api_key_unset");
        continue;
      }
      leases.failed(selection, Date.now());
      refusal = failed(route.pool, error instanceof DeadlineExceeded);
      pauseMs = tries.pauseAfterFailure(instance);
      if (pauseMs === undefined) return refusal;
    }
    if (pauseMs > 0) await scheduler.wait(pauseMs);
  }
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
