// How many background re-reads of aged snapshots an isolate may make: at most one per 200 of its requests, so that
// ten thousand hot sessions in every isolate cost neither object calls nor commits worth counting.

const REQUESTS_PER_REREAD = 200;
const BURST = 20;

export const FULL_CREDIT = REQUESTS_PER_REREAD * BURST;

/** Each request earns one credit. */
export const earnCredit = (credit: number): number => (credit < FULL_CREDIT ? credit + 1 : FULL_CREDIT);

/** The credit left after a re-read, or undefined when there is not enough for one. */
export const spendOnReread = (credit: number): number | undefined =>
  credit >= REQUESTS_PER_REREAD ? credit - REQUESTS_PER_REREAD : undefined;
