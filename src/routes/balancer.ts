// How pools balance right now, operators only. Asks every pool's registry at once; one that does not answer spoils nobody else's answer.

import type { IRequestStrict } from "itty-router";
import { ok, type RefusalCode } from "../contracts/refusals.ts";
import type { RegistryStatus } from "../contracts/registry.ts";
import { reply } from "../http/reply.ts";
import { answerOf } from "../isolate/answer-of.ts";
import { currentConfig } from "../isolate/config-snapshot.ts";
import { callRegistry } from "../objects.ts";
import type { CompiledPool } from "../policies/routing/compiled-config.ts";

export type PoolStatus = RegistryStatus | { readonly pool: string; readonly error: RefusalCode };

/** GET /balancer/status: {pools}, one RegistryStatus each, `{pool, error: "object_unavailable"}` where the registry did not answer. */
export const getBalancerStatus = async (
  request: IRequestStrict,
  env: Env,
  ctx: ExecutionContext,
): Promise<Response> => {
  const { pools } = await currentConfig(env, ctx);
  return reply(request, ok({ pools: await readStatuses(env, [...pools.values()]) }));
};

/** In the order asked for; never rejects. */
export const readStatuses = (env: Env, pools: readonly CompiledPool[]): Promise<PoolStatus[]> =>
  Promise.all(
    pools.map(async ({ name, strategy }) => {
      const status = await answerOf("registry", name, () => callRegistry(env, name, (registry) => registry.status()));
      if (status === undefined) return { pool: name, error: "object_unavailable" };
      // A registry that nobody has called yet knows nothing of its pool.
      return status.rosterVersion === 0 ? { ...status, strategy } : status;
    }),
  );
