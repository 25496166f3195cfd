// The registry's own decision for one waiting request: the instance with the fewest requests in flight over the whole fleet, by weight.

import { servingTier } from "./serving-tier.ts";

type Candidate = { readonly id: string; readonly weight: number; readonly tier?: number };

export type FleetPick = {
  /** In the roster's order. */
  readonly instances: readonly Candidate[];
  readonly inFlight: ReadonlyMap<string, number>;
  /** Out for the whole fleet: passed over while there is another. */
  readonly out: readonly string[];
  /** What the asking isolate passes over, which may be because of what it heard long ago: passed over while others are in. */
  readonly avoid: readonly string[];
  /** The part of its share that an instance gets which starts slowly; of all others 1. */
  readonly shares: ReadonlyMap<string, number>;
  /** Where the search begins, so that ties take turns; any number from 0. */
  readonly start: number;
};

/** The instance's id, or undefined for an empty roster. */
export function pickLeastConnections(pick: FleetPick): string | undefined {
  const out = new Set(pick.out);
  return leastOf(pick, new Set([...out, ...pick.avoid])) ?? leastOf(pick, out) ?? leastOf(pick, new Set());
}

function leastOf(pick: FleetPick, passedOver: ReadonlySet<string>): string | undefined {
  const { instances, inFlight, shares, start } = pick;
  const isIn = ({ id }: Candidate): boolean => !passedOver.has(id);
  const tierMax = servingTier(instances, isIn);
  let least = Number.POSITIVE_INFINITY;
  let found: string | undefined;
  for (let i = 0; i < instances.length; i++) {
    const instance = instances[(start + i) % instances.length];
    if (instance === undefined || !isIn(instance) || (instance.tier ?? 0) > tierMax) continue;
    const { id, weight } = instance;
    const cost = (inFlight.get(id) ?? 0) / (weight * (shares.get(id) ?? 1));
    if (cost >= least) continue;
    least = cost;
    found = id;
  }
  return found;
}
