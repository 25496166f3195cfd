// What isolates and a shard of the RateLimiter say to each other: one call reports, gives back, renews and asks, for many keys at once.
// Counts are tokens, times are ms on the shard's clock unless said otherwise.

/** At most `limit` tokens in any interval of `windowMs`. */
export type RateRule = { readonly kind: "rate"; readonly limit: number; readonly windowMs: number };
/** At most `limit` slots held at one time; a slot that is not renewed comes back after `leaseMs`. */
export type SlotRule = { readonly kind: "slots"; readonly limit: number; readonly leaseMs: number };
export type LimitRule = RateRule | SlotRule;

/** One policy's window for one caller: the policy's name and a digest of whom it counts, `{policy}/{digest}`. */
export type LimitKey = string;

/** `used` counts from the lease's beginning, so a lost, late or repeated report does no harm. `done`: the rest is given back. */
export type LeaseReport = { readonly leaseId: string; readonly used: number; readonly done: boolean };

/** `leaseId` is chosen by the isolate: the same id again gets the same lease. */
export type TokenWish = {
  readonly leaseId: string;
  /** Tokens for requests that wait now, in multiples of `cost`. */
  readonly waiting: number;
  readonly cost: number;
  /** Tokens that would be welcome beyond those. */
  readonly spare: number;
  /** The requests that wait spend theirs within this time or not at all, by timers the first of which was started before this left. */
  readonly withinMs: number;
};

export type RateAsk = {
  readonly kind: "rate";
  readonly key: LimitKey;
  readonly rule: RateRule;
  readonly reports: readonly LeaseReport[];
  readonly wish?: TokenWish;
};

export type SlotAsk = {
  readonly kind: "slots";
  readonly key: LimitKey;
  readonly rule: SlotRule;
  readonly released: readonly string[];
  /** Slots held and to be kept. */
  readonly renewed: readonly string[];
  /** New slots, one per request that waits. */
  readonly wanted: readonly string[];
};

export type LimiterAsk = RateAsk | SlotAsk;
export type LimiterCall = {
  readonly isolateId: string;
  /** Counts up with every call of this isolate. A copy of an earlier one gets what that got, and nothing new. */
  readonly callId: number;
  readonly asks: readonly LimiterAsk[];
  /** As this isolate was last told: a shard that has just started knows no better. */
  readonly paceMs: number;
};

export type RateAnswer = {
  readonly kind: "rate";
  /** Tokens of the lease wished for; 0 is a denial. */
  readonly granted: number;
  /** How long they may be spent, counted from before the call was made. */
  readonly validMs: number;
  /** What is left of the limit after this answer. */
  readonly remaining: number;
  /** Until the next tokens come free; 0 while nothing is counted. */
  readonly releaseInMs: number;
};

export type SlotAnswer = {
  readonly kind: "slots";
  /** Those of `wanted` and `renewed` that this isolate holds now. */
  readonly held: readonly string[];
  readonly remaining: number;
};

/** One answer per ask, in their order. */
export type LimiterReply = {
  readonly answers: readonly (RateAnswer | SlotAnswer)[];
  /** How long this isolate leaves the shard in peace, counted from this call. */
  readonly paceMs: number;
};

/** GET /api/super/limits/{policy}/{key}: one window as its shard has it. Ages and ends in ms from now. */
export type LimitStatus = {
  readonly kind: LimitRule["kind"];
  /** Tokens counted in the window now, leases included; or slots held. */
  readonly used: number;
  readonly releaseInMs: number;
  readonly leases: readonly {
    readonly leaseId: string;
    readonly isolateId: string;
    readonly tokens: number;
    readonly used: number;
    readonly endsInMs: number;
  }[];
};
