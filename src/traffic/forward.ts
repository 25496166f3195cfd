// Sends the request to the selected instance, and on to one not yet tried where sending again is allowed.

import { type Refusal, refuse } from "../contracts/refusals.ts";
import { DeadlineExceeded } from "../deadline.ts";
import type { PoolLeases, Selection } from "../isolate/pool-leases.ts";
import type { Watched } from "../isolate/slow-watch.ts";
import { tryDeadlineMs } from "../policies/forwarding/resend.ts";
import type { CompiledInstance, CompiledPool, CompiledRoute } from "../policies/routing/compiled-config.ts";
import { Hold } from "./hold.ts";
import { BodyOverrun, BrokenBody, packParcel } from "./parcel.ts";
import type { Incoming } from "./sanitise.ts";
import type { Scope } from "./scope.ts";
import { select } from "./select.ts";
import { send, UnusableInstance } from "./send.ts";
import type { Trail } from "./trail.ts";

export type Errand = { readonly incoming: Incoming; readonly route: CompiledRoute; readonly leases: PoolLeases };
export type Forwarded = {
  readonly ok: true;
  readonly response: Response;
  readonly errand: Errand;
  /** The instance that answered, to be given back exactly once, now or when the body has gone by. */
  readonly hold: Hold;
};

export async function forward(scope: Scope, errand: Errand, trail: Trail): Promise<Forwarded | Refusal> {
  const { route, leases } = errand;
  const parcel = await packParcel(scope.request, errand.incoming, route);
  if (!parcel.ok) return parcel;
  const triesMax = parcel.resendable ? route.attemptsMax : 1;
  const tried: CompiledInstance[] = [];
  for (;;) {
    const nowMs = Date.now();
    const selection = await select(scope, { leases, tried, nowMs }, trail);
    if (selection === undefined) return tried.length === 0 ? noneToTry(route.pool) : allFailed(route.pool, false);
    const remainingMs = trail.startedAtMs + route.timeoutMs - nowMs;
    const moreTries = tried.length + 1 < triesMax;
    const hold = new Hold(leases, selection);
    try {
      const waitMs = tryDeadlineMs({ remainingMs, tryTimeoutMs: route.tryTimeoutMs, moreTries });
      const { env, ctx } = scope;
      const lost: Watched["lost"] = (other) => hold.release(other);
      const response = await send({ parcel, instance: selection.instance, env, ctx, nowMs, waitMs, lost });
      leases.succeeded(selection);
      return { ok: true, response, errand, hold };
    } catch (error) {
      hold.release(scope.ctx);
      const refusal = judge(error);
      if (refusal !== undefined) return refusal;
      leases.failed(selection, Date.now());
      tried.push(selection.instance);
      note(error, selection, trail);
      if (!moreTries || Date.now() - trail.startedAtMs >= route.timeoutMs) {
        return allFailed(route.pool, error instanceof DeadlineExceeded);
      }
    }
  }
}

/** Failures that are not the instance's: there is no sense in trying another. */
function judge(error: unknown): Refusal | undefined {
  if (error instanceof BodyOverrun) return refuse("body_too_large", error.message);
  if (error instanceof BrokenBody) return refuse("body_broken");
  if (error instanceof UnusableInstance) return refuse("api_key_unset", error.message);
  return undefined;
}

function note(error: unknown, selection: Selection, trail: Trail): void {
  trail.failed = [...(trail.failed ?? []), selection.instance.id];
  const cause = String(error);
  console.error(
    JSON.stringify({
      level: "error",
      msg: `Error communicating with backend worker ${selection.instance.id}`,
      requestId: trail.requestId,
      cause,
    }),
  );
}

/** Pools fed by discovery keep document 001's texts (R18, R31). */
const noneToTry = (pool: CompiledPool): Refusal => refuse(pool.discovered ? "no_backend_discovered" : "no_instance");

function allFailed(pool: CompiledPool, timedOut: boolean): Refusal {
  if (pool.discovered) return refuse("all_backends_failed");
  return refuse(timedOut ? "upstream_timeout" : "upstream_failed");
}
