// What the strategies have in common and what sets them apart: all choose in turn, by positions that the registry leases, or by load, each
// isolate by its own requests and what it has heard of the others'. Asked by isolates, the registry and the compile step.

import type { Strategy } from "../../contracts/balancing-config.ts";

type Traits = {
  /** By positions of the registry's cursor. */
  readonly inTurn: boolean;
  /** The registry itself decides for a request that waits, and for whatever lasts. */
  readonly byRegistry: boolean;
  /** Isolates time answers, and so learn which instances are slow. */
  readonly timed: boolean;
  /** Isolates tell each other, through the registry, how long answers take and how many fail. */
  readonly shared: boolean;
  /** Of an instance that comes in or back; 0: it gets its whole share at once. */
  readonly slowStartMs: number;
};

const SLOW_START_MS = 30_000;

const TRAITS: Readonly<Record<Strategy, Traits>> = {
  "round-robin": { inTurn: true, byRegistry: false, timed: false, shared: false, slowStartMs: 0 },
  weighted: { inTurn: true, byRegistry: false, timed: false, shared: false, slowStartMs: 0 },
  "least-connections": { inTurn: false, byRegistry: true, timed: true, shared: false, slowStartMs: SLOW_START_MS },
  "health-aware": { inTurn: false, byRegistry: false, timed: true, shared: true, slowStartMs: SLOW_START_MS },
  "peak-ewma": { inTurn: false, byRegistry: false, timed: true, shared: true, slowStartMs: SLOW_START_MS },
  hash: { inTurn: false, byRegistry: false, timed: false, shared: false, slowStartMs: 0 },
};

export const traitsOf = (strategy: Strategy): Traits => TRAITS[strategy];
