// For work whose lateness is an outcome, not an error: waits a while, then goes on without it. The work itself goes on too.

import { DeadlineExceeded, withDeadline } from "./deadline.ts";

/** What `work` settles to, or undefined after `waitMs`. */
export async function waitAtMost<T>(work: Promise<T>, waitMs: number): Promise<T | undefined> {
  try {
    return await withDeadline(work, waitMs);
  } catch (error) {
    if (error instanceof DeadlineExceeded) return undefined;
    throw error;
  }
}
