// What has befallen the instances of a pool, operators only.

import type { IRequestStrict } from "itty-router";
import { ok, type Result, refuse } from "../contracts/refusals.ts";
import { reply } from "../http/reply.ts";
import { answerOf } from "../isolate/answer-of.ts";
import { callHealth, callRegistry } from "../objects.ts";
import { type HealthEvent, listHealthEvents } from "../policies/health/health-history.ts";
import { namedPool } from "./named-pool.ts";

/**
 * GET /api/super/health/{pool}/history: {pool, transitions}, ejections and what probes found in one list, the newest 1,000 first
 * (HealthEvent); 404 unknown_pool, 503 object_unavailable rather than half of the list.
 */
export const getHealthHistory = async (request: IRequestStrict, env: Env, ctx: ExecutionContext): Promise<Response> => {
  const pool = await namedPool(request, env, ctx);
  return reply(request, pool === undefined ? refuse("unknown_pool") : await readHistory(env, pool.name));
};

type History = { readonly pool: string; readonly transitions: readonly HealthEvent[] };

async function readHistory(env: Env, name: string): Promise<Result<History>> {
  const [ejections, transitions] = await Promise.all([
    answerOf("registry", name, () => callRegistry(env, name, (registry) => registry.ejections())),
    // Also of a pool that is probed no more.
    answerOf("health monitor", name, () => callHealth(env, name, (monitor) => monitor.transitions())),
  ]);
  if (ejections === undefined) return refuse("object_unavailable", "the pool's registry did not answer");
  if (transitions === undefined) return refuse("object_unavailable", "the pool's health monitor did not answer");
  return ok({ pool: name, transitions: listHealthEvents(ejections, transitions) });
}
