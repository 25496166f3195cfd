// What this deployment can reach, operators only: services bound, backends found by prefix or registered, pools open under their own name.

import type { IRequestStrict } from "itty-router";
import { describeBindings } from "../contracts/bindings.ts";
import { ok } from "../contracts/refusals.ts";
import { reply } from "../http/reply.ts";
import { currentConfig } from "../isolate/config-snapshot.ts";
import { membersOf } from "../isolate/pools/pool-members.ts";
import { listServices } from "../policies/balancing/list-services.ts";

/** GET /discovery/services: ServiceListing. Names only: no value of a binding is ever told. */
export const getServices = async (request: IRequestStrict, env: Env, ctx: ExecutionContext): Promise<Response> => {
  const { pools } = await currentConfig(env, ctx);
  const known = await Promise.all(
    [...pools.values()].map(async (pool) => {
      const { instances } = await membersOf(env, pool);
      return { ...pool, registered: instances.slice(pool.instances.length) };
    }),
  );
  return reply(request, ok(listServices(describeBindings(env), known)));
};
