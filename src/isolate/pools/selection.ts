// What a request asks of its pool's leases, and the instance it gets. Spoken by the data plane and PoolLeases.

import type { CompiledInstance } from "../../policies/routing/compiled-config.ts";
import type { Lifetime } from "../lifetime.ts";
import type { PoolSlot } from "./pool-slot.ts";

/**
 * `nowMs`: the isolate's clock, epoch ms. `tried`: instances this request has failed on already. `lasting`: a relayed socket. `forTrial`:
 * it would go on elsewhere if its instance kept silent. `key`: what it has in common with requests that are to go where it goes.
 */
export type SelectScope = {
  readonly ctx: Lifetime;
  readonly nowMs: number;
  readonly tried?: readonly CompiledInstance[];
  readonly lasting?: boolean;
  readonly forTrial?: boolean;
  readonly key?: string | undefined;
};

/**
 * `how`: the pool's only instance, a leased position, the fleet's snapshot, the object's own pick, or this isolate by itself.
 * `ageMs`: of what it was decided on, from before the registry was asked; 0 where the registry had no part in it.
 */
export type Selection = {
  readonly instance: CompiledInstance;
  readonly slot: PoolSlot;
  readonly how: "only" | "range" | "snapshot" | "object" | "local";
  readonly ageMs: number;
};
