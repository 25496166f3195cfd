// Workers taken out of rotation and put in again (D32 to D34, D71), operators only. A worker is a pool, or `pool:instance`.

import type { IRequestStrict } from "itty-router";
import * as v from "valibot";
import { durationMs } from "../contracts/bounded-count.ts";
import type { LifecycleAction } from "../contracts/lifecycle.ts";
import { ok, type Result, refuse } from "../contracts/refusals.ts";
import { strict } from "../contracts/strict-object.ts";
import { readOptionalBody } from "../http/body.ts";
import { decodeSegment } from "../http/path-segment.ts";
import { readQuery, wholeNumber } from "../http/query.ts";
import { reply } from "../http/reply.ts";
import { currentConfig } from "../isolate/config-snapshot.ts";
import { membersOf } from "../isolate/pools/pool-members.ts";
import { log } from "../log.ts";
import { readWorkerName } from "../policies/lifecycle/worker-name.ts";
import { type Conduct, conduct, type WorkerOutcome } from "./conduct-lifecycle.ts";
import { recordAction } from "./record-action.ts";

const DEADLINE_MS = 30_000;
const DEADLINE_MS_MAX = 300_000;
const Body = strict({ deadlineMs: v.optional(durationMs(0, DEADLINE_MS_MAX)) });
const Query = v.strictObject({ deadlineMs: v.optional(wholeNumber(0, DEADLINE_MS_MAX)) });

/**
 * POST /admin/workers/{name}/start|drain|stop|restart {deadlineMs?}: {worker, action, workers: WorkerOutcome[]} once nothing is in flight or
 * the deadline has passed; 404 unknown_worker, 502 restart_failed with the same `workers`.
 */
export const changeWorker =
  (action: LifecycleAction) =>
  async (request: IRequestStrict, env: Env, ctx: ExecutionContext): Promise<Response> => {
    const query = readQuery(request, Query);
    const body = await readOptionalBody(request, Body);
    const deadlineMs = body.deadlineMs ?? query.deadlineMs ?? DEADLINE_MS;
    const name = decodeSegment(request.params.name) ?? "";
    const found = await findInstances(env, ctx, name);
    if (!found.ok) return reply(request, found);
    await record(env, { name, action, deadlineMs });
    const workers = await conduct({ env, ...found.value, action, deadlineMs });
    return reply(request, concluded({ worker: name, action, workers }));
  };

type Outcome = { readonly worker: string; readonly action: string; readonly workers: readonly WorkerOutcome[] };

function concluded(outcome: Outcome): Result<Outcome> {
  const failed = outcome.workers.find(({ failure }) => failure !== undefined);
  return failed === undefined ? ok(outcome) : refuse("restart_failed", `${failed.worker}: ${failed.failure}`, outcome);
}

async function findInstances(
  env: Env,
  ctx: ExecutionContext,
  name: string,
): Promise<Result<Pick<Conduct, "pool" | "instances" | "restarting">>> {
  const named = readWorkerName(name);
  const pool = (await currentConfig(env, ctx)).pools.get(named.pool);
  if (pool === undefined) return refuse("unknown_worker");
  const { instances, restarting } = await membersOf(env, pool);
  const meant = instances.filter(({ id }) => named.instance === undefined || id === named.instance);
  return meant.length === 0 ? refuse("unknown_worker") : ok({ pool, instances: meant, restarting });
}

type Order = { readonly name: string; readonly action: LifecycleAction; readonly deadlineMs: number };

/** Before it is done, for it may take long. A control plane that does not answer keeps nobody from stopping a worker. */
async function record(env: Env, { name: subject, action, deadlineMs }: Order): Promise<void> {
  try {
    await recordAction(env, `worker.${action}`, { subject, detail: { deadlineMs } });
  } catch (error) {
    log("error", "change of a worker not audited", { worker: subject, action, cause: String(error) });
  }
}
