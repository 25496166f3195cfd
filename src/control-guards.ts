// What stands before the routes of the control surface: the admin secret, who keeps guessing it, sessions, and the limits of each part.
// Called by router.ts only. What refuses nothing lets the router go on.

import type { IRequestStrict } from "itty-router";
import { type Refusal, refuse } from "./contracts/refusals.ts";
import { offeredSecret, refuseUnlessAdmin } from "./http/admin.ts";
import { clientIpOf } from "./http/client-ip.ts";
import { sessionNameOf } from "./http/cookies.ts";
import { currentConfig } from "./isolate/config-snapshot.ts";
import { deploymentOf } from "./isolate/deployment.ts";
import { ADMIN_FAILURES, refuseGuessing } from "./isolate/limits/admin-failures.ts";
import { limiter } from "./isolate/limits/limiter.ts";
import { callSession } from "./objects.ts";
import { compileLimits } from "./policies/limits/compile-limits.ts";
import type { CompiledLimit } from "./policies/limits/compiled-limit.ts";
import { denialRefusal, limitHeaders } from "./policies/limits/limit-answer.ts";
import { type KeyFacts, standingsOf } from "./policies/limits/limit-key.ts";

/** `headers` go with the answer, whatever it is. */
export type Guarded = { readonly refusal?: Refusal; readonly headers?: readonly (readonly [string, string])[] };

/** Refuses whoever has no right to be here; wrong secrets count against their address. */
export async function guardAdmin(request: IRequestStrict, env: Env, ctx: ExecutionContext): Promise<Guarded> {
  const { adminSecret } = deploymentOf(env);
  const offer = offeredSecret(request.headers, adminSecret);
  const refusal = refuseUnlessAdmin(adminSecret, offer.isRight);
  if (refusal?.code === "admin_secret_unset") return { refusal };
  const limit = (await limitsInForce(env, ctx)).get(ADMIN_FAILURES);
  const access = { env, ctx, nowMs: Date.now() };
  const denied = await refuseGuessing(limit, { offer, facts: factsOf(request, env), access });
  if (denied !== undefined) return denialRefusal(denied, Date.now());
  return refusal === undefined ? {} : { refusal };
}

/** Lets the holder of a valid session in, and operators; whoever offers neither is `unauthenticated`. */
export async function guardHolderOrAdmin(request: IRequestStrict, env: Env, ctx: ExecutionContext): Promise<Guarded> {
  const { adminSecret } = deploymentOf(env);
  if (offeredSecret(request.headers, adminSecret).isOffered) return await guardAdmin(request, env, ctx);
  const name = sessionNameOf(request, env);
  const session =
    name === undefined ? undefined : await callSession(env, name, (object) => object.read({ activeAtMs: Date.now() }));
  return session?.ok === true ? {} : { refusal: refuse("unauthenticated") };
}

/** Counts the call under the limit of that name, if there is one. */
export async function guardRate(name: string, request: IRequestStrict, { env, ctx }: Place): Promise<Guarded> {
  const limit = (await limitsInForce(env, ctx)).get(name);
  if (limit === undefined) return {};
  const standings = standingsOf([limit], factsOf(request, env));
  if (!standings.ok) return { refusal: standings };
  const admission = await limiter().admit(standings.value, { env, ctx, nowMs: Date.now() });
  if (admission.ok) {
    // What is limited at one time ends with the call, which is as short as this.
    admission.slots?.release({ env, ctx });
    return { headers: limitHeaders(admission.facts, Date.now()) };
  }
  return denialRefusal(admission, Date.now());
}

export type Place = { readonly env: Env; readonly ctx: ExecutionContext };

const SHIPPED = compileLimits();

/** While no configuration can be read, the limits that ship with the plane. */
async function limitsInForce(env: Env, ctx: ExecutionContext): Promise<ReadonlyMap<string, CompiledLimit>> {
  try {
    return (await currentConfig(env, ctx)).limits;
  } catch {
    return SHIPPED;
  }
}

/** No session is looked up here: a limit by user counts by address. */
function factsOf(request: IRequestStrict, env: Env): KeyFacts {
  const url = new URL(request.url);
  return {
    clientIp: clientIpOf(request, deploymentOf(env)),
    user: undefined,
    session: undefined,
    route: url.pathname,
    query: url.search.slice(1),
    header: (name) => request.headers.get(name) ?? undefined,
  };
}
