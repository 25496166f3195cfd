// A pool with whoever has registered itself, for the control surface and `explain`: asked of its registry, no lease taken.
// Traffic learns the same with its leases.

import type { InstanceState } from "../../contracts/lifecycle.ts";
import { waitAtMost } from "../../deadline.ts";
import { log } from "../../log.ts";
import { callRegistry } from "../../objects.ts";
import { instancesOf } from "../../policies/lifecycle/read-registration.ts";
import type { CompiledInstance, CompiledPool } from "../../policies/routing/compiled-config.ts";

const ANSWER_MS_MAX = 2_000;

export type PoolMembers = {
  readonly instances: readonly CompiledInstance[];
  /** Of those that are not in. */
  readonly states: ReadonlyMap<string, Exclude<InstanceState, "in">>;
};

/** Who is configured alone where the registry does not answer, which is logged. Never rejects. */
export async function membersOf(env: Env, pool: CompiledPool): Promise<PoolMembers> {
  const known = await askRegistry(env, pool.name);
  return {
    instances: instancesOf(pool, known),
    states: new Map((known?.lifecycle ?? []).map(({ instanceId, state }) => [instanceId, state])),
  };
}

async function askRegistry(env: Env, pool: string) {
  try {
    return await waitAtMost(
      callRegistry(env, pool, (registry) => registry.health()),
      ANSWER_MS_MAX,
    );
  } catch (error) {
    log("warn", "registry did not answer", { pool, cause: String(error) });
    return undefined;
  }
}
