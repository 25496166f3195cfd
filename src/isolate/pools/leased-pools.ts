// The leases of this isolate on each pool it serves: one PoolLeases per pool, for as long as the isolate lives. Called by the data plane.

import { callRegistry } from "../../objects.ts";
import type { CompiledConfig, CompiledPool } from "../../policies/routing/compiled-config.ts";
import { forgetConfig } from "../config-snapshot.ts";
import { PoolLeases } from "./pool-leases.ts";
import type { Lease } from "./pool-line.ts";

const leasesByPool = new Map<string, PoolLeases>();
/** More than any configuration has; beyond it, pools no longer configured are forgotten. */
const POOLS_KEPT_MAX = 1_000;

/** This isolate's leases on a pool, as configured now. `deployedAt`: epoch ms, orders rosters of one configuration version. */
export function poolLeases(env: Env, config: CompiledConfig, pool: CompiledPool, deployedAt: number): PoolLeases {
  const leases = leasesByPool.get(pool.name) ?? openLeases(env, config, pool.name);
  leases.bind(pool, config.version, deployedAt);
  return leases;
}

/** Each gets an id of its own, for the registry orders calls by it and these count theirs from 1. */
function openLeases(env: Env, config: CompiledConfig, pool: string): PoolLeases {
  if (leasesByPool.size >= POOLS_KEPT_MAX) {
    for (const name of leasesByPool.keys()) if (!config.pools.has(name)) leasesByPool.delete(name);
  }
  const lease: Lease = (call) => callRegistry(env, pool, (registry) => registry.lease(call));
  const isolateId = crypto.randomUUID();
  const leases = new PoolLeases({ lease, isolateId, onOutdated: forgetConfig, clock: () => Date.now() });
  leasesByPool.set(pool, leases);
  return leases;
}
