// The registry's own decision for one waiting request: the instance with the fewest requests in flight over the whole fleet.

export type FleetPick = {
  /** In the roster's order. */
  readonly instances: readonly { readonly id: string }[];
  readonly inFlight: ReadonlyMap<string, number>;
  /** Passed over while there is another. */
  readonly avoid: readonly string[];
  /** Where the search begins, so that ties take turns; any number from 0. */
  readonly start: number;
};

/** The instance's id, or undefined for an empty roster. */
export function pickLeastConnections(pick: FleetPick): string | undefined {
  return leastOf(pick, pick.avoid) ?? leastOf(pick, []);
}

function leastOf({ instances, inFlight, start }: FleetPick, avoid: readonly string[]): string | undefined {
  let least = Number.POSITIVE_INFINITY;
  let found: string | undefined;
  for (let i = 0; i < instances.length; i++) {
    const id = instances[(start + i) % instances.length]?.id;
    if (id === undefined || avoid.includes(id)) continue;
    const requests = inFlight.get(id) ?? 0;
    if (requests >= least) continue;
    least = requests;
    found = id;
  }
  return found;
}
