// What isolates and a pool's WorkerRegistry say to each other. One call reports, renews and leases: batch in the call, not in the database.

/** What the registry must know of an instance to issue decisions on it. */
export type RosterInstance = { readonly id: string; readonly target: string; readonly weight: number };

/** Identity of a pool's instance list. Later (version, then deployedAt) wins; both come from outside, never from an isolate's clock. */
export type RosterKey = { readonly configVersion: number; readonly deployedAt: number };
export type Roster = RosterKey & {
  readonly strategy: "round-robin" | "least-connections";
  readonly instances: readonly RosterInstance[];
};

/** Cursor positions `from` … `from + count - 1`; position p belongs to instance p mod n of the roster it was issued for. */
export type PositionRange = {
  readonly leaseId: string;
  readonly from: number;
  readonly count: number;
};

/** What an isolate did with a range: `used` positions from its start, and whether it gives the rest back. */
export type RangeReport = PositionRange & { readonly used: number; readonly done: boolean };

export type LeaseCall = {
  readonly isolateId: string;
  readonly rosterKey: RosterKey;
  /** Sent only after the registry answered `roster_wanted`. */
  readonly roster?: Roster;
  readonly reports: readonly RangeReport[];
  /** This isolate's own in-flight requests, absolute and whole: a lost or repeated report changes nothing. Instances at 0 are left out. */
  readonly inFlight: readonly (readonly [instanceId: string, requests: number])[];
  /** WebSockets passed through since the last report: their end is never seen. */
  readonly uncounted: number;
  /** Positions wanted now, 0 to 256 (round-robin). */
  readonly want: number;
  /** Whether the object shall decide for one request that waits (least-connections). */
  readonly pick: boolean;
};

export type LeaseReply =
  | {
      readonly kind: "leased";
      /** How long positions may be spent, counted from before the call was made. */
      readonly range?: PositionRange & { readonly validMs: number };
      /** The instance decided for the waiting request; already counted as this isolate's. */
      readonly pick?: string;
      /** In-flight of all other isolates per instance. */
      readonly others: readonly (readonly [instanceId: string, requests: number])[];
      readonly isolates: number;
      readonly renewAfterMs: number;
    }
  /** The registry does not know this roster: call again with it. */
  | { readonly kind: "roster_wanted" }
  /** The registry already decides on a later roster: read the configuration again. */
  | { readonly kind: "roster_outdated" };

/** GET /balancer/status, one pool. Counters are since the pool's registry was created; ages in ms. */
export type RegistryStatus = {
  readonly pool: string;
  readonly strategy: string;
  readonly rosterVersion: number;
  readonly configVersion: number;
  readonly issued: number;
  readonly used: number;
  readonly outstanding: readonly (PositionRange & { readonly isolateId: string; readonly used: number; readonly ageMs: number })[];
  readonly awaitingReissue: readonly { readonly from: number; readonly count: number }[];
  readonly isolates: readonly { readonly isolateId: string; readonly ageMs: number; readonly inFlight: number }[];
  readonly staleness: { readonly renewAfterMs: number; readonly oldestReportMs: number };
  readonly inFlight: { readonly [instanceId: string]: number };
  readonly uncounted: number;
  readonly instances: readonly RosterInstance[];
};
