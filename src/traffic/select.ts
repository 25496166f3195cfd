// Which instance, decided by the pool's registry and spent from what this isolate holds of its decisions.

import type { PoolLeases, Selection } from "../isolate/pool-leases.ts";
import type { CompiledInstance } from "../policies/routing/compiled-config.ts";
import type { Scope } from "./scope.ts";
import type { Trail } from "./trail.ts";

export type Choice = {
  readonly leases: PoolLeases;
  readonly tried: readonly CompiledInstance[];
  readonly nowMs: number;
};

/** Undefined when every instance has been tried or the pool has none. */
export async function select(
  scope: Scope,
  { leases, tried, nowMs }: Choice,
  trail: Trail,
): Promise<Selection | undefined> {
  const selection = await leases.select({ ctx: scope.ctx, nowMs, tried });
  if (selection === undefined) return undefined;
  trail.instance = selection.instance.id;
  trail.lease = selection.how;
  trail.leaseAgeMs = selection.ageMs;
  trail.tries++;
  return selection;
}
