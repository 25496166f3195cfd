// What isolates and a pool's WorkerRegistry say to each other. One call reports, renews and leases: batch in the call, not in the database.

import type { ScaleSettings } from "./autoscale.ts";
import type { Strategy } from "./balancing-config.ts";
import type { BreakerNotice, BreakerSettings, BreakerStatus, TrialReport } from "./breaker.ts";
import type { HealthFact } from "./health.ts";
import type { InstanceState, LifecycleAction, Membership, Registration } from "./lifecycle.ts";

/** What the registry must know of an instance to issue decisions on it. `target` is for people: no secret, no credentials. */
export type RosterInstance = {
  readonly id: string;
  readonly target: string;
  readonly weight: number;
  /** It serves while those of a lower tier are not enough; absent: 0. */
  readonly tier?: number;
};

/** Identity of a pool's instance list. Later (version, then deployedAt) wins; both come from outside, never from an isolate's clock. */
export type RosterKey = { readonly configVersion: number; readonly deployedAt: number };
export type Roster = RosterKey & {
  readonly strategy: Strategy;
  readonly instances: readonly RosterInstance[];
  /** Absent where the pool has none. */
  readonly breaker?: BreakerSettings;
  readonly autoscale?: ScaleSettings;
  /** Absent where instances get their whole share at once. */
  readonly slowStartMs?: number;
};

/** Most positions in one lease. */
export const POSITIONS_MAX = 256;

/**
 * Cursor positions `from` … `from + count - 1`; position p belongs to instance p mod n of roster `rosterVersion`.
 * `leaseId` is `{epoch}.{number}`: the epoch counts the object's restarts, so no id ever comes twice.
 */
export type PositionRange = {
  readonly leaseId: string;
  readonly rosterVersion: number;
  readonly from: number;
  readonly count: number;
};

/** What an isolate did with a range: `used` positions from its start, and whether it gives the rest back. */
export type RangeReport = PositionRange & { readonly used: number; readonly done: boolean };

/**
 * What became of requests on one instance: `answered` with anything but a 5xx, `failed` with one or by throwing, and how many of those
 * failed last, with no answer after them. Where the strategy goes by it, `ms` is what `timed` of those answered took together.
 */
export type Outcome = {
  readonly instanceId: string;
  readonly answered: number;
  readonly failed: number;
  readonly failedLast: number;
  /** How long those that were answered took to their headers, ms in all. */
  readonly answeredMs?: number;
};

/** How an instance has done of late over the whole fleet: ms to an answer, 0 where none is known, and the share that failed. */
export type FleetPace = readonly [instanceId: string, ms: number, failedShare: number];

export type LeaseCall = {
  readonly isolateId: string;
  /** Counts up with every call of this isolate: the same id again gets the same reply, an older one no new positions. */
  readonly callId: number;
  readonly rosterKey: RosterKey;
  /** Sent only after the registry answered `roster_wanted`. */
  readonly roster?: Roster;
  readonly reports: readonly RangeReport[];
  /** This isolate's own in-flight requests, absolute and whole: a lost or repeated report changes nothing. Instances at 0 are left out. */
  readonly inFlight: readonly (readonly [instanceId: string, requests: number])[];
  /** Since the reply to call `since` of this isolate, 0 before the first; instances without any are left out. */
  readonly outcomes: readonly Outcome[];
  readonly since: number;
  /** WebSockets passed through since the last answered report: their end is never seen. */
  readonly uncounted: number;
  /** Positions wanted now, 0 to POSITIONS_MAX (round-robin). */
  readonly want: number;
  /** Whether the object shall decide for one request that waits (least-connections). */
  readonly pick: boolean;
  /** Instances this isolate skips just now: not picked while there is another. */
  readonly avoid: readonly string[];
  /** Whether a request waits to try a pool whose circuit is not closed. */
  readonly trial?: boolean;
  /** What has become of trials granted to this isolate, until the registry has heard it. */
  readonly trials?: readonly TrialReport[];
  /** Version of the Membership this isolate acts on; absent from those that know of none. */
  readonly membership?: number;
};

export type LeaseReply =
  | {
      readonly kind: "leased";
      /** `validMs`: how long positions may be spent, counted from before the call was made. */
      readonly range?: PositionRange & { readonly validMs: number };
      /** The instance decided for the waiting request; already counted as this isolate's. */
      readonly pick?: string;
      /** In-flight of all other isolates per instance; instances at 0 are left out. */
      readonly others: readonly (readonly [instanceId: string, requests: number])[];
      /** Instances nobody is to be sent to while there is another, and for how long, counted from before the call was made. None in panic. */
      readonly out: readonly (readonly [instanceId: string, forMs: number])[];
      /** Absent while the pool's circuit is closed. */
      readonly breaker?: BreakerNotice;
      /** One request may go through to try the pool. */
      readonly trial?: true;
      /** Holds from here on, before `range` and `pick`; absent where the isolate knows it. */
      readonly membership?: Membership;
      readonly renewAfterMs: number;
      /** Only where the strategy goes by it. */
      readonly paces?: readonly FleetPace[];
      /** Those that probes find degraded; only where the strategy goes by it. */
      readonly degraded?: readonly string[];
      /** Who came in, or came back, and how long ago; left out where nobody has of late. */
      readonly starting?: readonly (readonly [instanceId: string, agoMs: number])[];
      /** That serve this pool just now. */
      readonly isolates: number;
    }
  /** The registry does not know this roster: call again with it. */
  | { readonly kind: "roster_wanted" }
  /** The registry already decides on a later roster, of configuration `configVersion`. */
  | { readonly kind: "roster_outdated"; readonly configVersion: number };

/** Most entries in each list of a RegistryStatus. */
export const STATUS_ENTRIES_MAX = 1_000;

/**
 * GET /balancer/status, one pool. Counters are since the pool's registry was created; what happened in the last seconds before
 * a crash of the object may be missing from them. Ages in ms. Lists hold at most STATUS_ENTRIES_MAX entries, oldest first.
 */
export type RegistryStatus = {
  readonly pool: string;
  readonly strategy: string;
  /** Counts changes of the instance list; 0 while no isolate has called yet. */
  readonly rosterVersion: number;
  readonly configVersion: number;
  /** Positions handed out, one handed out again counted again: `issued - reissued` is how many different ones. */
  readonly issued: number;
  readonly reissued: number;
  readonly used: number;
  readonly outstanding: readonly (PositionRange & {
    readonly isolateId: string;
    readonly used: number;
    readonly ageMs: number;
  })[];
  readonly awaitingReissue: readonly { readonly from: number; readonly count: number }[];
  readonly isolates: readonly { readonly isolateId: string; readonly ageMs: number; readonly inFlight: number }[];
  readonly staleness: { readonly renewAfterMs: number; readonly oldestReportMs: number };
  readonly inFlight: { readonly [instanceId: string]: number };
  /** Who came in or back of late, for slow start. */
  readonly starting?: readonly (readonly [instanceId: string, agoMs: number])[];
  /** What strategies go by that judge how instances do. */
  readonly paces?: readonly FleetPace[];
  readonly uncounted: number;
  readonly instances: readonly RosterInstance[];
  /** Instances that are out for the whole fleet because requests failed on them, in the roster's order. */
  readonly ejected: readonly { readonly instanceId: string; readonly times: number; readonly forMs: number }[];
  /** What probes say now, also of instances that no isolate has brought along yet. */
  readonly probed: readonly HealthFact[];
  /** Ids of the roster's instances that probes find so; all of those probed where there is no roster yet. */
  readonly unhealthy: readonly string[];
  readonly degraded: readonly string[];
  /** So many of the pool are ejected or unhealthy that nobody is passed over for it. */
  readonly panic: boolean;
  /** Absent where the pool has no circuit breaker. */
  readonly breaker?: BreakerStatus;
  /** Instances that registered themselves; those whose id is configured meanwhile are told of, and count for nothing. */
  readonly registered?: readonly Registration[];
  /** Held back because their pool does not need them (autoscale). */
  readonly standby?: readonly string[];
  /** Of those that are not in. */
  readonly lifecycle?: readonly {
    readonly instanceId: string;
    readonly state: Exclude<InstanceState, "in">;
    /** What took it out. */
    readonly action?: Exclude<LifecycleAction, "start">;
  }[];
};

/** What a pool's registry knows of how its instances are. */
export type PoolHealth = Pick<RegistryStatus, "ejected" | "probed" | "registered" | "standby" | "lifecycle">;

/** An instance put out for the whole fleet because requests failed on it; `times` in a row. Epoch ms. */
export type Ejection = {
  readonly instanceId: string;
  readonly times: number;
  readonly atMs: number;
  readonly untilMs: number;
};
