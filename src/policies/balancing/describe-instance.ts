// An instance as operators and registries see it: where it leads, without anything secret. Used for rosters and the admin's listings.

import type { RegistryStatus, Roster, RosterInstance } from "../../contracts/registry.ts";
import { type InstanceStanding, standingsIn } from "../health/instance-standing.ts";
import type { CompiledInstance, CompiledPool, Target } from "../routing/compiled-config.ts";
import { tierOf } from "./serving-tier.ts";

/** Rosters are stored whole in one row, a thousand instances too. */
const TARGET_LENGTH_MAX = 256;

/** `binding:NAME`, `rpc:NAME` or the URL without user and password. */
export function describeTarget(target: Target): string {
  if (target.kind === "binding") return `${target.rpc ? "rpc" : "binding"}:${target.binding}`;
  return target.base.replace(/^([a-z]+:\/\/)[^/]*@/i, "$1").slice(0, TARGET_LENGTH_MAX);
}

/** What positions are dealt over. */
export const rosterInstance = (instance: CompiledInstance): RosterInstance => ({
  id: instance.id,
  target: describeTarget(instance.target),
  weight: instance.weight,
  ...(tierOf(instance) > 0 && { tier: tierOf(instance) }),
});

/** What the registry is told of a pool. */
export const rosterOf = (pool: CompiledPool, configVersion: number, deployedAt: number): Roster => ({
  configVersion,
  deployedAt,
  strategy: pool.strategy,
  instances: pool.instances.map(rosterInstance),
  ...(pool.breaker !== undefined && { breaker: pool.breaker }),
  ...(pool.autoscale !== undefined && { autoscale: pool.autoscale }),
  ...(pool.slowStartMs > 0 && { slowStartMs: pool.slowStartMs }),
});

/** GET /admin/workers, one row (L69). Where the pool's registry did not answer, `registered` and null. */
type InstanceListing = InstanceStanding & {
  readonly id: string;
  readonly name?: string;
  readonly target: string;
  readonly weight: number;
  readonly region?: string;
  readonly type?: string;
  readonly features: readonly string[];
  /** Over the whole fleet. */
  readonly inFlight: number | null;
};

type KnownOfPool = Pick<RegistryStatus, "inFlight" | "ejected" | "probed" | "standby" | "lifecycle">;
const NOTHING: KnownOfPool = { inFlight: {}, ejected: [], probed: [] };

/** `known`: undefined when the pool's registry did not answer. */
export function listInstances(
  instances: readonly CompiledInstance[],
  known: KnownOfPool | undefined,
): InstanceListing[] {
  const standingOf = standingsIn(known ?? NOTHING);
  return instances.map((one) => ({
    ...listConfigured(one),
    ...standingOf(one.id),
    inFlight: known === undefined ? null : inFlightOf(known, one.id),
  }));
}

const listConfigured = (instance: CompiledInstance) => ({
  id: instance.id,
  ...(instance.name !== undefined && { name: instance.name }),
  target: describeTarget(instance.target),
  weight: instance.weight,
  ...(instance.region !== undefined && { region: instance.region }),
  ...(instance.type !== undefined && { type: instance.type }),
  features: instance.features,
});

/** Own keys only: an instance may be called "constructor". */
const inFlightOf = ({ inFlight }: KnownOfPool, id: string): number =>
  Object.hasOwn(inFlight, id) ? (inFlight[id] ?? 0) : 0;
