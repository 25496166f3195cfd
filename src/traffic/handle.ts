// What happens to a request that is not for the control surface, from the first byte of its headers to its log line.
// This is the list of steps: each is a file with the step's name, and forward selects and sends, once per try.

import { type Refusal, refuse } from "../contracts/refusals.ts";
import { refusalOfFault } from "../http/refusal-of-fault.ts";
import { deploymentOf } from "../isolate/deployment.ts";
import type { CompiledConfig, CompiledRoute } from "../policies/routing/compiled-config.ts";
import { chooseRoute, matchRoute } from "../policies/routing/match-route.ts";
import { admit } from "./admit.ts";
import { configure } from "./configure.ts";
import { type Forwarded, forward } from "./forward.ts";
import { identify } from "./identify.ts";
import { leash } from "./leash.ts";
import { limit } from "./limit.ts";
import { type Incoming, sanitise } from "./sanitise.ts";
import type { Scope } from "./scope.ts";
import { settle } from "./settle.ts";
import { Trail } from "./trail.ts";

export async function handle(request: Request, env: Env, ctx: ExecutionContext): Promise<Response> {
  const scope: Scope = { request, env, ctx, deployment: deploymentOf(env) };
  const trail = new Trail(request, Date.now(), scope.deployment.verbose);
  const outcome = await conduct(scope, trail);
  try {
    return settle(scope, trail, outcome);
  } catch (fault) {
    if (outcome.ok) outcome.hold.release(ctx);
    trail.slots?.release(scope);
    trail.leash?.letGo();
    return settle(scope, trail, refusalOfFault(fault, trail.requestId));
  }
}

async function conduct(scope: Scope, trail: Trail): Promise<Forwarded | Refusal> {
  try {
    const limiting = limit(scope, await decide(scope, trail), trail);
    const leashing = leash(scope, limiting instanceof Promise ? await limiting : limiting, trail);
    const decision = leashing instanceof Promise ? await leashing : leashing;
    return decision.ok ? await forward(scope, decision, trail) : decision;
  } catch (fault) {
    return refusalOfFault(fault, trail.requestId);
  }
}

/** Everything that is settled before an instance is chosen: also what `explain` asks. */
export async function decide(scope: Scope, trail: Trail): Promise<Decision | Refusal> {
  const incoming = sanitise(scope.request, scope.deployment);
  if (!incoming.ok) return incoming;
  trail.noteIncoming(incoming);
  const configured = configure(scope, trail);
  const config = configured instanceof Promise ? await configured : configured;
  if (config === undefined) return refuse("no_config");
  const match = matchRoute(config, incoming.address.host, incoming.address.path);
  const identified = identify(scope, { incoming, match }, trail);
  const identity = identified instanceof Promise ? await identified : identified;
  const route = chooseRoute(match, identity.session?.data);
  trail.noteChoice({ match, identity, route });
  if (route === undefined) return refuse("no_route");
  const refusal = admit({ route, incoming, identity, deployment: scope.deployment });
  return refusal ?? { ok: true, incoming, config, route };
}

/** A request that may be forwarded, and by which route. */
export type Decision = {
  readonly ok: true;
  readonly incoming: Incoming;
  readonly config: CompiledConfig;
  readonly route: CompiledRoute;
};
