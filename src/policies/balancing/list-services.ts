// What is bound, discovered and exposed, for GET /discovery/services (R05, R14, D08, D36).

import type { Bindings } from "../../contracts/bindings.ts";
import type { CompiledInstance, CompiledPool } from "../routing/compiled-config.ts";
import { describeTarget } from "./describe-instance.ts";

export type ServiceListing = {
  /** Names of all service bindings, and which pools use each. */
  readonly services: readonly { readonly binding: string; readonly pools: readonly string[] }[];
  /** Pools fed by discovery; `prefix` is null where nothing was found under it. */
  readonly discovered: readonly {
    readonly pool: string;
    readonly prefix: string | null;
    readonly instances: readonly { readonly id: string; readonly binding: string }[];
  }[];
  /** Instances that registered themselves. */
  readonly registered: readonly { readonly pool: string; readonly instances: readonly { id: string; url: string }[] }[];
  /** Pools reachable as /name/* (D36). */
  readonly exposed: readonly string[];
};

type KnownPool = CompiledPool & { readonly registered?: readonly CompiledInstance[] };

export function listServices(bindings: Bindings, pools: readonly KnownPool[]): ServiceListing {
  const services = [...bindings].flatMap(([name, kind]) => (kind === "service" ? [name] : []));
  return {
    services: services.map((binding) => ({ binding, pools: pools.filter(uses(binding)).map(({ name }) => name) })),
    discovered: pools.filter(({ discovered }) => discovered).map(describeDiscovered),
    registered: pools.flatMap(({ name, registered = [] }) =>
      registered.length === 0 ? [] : [{ pool: name, instances: registered.map(describeRegistered) }],
    ),
    exposed: pools.filter(({ exposed }) => exposed).map(({ name }) => name),
  };
}

/** Discovered bindings are PREFIX_number (R14). */
function describeDiscovered(pool: CompiledPool): ServiceListing["discovered"][number] {
  const instances = boundOf(pool);
  return { pool: pool.name, prefix: instances[0]?.binding.replace(/_\d+$/, "") ?? null, instances };
}

const describeRegistered = ({ id, target }: CompiledInstance) => ({ id, url: describeTarget(target) });

const boundOf = ({ instances }: CompiledPool) =>
  instances.flatMap(({ id, target }) => (target.kind === "binding" ? [{ id, binding: target.binding }] : []));

const uses = (binding: string) => (pool: CompiledPool) => boundOf(pool).some((one) => one.binding === binding);
