// GET /api/workers/status: every instance asked just now (L68, L69), for whoever is signed in and for operators.

import type { IRequestStrict } from "itty-router";
import { ok } from "../contracts/refusals.ts";
import { offeredSecret } from "../http/admin.ts";
import { reply } from "../http/reply.ts";
import { probeInstance } from "../instances/probe-instance.ts";
import { ANSWER_MS_MAX } from "../isolate/answer-of.ts";
import { currentConfig } from "../isolate/config-snapshot.ts";
import { deploymentOf } from "../isolate/deployment.ts";
import { membersOf } from "../isolate/pools/pool-members.ts";
import { SharedFinding } from "../isolate/shared-finding.ts";
import { describeTarget } from "../policies/balancing/describe-instance.ts";
import { type Probe, verdictOf } from "../policies/health/probe-verdict.ts";
import type { CompiledConfig, CompiledInstance } from "../policies/routing/compiled-config.ts";

const TIMEOUT_MS = 5_000;
/** Each may be asked twice, and a request may call other Workers 32 times. What is beyond is `unknown`. */
const PROBES_MAX = 15;
/** Whoever asks again sooner is told what was found then. */
const FRESH_MS = 1_000;

type WorkerStatus = ReturnType<typeof describe>;
type Found = { readonly workers: readonly WorkerStatus[]; readonly timestamp: string };
const latest = new SharedFinding<Found>({ freshMs: FRESH_MS, takesMsMax: ANSWER_MS_MAX + TIMEOUT_MS + FRESH_MS });

/**
 * {workers: [{id, pool, name, type, url, region, features, status, version, uptime, responseTime}], timestamp}: `status` is `online`,
 * `degraded` (answers, but not with 2xx), `offline` or `unknown`; `uptime` in s, `responseTime` in ms; null where there is none.
 * Where an instance is reached (`url`) is for operators only.
 */
export const getWorkersStatus = async (request: IRequestStrict, env: Env, ctx: ExecutionContext): Promise<Response> => {
  const config = await currentConfig(env, ctx);
  const { workers, timestamp } = await latest.get(config.version, () => find(env, config));
  const isOperator = offeredSecret(request.headers, deploymentOf(env).adminSecret).isRight;
  return reply(
    request,
    ok({ workers: isOperator ? workers : workers.map((one) => ({ ...one, url: null })), timestamp }),
  );
};

async function find(env: Env, { pools }: CompiledConfig): Promise<Found> {
  const known = await Promise.all(
    [...pools.values()].map(async (pool) => ({ pool: pool.name, members: await membersOf(env, pool) })),
  );
  const instances = known.flatMap(({ pool, members }) => members.instances.map((instance) => ({ pool, instance })));
  const workers = await Promise.all(
    instances.map(async ({ pool, instance }, at) => {
      const probe = at < PROBES_MAX ? await probeInstance(env, instance, { timeoutMs: TIMEOUT_MS }) : undefined;
      return describe(pool, instance, probe);
    }),
  );
  return { workers, timestamp: new Date().toISOString() };
}

const describe = (pool: string, instance: CompiledInstance, probe: Probe | undefined) => ({
  id: instance.id,
  pool,
  name: instance.name ?? instance.id,
  type: instance.type ?? null,
  url: describeTarget(instance.target),
  region: instance.region ?? null,
  features: instance.features,
  status: verdictOf(probe),
  version: probe?.version ?? null,
  uptime: probe?.uptime ?? null,
  responseTime: probe?.status === undefined ? null : probe.ms,
});
