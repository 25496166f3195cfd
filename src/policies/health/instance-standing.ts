// How an instance stands, of all its registry knows of it. Used for everything people and monitors are shown.

import type { ProbeState } from "../../contracts/health.ts";
import type { PoolHealth } from "../../contracts/registry.ts";

/**
 * `draining` and `out`: an operator has taken it out. `standby`: nothing is wrong with it, its pool does not need it. `ejected`: out for
 * the whole fleet because requests failed on it. `registered`: nothing is known but that it is configured.
 * `responseTime`: of the latest probe, ms; null where nobody probes or nothing answered.
 */
export type InstanceStanding = {
  readonly status: "draining" | "out" | "standby" | "ejected" | ProbeState | "registered";
  readonly responseTime: number | null;
};

/** For each instance of a pool; what an operator has said goes before what failed requests have shown, and that before what probes say. */
export function standingsIn({
  ejected,
  probed,
  standby = [],
  lifecycle = [],
}: PoolHealth): (instanceId: string) => InstanceStanding {
  const ejectedIds = new Set(ejected.map(({ instanceId }) => instanceId));
  const standbyIds = new Set(standby);
  const facts = new Map(probed.map((fact) => [fact.instanceId, fact]));
  const states = new Map(lifecycle.map(({ instanceId, state }) => [instanceId, state]));
  return (instanceId) => {
    const fact = facts.get(instanceId);
    const seen = ejectedIds.has(instanceId) ? "ejected" : (fact?.state ?? "registered");
    const isIdle = standbyIds.has(instanceId) && (seen === "registered" || seen === "healthy");
    const status = states.get(instanceId) ?? (isIdle ? "standby" : seen);
    return { status, responseTime: fact?.ms ?? null };
  };
}
