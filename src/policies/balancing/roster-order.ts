// Which of two rosters holds, and whether going from one to the other moves any position. Used by the registry and by isolates.

import type { Roster, RosterKey } from "../../contracts/registry.ts";

/** Negative when `a` is earlier than `b`, positive when later, 0 when they are the same: configuration first, then deployment. */
export const compareRosterKeys = (a: RosterKey, b: RosterKey): number =>
  a.configVersion - b.configVersion || a.deployedAt - b.deployedAt;

type Order = {
  readonly strategy: Roster["strategy"];
  readonly instances: readonly { readonly id: string; readonly weight: number }[];
};

/**
 * Whether every position means the same instance in both. A configuration change elsewhere, or of an instance's address,
 * then leaves the ranges that are out valid.
 */
export const isSameOrder = (a: Order, b: Order): boolean =>
  a.strategy === b.strategy &&
  a.instances.length === b.instances.length &&
  a.instances.every(({ id, weight }, i) => {
    const other = b.instances[i];
    return id === other?.id && (a.strategy !== "weighted" || weight === other.weight);
  });
