// GET /api/workers/status: every instance asked just now (L68, L69), for whoever is signed in and for operators.

import type { IRequestStrict } from "itty-router";
import { ok } from "../contracts/refusals.ts";
import { reply } from "../http/reply.ts";
import { currentConfig } from "../isolate/config-snapshot.ts";
import { probeInstance } from "../isolate/probe-instance.ts";
import { describeTarget } from "../policies/balancing/describe-instance.ts";
import { type Probe, verdictOf } from "../policies/health/probe-verdict.ts";
import type { CompiledInstance } from "../policies/routing/compiled-config.ts";

const TIMEOUT_MS = 5_000;
/** Each may be asked twice, and a request may call other Workers 32 times. What is beyond is `unknown`. */
const PROBES_MAX = 15;
/** Whoever asks again sooner is told what was found then. */
const FRESH_MS = 1_000;

type WorkerStatus = ReturnType<typeof describe>;
type Found = { readonly workers: readonly WorkerStatus[]; readonly timestamp: string };
let latest: { readonly configVersion: number; readonly atMs: number; readonly found: Found } | undefined;

/**
 * {workers: [{id, pool, name, type, url, region, features, status, version, uptime, responseTime}], timestamp}: `status` is `online`,
 * `degraded` (answers, but not with 2xx), `offline` or `unknown`; `uptime` in s, `responseTime` in ms; null where there is none.
 */
export const getWorkersStatus = async (request: IRequestStrict, env: Env, ctx: ExecutionContext): Promise<Response> => {
  const { version, pools } = await currentConfig(env, ctx);
  const nowMs = Date.now();
  if (latest?.configVersion === version && Math.abs(nowMs - latest.atMs) < FRESH_MS)
    return reply(request, ok(latest.found));
  const instances = [...pools.values()].flatMap((pool) =>
    pool.instances.map((instance) => ({ pool: pool.name, instance })),
  );
  const workers = await Promise.all(
    instances.map(async ({ pool, instance }, at) => {
      const probe = at < PROBES_MAX ? await probeInstance(env, instance, TIMEOUT_MS) : undefined;
      return describe(pool, instance, probe);
    }),
  );
  const found = { workers, timestamp: new Date().toISOString() };
  latest = { configVersion: version, atMs: Date.now(), found };
  return reply(request, ok(found));
};

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
