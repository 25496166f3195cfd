// What this deployment can reach, operators only: services bound, backends found by prefix, pools open under their own name.

import type { IRequestStrict } from "itty-router";
import { describeBindings } from "../contracts/bindings.ts";
import { ok } from "../contracts/refusals.ts";
import { reply } from "../http/reply.ts";
import { currentConfig } from "../isolate/config-snapshot.ts";
import { listServices } from "../policies/balancing/list-services.ts";

/** GET /discovery/services: ServiceListing. Names only: no value of a binding is ever told. */
export const getServices = async (request: IRequestStrict, env: Env, ctx: ExecutionContext): Promise<Response> => {
  const config = await currentConfig(env, ctx);
  return reply(request, ok(listServices(describeBindings(env), [...config.pools.values()])));
};
