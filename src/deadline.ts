// Bounds how long one request waits for something that other requests may be waiting for too.
// The wait ends, the work goes on: a shared promise must never be cut short by one of its waiters.

export class DeadlineExceeded extends Error {
  constructor(waitMs: number) {
    super(`no answer within ${waitMs} ms`);
  }
}

/** What `work` settles to, or DeadlineExceeded after `waitMs`. The timer belongs to the calling request. */
export async function withDeadline<T>(work: Promise<T>, waitMs: number): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const expiry = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new DeadlineExceeded(waitMs)), waitMs);
  });
  try {
    return await Promise.race([work, expiry]);
  } finally {
    clearTimeout(timer);
  }
}

/** For work whose lateness is an outcome, not an error: what it settles to, or undefined after `waitMs`. */
export async function waitAtMost<T>(work: Promise<T>, waitMs: number): Promise<T | undefined> {
  try {
    return await withDeadline(work, waitMs);
  } catch (error) {
    if (error instanceof DeadlineExceeded) return undefined;
    throw error;
  }
}
