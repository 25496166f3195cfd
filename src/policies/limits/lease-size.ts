// How many tokens an isolate is lent beyond those its waiting requests need, and for how long (design: "Limits, precisely").

/** What clocks may differ by while a lease runs: tokens lent in advance still count so long after its end. */
const SLACK_MS = 2_000;

/**
 * Tokens for requests that wait must reach them within this time at most, by a timer, which no step of a clock can stretch. They are
 * spent in that moment, or by a request that waits for other limits too, within another while. They count a little longer.
 */
export const AT_ONCE_MS_MAX = 500;
export const HOLD_MS_MAX = 200;
const AT_ONCE_SLACK_MS = 10;
/** Leases remembered per key; what is granted beyond them counts as spent at once. */
export const LEASES_MAX = 512;
/**
 * How long they may be given back: an answer that came too late need not cost its tokens. Under many calls no longer, for LEASES_MAX must
 * hold those of 300 a second. After a window nothing counts.
 */
const GIVE_BACK_MS_MAX = 5_000;
const GIVE_BACK_CROWDED_MS_MAX = 1_500;
const CROWD = LEASES_MAX / 4;

/** Below this, tokens are lent only to requests that wait. */
const SPARE_LIMIT_MIN = 200;
const SPARE_SHARE = 0.005;
/** Neither are the last tokens of a limit lent in advance. */
const LAST_SHARE = 0.05;
/** What is lent and not reported as spent counts for too long: one failure wastes no more. */
const UNSPENT_SHARE = 0.02;

const SPARE_LEASE_MS_MIN = 1_000;
const SPARE_LEASE_MS_MAX = 10_000;
const SPARE_LEASE_SHARE = 0.1;

export type SpareFacts = {
  readonly wanted: number;
  readonly limit: number;
  /** Of the limit, after the waiting requests have got theirs. */
  readonly free: number;
  /** Lent to all isolates and not reported as spent. */
  readonly unspent: number;
  /** That hold a lease, this one included. */
  readonly isolates: number;
};

export function spareTokens({ wanted, limit, free, unspent, isolates }: SpareFacts): number {
  if (limit < SPARE_LIMIT_MIN) return 0;
  const last = Math.ceil(limit * LAST_SHARE);
  if (free <= last) return 0;
  const most = Math.min(wanted, limit * SPARE_SHARE, free / 2 / isolates, free - last, limit * UNSPENT_SHARE - unspent);
  return Math.max(0, Math.floor(most));
}

type LeaseFacts = {
  readonly windowMs: number;
  /** Tokens lent in advance. */
  readonly spare: number;
  /** How long the requests that wait may take to spend theirs. */
  readonly withinMs: number;
  /** Of this key that are out already. */
  readonly leases: number;
};

/**
 * From its grant on: how long a lease may be spent by its isolate's clock or timer, how long at most in truth, and how long what is
 * left of it may be given back.
 */
export type LeaseTimes = { readonly validMs: number; readonly lastMs: number; readonly giveBackMs: number };

export function leaseTimes({ windowMs, spare, withinMs, leases }: LeaseFacts): LeaseTimes {
  if (spare === 0) {
    const validMs = Math.min(withinMs, AT_ONCE_MS_MAX + HOLD_MS_MAX);
    const giveBackMs = Math.min(leases < CROWD ? GIVE_BACK_MS_MAX : GIVE_BACK_CROWDED_MS_MAX, windowMs);
    return { validMs, lastMs: validMs + AT_ONCE_SLACK_MS, giveBackMs };
  }
  const validMs = Math.min(SPARE_LEASE_MS_MAX, Math.max(SPARE_LEASE_MS_MIN, windowMs * SPARE_LEASE_SHARE));
  return { validMs, lastMs: validMs + SLACK_MS, giveBackMs: validMs };
}
