// A pool with whoever has registered itself, for the control surface and `explain`: asked of its registry, no lease taken.
// Traffic learns the same with its leases.

import type { InstanceState } from "../../contracts/lifecycle.ts";
import { callRegistry } from "../../objects.ts";
import { instancesOf } from "../../policies/lifecycle/read-registration.ts";
import type { CompiledInstance, CompiledPool } from "../../policies/routing/compiled-config.ts";
import { answerOf } from "../answer-of.ts";

export type PoolMembers = {
  readonly instances: readonly CompiledInstance[];
  /** Of those that are not in. */
  readonly states: ReadonlyMap<string, Exclude<InstanceState, "in">>;
  /** Of those that are being restarted, or were and did not come back. */
  readonly restarting: ReadonlySet<string>;
};

/** Who is configured alone where the registry does not answer, which is logged. Never rejects. */
export async function membersOf(env: Env, pool: CompiledPool): Promise<PoolMembers> {
  const known = await answerOf("registry", pool.name, () =>
    callRegistry(env, pool.name, (registry) => registry.health()),
  );
  const lifecycle = known?.lifecycle ?? [];
  return {
    instances: instancesOf(pool, known),
    states: new Map(lifecycle.map(({ instanceId, state }) => [instanceId, state])),
    restarting: new Set(lifecycle.flatMap(({ instanceId, action }) => (action === "restart" ? [instanceId] : []))),
  };
}
