// When a session tries again to tell the replicas of the revocation log what they could not be told.

const FIRST_MS = 2_000;
const LONGEST_MS = 60_000;

/** Doubling from 2 s to a minute: a replica that comes back hears of it soon, one that does not is not besieged. */
export const publicationRetryMs = (attempts: number): number =>
  Math.min(FIRST_MS * 2 ** Math.min(attempts, 16), LONGEST_MS);
