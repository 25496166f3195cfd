// How a pool's number of instances follows its load, operators only.

import type { IRequestStrict } from "itty-router";
import type { AutoscaleStatus, ScaleSettings } from "../contracts/autoscale.ts";
import { ok, type Result, refuse } from "../contracts/refusals.ts";
import { reply } from "../http/reply.ts";
import { answerOf } from "../isolate/answer-of.ts";
import { callRegistry } from "../objects.ts";
import { namedPool } from "./named-pool.ts";

/** What is told of a pool that the platform scales, or whose registry nobody has called yet. */
type Unscaled = Pick<AutoscaleStatus, "pool" | "scaledBy" | "min" | "max"> & { readonly why: string };

/** GET /api/super/autoscale/{pool}: AutoscaleStatus or Unscaled; 404 unknown_pool, no_autoscale, 503 object_unavailable. */
export const getAutoscale = async (request: IRequestStrict, env: Env, ctx: ExecutionContext): Promise<Response> => {
  const pool = await namedPool(request, env, ctx);
  if (pool === undefined) return reply(request, refuse("unknown_pool"));
  const { name, autoscale } = pool;
  return reply(request, autoscale === undefined ? refuse("no_autoscale") : await readStatus(env, name, autoscale));
};

async function readStatus(
  env: Env,
  pool: string,
  { scaledBy, min, max }: ScaleSettings,
): Promise<Result<AutoscaleStatus | Unscaled>> {
  const plain = { pool, scaledBy, min, max };
  if (scaledBy === "platform")
    return ok({ ...plain, why: "the platform runs as many of these Workers as their load takes" });
  // An answer of "nothing" and none at all are told apart.
  const answer = await answerOf("registry", pool, async () => ({
    status: await callRegistry(env, pool, (registry) => registry.scaling()),
  }));
  if (answer === undefined) return refuse("object_unavailable", "the pool's registry did not answer");
  return ok(answer.status ?? { ...plain, why: "no request has come for this pool yet" });
}
