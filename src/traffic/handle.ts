// What happens to a request that is not for the control surface, from the first byte of its headers to its log line.
// This is the list of steps and nothing else: each step is a file of its own with the step's name.

import { type Refusal, refuse } from "../contracts/refusals.ts";
import { refusalOfFault } from "../http/fault.ts";
import { deploymentOf } from "../isolate/deployment.ts";
import { poolLeases } from "../isolate/pool-leases.ts";
import { chooseRoute, matchRoute } from "../policies/routing/match-route.ts";
import { admit } from "./admit.ts";
import { configure } from "./configure.ts";
import { type Forwarded, forward } from "./forward.ts";
import { identify } from "./identify.ts";
import { sanitise } from "./sanitise.ts";
import type { Scope } from "./scope.ts";
import { settle } from "./settle.ts";
import { Trail } from "./trail.ts";

export async function handle(request: Request, env: Env, ctx: ExecutionContext): Promise<Response> {
  const scope: Scope = { request, env, ctx, deployment: deploymentOf(env) };
  const trail = new Trail(request, Date.now(), scope.deployment.verbose);
  try {
    return settle(scope, trail, await conduct(scope, trail));
  } catch (fault) {
    return settle(scope, trail, refusalOfFault(fault, trail.requestId));
  }
}

async function conduct(scope: Scope, trail: Trail): Promise<Forwarded | Refusal> {
  const incoming = sanitise(scope.request, scope.deployment);
  if (!incoming.ok) return incoming;
  trail.noteIncoming(incoming);
  const config = await configure(scope, trail);
  if (config === undefined) return refuse("no_config");
  const match = matchRoute(config, incoming.address.host, incoming.address.path);
  const identity = await identify(scope, { incoming, match }, trail);
  const route = chooseRoute(match, identity.session?.data);
  if (route === undefined) return refuse("no_route");
  trail.route = route;
  const refusal = admit({ route, incoming, identity, deployment: scope.deployment });
  if (refusal !== undefined) return refusal;
  const leases = poolLeases(scope.env, config, route.pool, scope.deployment.deployedAt);
  return await forward(scope, { incoming, route, leases }, trail);
}
