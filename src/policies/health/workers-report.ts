// What GET /health/workers tells the public of all pools (D29): names, how they are, how long they took. No address.

import type { ProbeState } from "../../contracts/health.ts";
import type { PoolHealth } from "../../contracts/registry.ts";
import { type InstanceStanding, standingsIn } from "./instance-standing.ts";

/** `health`: undefined when the pool's registry did not answer. */
export type ReportedPool = {
  readonly name: string;
  readonly instances: readonly { readonly id: string }[];
  readonly health: PoolHealth | undefined;
};

/** `unknown`: nobody could say. `responseTime` in ms, null where nobody probes or nothing answered. */
type WorkerHealth = { readonly status: ProbeState | "unknown"; readonly responseTime: number | null };
export type WorkersReport = {
  readonly status: ProbeState;
  readonly workers: { readonly [name: string]: WorkerHealth };
};

/** Workers are named for their pool where they are alone in it, else `pool:instance`: names hold no colon. */
export function reportWorkers(pools: readonly ReportedPool[]): WorkersReport {
  const reported = pools.map((pool) => ({ pool, workers: listWorkers(pool) }));
  const named = reported.flatMap(({ pool: { name, instances }, workers }) =>
    workers.map((worker, i) => [workers.length === 1 ? name : `${name}:${instances[i]?.id}`, worker] as const),
  );
  return { status: statusOfAll(reported.map(({ workers }) => workers)), workers: Object.fromEntries(named) };
}

function listWorkers({ instances, health }: ReportedPool): WorkerHealth[] {
  if (health === undefined) return instances.map(() => ({ status: "unknown", responseTime: null }));
  const standingOf = standingsIn(health);
  return instances.map(({ id }) => {
    const { status, responseTime } = standingOf(id);
    return { status: SHOWN[status], responseTime };
  });
}

/** An instance is well as long as nothing is known against it. */
const SHOWN: { readonly [status in InstanceStanding["status"]]: ProbeState } = {
  draining: "unhealthy",
  out: "unhealthy",
  standby: "healthy",
  ejected: "unhealthy",
  unhealthy: "unhealthy",
  degraded: "degraded",
  healthy: "healthy",
  registered: "healthy",
};

/**
 * A pool with nobody left makes all unhealthy. A single bad instance degrades, and so does a pool nothing could be learned of, for nobody knows
 * that it is well. One that is slow changes nothing: it serves (the example of D29).
 */
function statusOfAll(pools: readonly (readonly WorkerHealth[])[]): ProbeState {
  const isDown = (workers: readonly WorkerHealth[]) =>
    workers.length > 0 && workers.every(({ status }) => status === "unhealthy");
  if (pools.some(isDown)) return "unhealthy";
  return pools.flat().some(({ status }) => status === "unhealthy" || status === "unknown") ? "degraded" : "healthy";
}
