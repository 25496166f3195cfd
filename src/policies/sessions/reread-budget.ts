// How many background re-reads of aged snapshots an isolate may make: one per 1,000 of its requests and one per 4 s, so that
// ten thousand hot sessions in every isolate cost next to nothing. A re-read wakes an object and its database: it costs many requests.

/** Credit counts in milliseconds of waiting. */
const COST = 4_000;
const CREDIT_PER_REQUEST = 4;
const BURST = 20;

export const FULL_CREDIT = COST * BURST;

/** The credit after one more request, `elapsedMs` after the one before. */
export const earnCredit = (credit: number, elapsedMs: number): number =>
  Math.min(FULL_CREDIT, credit + CREDIT_PER_REQUEST + Math.max(0, elapsedMs));

/** The credit left after a re-read, or undefined when there is not enough for one. */
export const spendOnReread = (credit: number): number | undefined => (credit >= COST ? credit - COST : undefined);
