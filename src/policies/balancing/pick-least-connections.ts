// The registry's own decision for one waiting request: the instance with the fewest requests in flight over the whole fleet.

export type FleetPick = {
  /** In the roster's order. */
  readonly instances: readonly { readonly id: string }[];
  readonly inFlight: ReadonlyMap<string, number>;
  /** Out for the whole fleet: passed over while there is another. */
  readonly out: readonly string[];
  /** What the asking isolate passes over, which may be because of what it heard long ago: passed over while others are in. */
  readonly avoid: readonly string[];
  /** Where the search begins, so that ties take turns; any number from 0. */
  readonly start: number;
};

/** The instance's id, or undefined for an empty roster. */
export function pickLeastConnections(pick: FleetPick): string | undefined {
  const out = new Set(pick.out);
  return leastOf(pick, new Set([...out, ...pick.avoid])) ?? leastOf(pick, out) ?? leastOf(pick, new Set());
}

function leastOf({ instances, inFlight, start }: FleetPick, passedOver: ReadonlySet<string>): string | undefined {
  let least = Number.POSITIVE_INFINITY;
  let found: string | undefined;
  for (let i = 0; i < instances.length; i++) {
    const id = instances[(start + i) % instances.length]?.id;
    if (id === undefined || passedOver.has(id)) continue;
    const requests = inFlight.get(id) ?? 0;
    if (requests >= least) continue;
    least = requests;
    found = id;
  }
  return found;
}
