// What has befallen the instances of a pool, operators only.

import type { IRequestStrict } from "itty-router";
import { ok, refuse } from "../contracts/refusals.ts";
import { reply } from "../http/reply.ts";
import { currentConfig } from "../isolate/config-snapshot.ts";
import { callRegistry } from "../objects.ts";

/**
 * GET /api/super/health/{pool}/history: {pool, transitions}, the newest 1,000 first, each {at, instance, state: "ejected", times, until}
 * in ISO 8601; 404 unknown_pool.
 */
export const getHealthHistory = async (request: IRequestStrict, env: Env, ctx: ExecutionContext): Promise<Response> => {
  const pool = (await currentConfig(env, ctx)).pools.get(request.params.pool ?? "");
  if (pool === undefined) return reply(request, refuse("unknown_pool"));
  const ejections = await callRegistry(env, pool.name, (registry) => registry.ejections());
  const transitions = ejections.map(({ instanceId, times, atMs, untilMs }) => ({
    at: new Date(atMs).toISOString(),
    instance: instanceId,
    state: "ejected",
    times,
    until: new Date(untilMs).toISOString(),
  }));
  return reply(request, ok({ pool: pool.name, transitions }));
};
