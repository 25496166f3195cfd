// How many tokens an isolate is lent beyond those its waiting requests need, and for how long (design: "Limits, precisely").

/** What clocks may differ by while a lease runs: tokens lent in advance still count so long after its end. */
const SLACK_MS = 2_000;

/**
 * Tokens for requests that wait must reach them within this time, by a timer, which no step of a clock can stretch; they are taken
 * in that moment or given back. So they count only a little longer: until an isolate that was held up has taken its turn.
 */
export const AT_ONCE_MS = 500;
export const AT_ONCE_SLACK_MS = 200;

/** Leases remembered per key; what is granted beyond them counts as spent at once. */
export const LEASES_MAX = 256;

/** Below this, tokens are lent only to requests that wait. */
const SPARE_LIMIT_MIN = 200;
const SPARE_SHARE = 0.005;
/** Neither are the last tokens of a limit lent in advance, nor may one failure waste more. */
const LAST_SHARE = 0.05;

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
  const most = Math.min(wanted, limit * SPARE_SHARE, free / 2 / isolates, free - last, limit * LAST_SHARE - unspent);
  return Math.max(0, Math.floor(most));
}

/** How long a lease may be spent, ms. */
export const leaseMs = (windowMs: number, spare: number): number =>
  spare === 0 ? AT_ONCE_MS : Math.min(SPARE_LEASE_MS_MAX, Math.max(SPARE_LEASE_MS_MIN, windowMs * SPARE_LEASE_SHARE));

/** How long after its end its tokens still count. */
export const slackMs = (spare: number): number => (spare === 0 ? AT_ONCE_SLACK_MS : SLACK_MS);
