// GET /health/workers: how all instances are (D29), for anyone: names, no addresses. Asks every pool's registry, no instance.

import type { IRequestStrict } from "itty-router";
import { ok } from "../contracts/refusals.ts";
import { reply } from "../http/reply.ts";
import { ANSWER_MS_MAX, answerOf } from "../isolate/answer-of.ts";
import { currentConfig } from "../isolate/config-snapshot.ts";
import { SharedFinding } from "../isolate/shared-finding.ts";
import { callRegistry } from "../objects.ts";
import { reportWorkers, type WorkersReport } from "../policies/health/workers-report.ts";
import { instancesOf } from "../policies/lifecycle/read-registration.ts";
import type { CompiledPool } from "../policies/routing/compiled-config.ts";

/** Anyone may ask, as often as the limit `health` lets him: registries are asked once a second by each isolate all the same. */
const FRESH_MS = 1_000;
const latest = new SharedFinding<WorkersReport>({ freshMs: FRESH_MS, takesMsMax: ANSWER_MS_MAX + FRESH_MS });

/**
 * {status, workers: {name: {status, responseTime}}} (WorkersReport), at most 1 s old. Always 200: it reports on others, and whoever decides by
 * the status code whether this plane serves asks /health. A pool whose registry does not answer is `unknown`; without any configuration
 * there is nothing to report on, and the call fails.
 */
export const getHealthWorkers = async (request: IRequestStrict, env: Env, ctx: ExecutionContext): Promise<Response> => {
  const { version, pools } = await currentConfig(env, ctx);
  return reply(request, ok(await latest.get(version, () => find(env, [...pools.values()]))));
};

const find = async (env: Env, pools: readonly CompiledPool[]): Promise<WorkersReport> =>
  reportWorkers(
    await Promise.all(
      pools.map(async (pool) => {
        const { name } = pool;
        const health = await answerOf("registry", name, () => callRegistry(env, name, (registry) => registry.health()));
        return { name, instances: instancesOf(pool, health), health };
      }),
    ),
  );
