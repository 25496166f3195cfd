// The instances behind every pool, operators only: as configured or registered, with what the fleet has in flight on them.

import type { IRequestStrict } from "itty-router";
import { ok } from "../contracts/refusals.ts";
import { reply } from "../http/reply.ts";
import { currentConfig } from "../isolate/config-snapshot.ts";
import { listInstances } from "../policies/balancing/describe-instance.ts";
import { instancesOf } from "../policies/lifecycle/read-registration.ts";
import { readStatuses } from "./balancer.ts";

/** GET /admin/workers: {pools: [{name, strategy, exposed, discovered, instances}]}, each an InstanceListing. */
export const getWorkers = async (request: IRequestStrict, env: Env, ctx: ExecutionContext): Promise<Response> => {
  const pools = [...(await currentConfig(env, ctx)).pools.values()];
  const statuses = await readStatuses(env, pools);
  const listed = pools.map((pool, i) => {
    const { name, strategy, exposed, discovered } = pool;
    const status = statuses[i];
    const known = status !== undefined && "inFlight" in status ? status : undefined;
    return { name, strategy, exposed, discovered, instances: listInstances(instancesOf(pool, known), known) };
  });
  return reply(request, ok({ pools: listed }));
};
