// Takes instances out and brings them back, step by step: tells the pool's registry, waits until nothing is in flight anywhere, restarts,
// probes. Every state is a row of the registry, so whoever breaks off here leaves something that the next change goes on from.

import type { InstanceProgress, InstanceState, LifecycleAction } from "../contracts/lifecycle.ts";
import { probeInstance } from "../instances/probe-instance.ts";
import { isRestartable, restartInstance } from "../instances/restart-instance.ts";
import type { PoolMembers } from "../isolate/pools/pool-members.ts";
import { callRegistry } from "../objects.ts";
import { isDrained } from "../policies/lifecycle/closings.ts";
import { isWarm } from "../policies/lifecycle/warm.ts";
import { workerName } from "../policies/lifecycle/worker-name.ts";
import type { CompiledInstance, CompiledPool } from "../policies/routing/compiled-config.ts";

export type Conduct = {
  readonly env: Env;
  readonly pool: CompiledPool;
  readonly instances: readonly CompiledInstance[];
  readonly restarting: PoolMembers["restarting"];
  readonly action: LifecycleAction;
  /** How long what is in flight may take, and how long an instance may take to come back, ms. */
  readonly deadlineMs: number;
};

export type WorkerOutcome = {
  readonly worker: string;
  readonly state: InstanceState;
  readonly inFlight: number;
  /** Nothing was in flight any more, in no isolate; absent where that was not asked for. */
  readonly drained?: boolean;
  /** A later change decides now. */
  readonly overtaken?: true;
  readonly restarted?: "rotation" | "process";
  /** Why it stays out. */
  readonly failure?: string;
};

/** Every so often a registry or a probe is asked again, further apart each time. */
const AGAIN_MS = 100;
const AGAIN_MS_MAX = 2_000;
const PROBE_MS_MAX = 5_000;

/** In the order of the pool, a restart in that of restartInTurn. Rejects when the pool's registry does not answer. */
export async function conduct(order: Conduct): Promise<WorkerOutcome[]> {
  if (order.action === "restart") return await restartInTurn(order);
  const ids = order.instances.map(({ id }) => id);
  const { progress, isOurs } = await change(order, ids);
  return progress.map((one) => describe(order, one, isOurs(one)));
}

/**
 * One after another, so that the others serve meanwhile: those that are being restarted first, so that a restart under way is taken over
 * where it is; none after one that does not come back, or that somebody else has taken over.
 */
async function restartInTurn(order: Conduct): Promise<WorkerOutcome[]> {
  const outcomes: WorkerOutcome[] = [];
  const turnOf = ({ id }: CompiledInstance) => (order.restarting.has(id) ? 0 : 1);
  for (const instance of order.instances.toSorted((one, other) => turnOf(one) - turnOf(other))) {
    const outcome = await restart(order, instance);
    outcomes.push(outcome);
    if (outcome.failure !== undefined || outcome.overtaken) break;
  }
  return outcomes;
}

async function restart(order: Conduct, instance: CompiledInstance): Promise<WorkerOutcome> {
  const { progress, isOurs } = await change(order, [instance.id]);
  const [drained] = progress;
  if (drained === undefined) throw new Error("restart: the registry said nothing of the instance");
  const out = describe(order, drained, isOurs(drained));
  if (out.overtaken) return out;
  const restarted = isRestartable(instance) ? "process" : "rotation";
  const failure = (await renew(order, instance)) ?? (await warmUp(order, instance));
  const { pool, env } = order;
  const [now = drained] = await callRegistry(env, pool.name, (registry) => registry.progress([instance.id]));
  if (now.changeId !== drained.changeId) return { ...out, state: now.state, restarted, overtaken: true };
  if (failure !== undefined) return { ...out, state: "out", restarted, failure };
  const begin = {
    ...orderOf(order, [instance.id]),
    action: "start" as const,
    ...(drained.changeId !== undefined && { after: drained.changeId }),
  };
  const [after = drained] = await callRegistry(env, pool.name, (registry) => registry.change(begin));
  return { ...out, state: after.state, restarted, ...(after.state !== "in" && { overtaken: true }) };
}

const renew = async ({ env, deadlineMs }: Conduct, instance: CompiledInstance): Promise<string | undefined> =>
  isRestartable(instance) ? await restartInstance(env, instance, Math.max(PROBE_MS_MAX, deadlineMs)) : undefined;

/** Undefined once it answers as it should, else what it did last, for people. */
async function warmUp({ env, pool, deadlineMs }: Conduct, instance: CompiledInstance): Promise<string | undefined> {
  const endsAtMs = Date.now() + deadlineMs;
  const bounds = {
    timeoutMs: pool.health?.timeoutMs ?? PROBE_MS_MAX,
    ...(pool.health && { paths: pool.health.paths }),
  };
  for (let waitMs = AGAIN_MS; ; waitMs = later(waitMs)) {
    const probe = await probeInstance(env, instance, bounds);
    if (isWarm(probe, pool.health !== undefined)) return undefined;
    if (Date.now() + waitMs >= endsAtMs)
      return probe.status === undefined ? "it did not answer its probe" : `it answered its probe with ${probe.status}`;
    await scheduler.wait(waitMs);
  }
}

/** Makes the change and waits until it is through, overtaken, or out of time. */
async function change(order: Conduct, ids: readonly string[]) {
  const { env, pool, deadlineMs } = order;
  // Made once, for the call may be repeated when its answer is lost.
  const made = orderOf(order, ids);
  let progress = await callRegistry(env, pool.name, (registry) => registry.change(made));
  const endsAtMs = Date.now() + deadlineMs;
  const ours = new Map(progress.map(({ instanceId, changeId }) => [instanceId, changeId]));
  const isOurs = ({ instanceId, changeId }: InstanceProgress): boolean => ours.get(instanceId) === changeId;
  const isOver = (one: InstanceProgress): boolean => order.action === "start" || isDrained(one) || !isOurs(one);
  for (let waitMs = AGAIN_MS; !progress.every(isOver); waitMs = later(waitMs)) {
    const leftMs = endsAtMs - Date.now();
    if (leftMs <= 0) break;
    await scheduler.wait(Math.min(waitMs, leftMs));
    progress = await callRegistry(env, pool.name, (registry) => registry.progress(ids));
  }
  return { progress, isOurs };
}

const later = (waitMs: number): number => Math.min(waitMs * 1.5, AGAIN_MS_MAX);

const orderOf = ({ action, deadlineMs }: Conduct, instanceIds: readonly string[]) => ({
  action,
  instanceIds,
  changeId: crypto.randomUUID(),
  drainMs: deadlineMs,
});

function describe({ pool, action }: Conduct, one: InstanceProgress, isOurs: boolean): WorkerOutcome {
  const { instanceId, state, inFlight } = one;
  return {
    worker: workerName(pool.name, instanceId),
    state,
    inFlight,
    ...(action !== "start" && { drained: isOurs && isDrained(one) }),
    ...(!isOurs && { overtaken: true as const }),
  };
}
