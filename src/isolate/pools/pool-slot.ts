// What an isolate knows of one instance of a pool: its own requests under way, the others' as last heard, recent failures, how it answers.
// PoolSlots keeps them; choices and tries count on them.

import { describeTarget } from "../../policies/balancing/describe-instance.ts";
import type { Gauge } from "../../policies/balancing/gauge.ts";
import { hashOf } from "../../policies/balancing/pick-by-hash.ts";
import type { SnapshotLoad } from "../../policies/balancing/pick-by-snapshot.ts";
import { tierOf } from "../../policies/balancing/serving-tier.ts";
import type { InTurn } from "../../policies/balancing/spend-position.ts";
import { OutcomeCount } from "../../policies/health/outcomes.ts";
import type { Doubt, Listening, Waiting } from "../../policies/health/silence.ts";
import type { CompiledInstance } from "../../policies/routing/compiled-config.ts";

/** A try that has waited for a while. */
export type SlowTry = Waiting & {
  /** No request waits for longer, epoch ms: what is still here then was cut with its request and never left. */
  readonly endsAtMs: number;
  /** Counted as a failure already, whatever comes of it. */
  isTold: boolean;
  /** Ends the try so that its request goes on to another instance; undefined where it may not, or has gone. */
  goOn: (() => void) | undefined;
};

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
export type PoolSlot = Mutable<SnapshotLoad> &
  Mutable<InTurn> &
  Mutable<Doubt> &
  Mutable<Omit<Listening, "waiting">> & {
    readonly outcomes: OutcomeCount;
    /** Where the strategy times answers. */
    gauge: Gauge | undefined;
    readonly waiting: Set<SlowTry>;
    /** Woken, once, when the instance is closed: its relayed WebSockets, with how soon they are to be gone, ms. */
    readonly sockets: Set<(withinMs: number) => void>;
    /** When all that wait for it were last looked through, epoch ms. */
    judgedAtMs: number;
  };

const NEVER = Number.NEGATIVE_INFINITY;
export const NOTHING_KNOWN = {
  heardAtMs: NEVER,
  provenAtMs: NEVER,
  silentAtMs: 0,
  judgedAtMs: NEVER,
  doubtful: false,
  unheard: 0,
  outUntilMs: 0,
};

/** An instance that leads elsewhere begins anew, whatever befell the one that had its id. */
export const placeOf = ({ id, target }: CompiledInstance): string => `${id} ${describeTarget(target)}`;

/** Idle, and nothing known of it. */
export const openSlot = (instance: CompiledInstance, gauge: Gauge | undefined): PoolSlot => ({
  instance,
  gauge,
  seed: hashOf(instance.id),
  tier: tierOf(instance),
  ramp: 1,
  burden: 1 / instance.weight,
  slowness: 1,
  inFlight: 0,
  promised: 0,
  others: 0,
  failures: 0,
  ejectedUntilMs: 0,
  closed: false,
  outcomes: new OutcomeCount(),
  waiting: new Set(),
  sockets: new Set(),
  ...NOTHING_KNOWN,
});
