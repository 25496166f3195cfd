// What is simulated: a pool, its load, who is slow or fails, how many isolates share it, and how stale what they know is.

import type { EventQueue } from "../event-queue.ts";
import type { SimulatedInstance } from "./simulated-instance.ts";

export type Scenario = {
  readonly isolates: number;
  readonly instances: number;
  /** Requests that an instance serves at a time. */
  readonly slots: number;
  /** Of a request where nothing is slow; times are exponential. */
  readonly meanMs: number;
  /** Of what the pool can do, its slow instances counted as slow. */
  readonly load: number;
  readonly slow: { readonly share: number; readonly factor: number; readonly forMs: number };
  /** Between two calls of an isolate to its registry: what it knows of the others is so old on average, and twice that at most. */
  readonly staleMs: number;
  /** Of virtual time. */
  readonly seconds: number;
  readonly retries: boolean;
  readonly plan?: (ground: { readonly queue: EventQueue; readonly instances: readonly SimulatedInstance[] }) => void;
};

/** Requests before this are not measured: queues begin empty. */
export const SETTLED_MS = 3_000;
export const TRIES_MAX = 3;

/** The contract's scenario. */
export const HEADLINE: Scenario = {
  isolates: 16,
  instances: 12,
  slots: 4,
  meanMs: 10,
  load: 0.9,
  slow: { share: 0.2, factor: 4, forMs: 1_000 },
  staleMs: 50,
  seconds: 60,
  retries: false,
};

const SOUND = { share: 0, factor: 1, forMs: 1_000 };

/** One instance answers half of what it is sent with a failure, at once. */
export const FLAKY: Scenario = {
  ...HEADLINE,
  load: 0.5,
  slow: SOUND,
  staleMs: 800,
  seconds: 30,
  plan: ({ instances: [first] }) => {
    if (first !== undefined) first.failingShare = 0.5;
  },
};

/** Everything fails from some time on, and every request would be tried three times. */
export const STORM_AT_MS = 10_000;
export const STORM: Scenario = {
  ...HEADLINE,
  slow: SOUND,
  staleMs: 800,
  seconds: 60,
  retries: true,
  plan: ({ queue, instances }) => {
    queue.after(STORM_AT_MS, () => {
      for (const instance of instances) instance.failingShare = 1;
    });
  },
};

/** Isolates and staleness over which least-connections must not do worse than without the registry. */
export const FLEETS = [2, 4, 16, 64, 250, 1_000] as const;
export const STALENESS_MS = [10, 50, 200, 1_000] as const;
/** More calls a second than any registry would see are not simulated. */
export const CALLS_PER_SECOND_MAX = 25_000;
