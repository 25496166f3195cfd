// Whether this visitor has used up what the route allows. Counts requests that would otherwise be forwarded, and wrong admin
// secrets. What this isolate has been lent is spent without a call.

import type { Refusal, Result } from "../contracts/refusals.ts";
import { offeredSecret } from "../http/admin.ts";
import { ADMIN_FAILURES, refuseGuessing } from "../isolate/limits/admin-failures.ts";
import { type Admission, limiter } from "../isolate/limits/limiter.ts";
import type { Access } from "../isolate/refreshed.ts";
import type { CompiledLimit } from "../policies/limits/compiled-limit.ts";
import { type Denial, denialRefusal, limitHeaders } from "../policies/limits/limit-answer.ts";
import { type KeyFacts, keyOf, type Standing, standingsOf } from "../policies/limits/limit-key.ts";
import type { CompiledRoute } from "../policies/routing/compiled-config.ts";
import type { Decision } from "./handle.ts";
import type { Scope } from "./scope.ts";
import type { Trail } from "./trail.ts";

type Outcome = Decision | Refusal;
/** A request whose limits are being asked. */
type Pending = { readonly decision: Decision; readonly trail: Trail };

/** What was decided, or the refusal in its place. At once while nobody has to be asked. */
export function limit(scope: Scope, decided: Outcome, trail: Trail): Outcome | Promise<Outcome> {
  if (trail.route?.auth === "admin") return limitGuessing(scope, { decided, route: trail.route }, trail);
  return decided.ok && decided.route.limits.length > 0 ? limitRate(scope, decided, trail) : decided;
}

function limitRate(scope: Scope, decision: Decision, trail: Trail): Outcome | Promise<Outcome> {
  const { route, incoming } = decision;
  const facts = factsOf(trail, route, (name) =>
    Object.hasOwn(incoming.headers, name) ? incoming.headers[name] : undefined,
  );
  // By now: who the visitor is may have taken long to learn.
  const access: Access = { env: scope.env, ctx: scope.ctx, nowMs: Date.now() };
  if (spendsAtHand(route.limits, facts, access)) return decision;
  const standings = standingsOf(route.limits, facts);
  if (!standings.ok) return standings;
  const admission = limiter().admit(standings.value, access);
  return admission instanceof Promise
    ? admission.then((known) => conclude(scope, known, { decision, trail }))
    : conclude(scope, admission, { decision, trail });
}

/** The shortest way, which most requests go: one limit, of which the answer tells nothing and enough is at hand. */
function spendsAtHand(limits: readonly CompiledLimit[], facts: KeyFacts, access: Access): boolean {
  const limit = limits.length === 1 ? limits[0] : undefined;
  if (limit === undefined || limit.headers) return false;
  const key = keyOf(limit, facts);
  return typeof key === "string" && limiter().spendAtHand(limit, key, access);
}

/** Who keeps guessing the admin secret is refused whatever he offers next. */
async function limitGuessing(
  scope: Scope,
  { decided, route }: { readonly decided: Outcome; readonly route: CompiledRoute },
  trail: Trail,
): Promise<Outcome> {
  // Without a secret nobody can be guessing: the cause is named, however often it is asked for.
  if (!decided.ok && decided.code === "admin_secret_unset") return decided;
  const { env, ctx, request, deployment } = scope;
  const denied = await refuseGuessing(trail.config?.limits.get(ADMIN_FAILURES), {
    offer: offeredSecret(request.headers, deployment.adminSecret),
    facts: factsOf(trail, route, (name) => request.headers.get(name) ?? undefined),
    access: { env, ctx, nowMs: trail.startedAtMs },
  });
  if (denied !== undefined) return refuseBy(denied, trail);
  return decided.ok && decided.route.limits.length > 0 ? await limitRate(scope, decided, trail) : decided;
}

function conclude(scope: Scope, admission: Admission, { decision, trail }: Pending): Outcome {
  if (!admission.ok) return refuseBy(admission, trail);
  if (admission.facts.length > 0) trail.limitHeaders = limitHeaders(admission.facts, Date.now());
  if (admission.overrun.length > 0) trail.overrun = admission.overrun;
  trail.slots = admission.slots;
  trail.slots?.keep(scope);
  return decision;
}

function refuseBy(denial: Denial, trail: Trail): Refusal {
  const { refusal, headers } = denialRefusal(denial, Date.now());
  trail.limitedBy = denial.fact.name;
  trail.limitHeaders = headers;
  return refusal;
}

/** The limits a request stands under and by which keys, for whoever wants to know without being counted. */
export const standingsUnder = (trail: Trail, route: CompiledRoute, headers: Headers): Result<readonly Standing[]> =>
  standingsOf(
    route.limits,
    factsOf(trail, route, (name) => headers.get(name) ?? undefined),
  );

const factsOf = (trail: Trail, route: CompiledRoute, header: KeyFacts["header"]): KeyFacts => ({
  clientIp: trail.clientIp,
  user: trail.identity?.session?.data.userId,
  session: trail.identity?.session?.name,
  route: route.id,
  query: trail.query,
  header,
});
