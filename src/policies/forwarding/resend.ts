// Whether a request may be sent again: a refused connection, a reset after sending and garbage look the same here,
// so whether the first try reached its instance can never be known.

/** RFC 9110 §9.2.2. */
const IDEMPOTENT: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"]);

/** A larger or undeclared body streams through once and is gone. */
export const RESEND_BODY_BYTES_MAX = 1_048_576;

export type ResendFacts = {
  readonly method: string;
  readonly hasIdempotencyKey: boolean;
  readonly routeAllows: boolean;
  readonly hasBody: boolean;
  /** Undefined when the length is not declared. */
  readonly contentLength: number | undefined;
};

export function mayResend(facts: ResendFacts): boolean {
  if (!IDEMPOTENT.has(facts.method) && !facts.hasIdempotencyKey && !facts.routeAllows) return false;
  return !facts.hasBody || (facts.contentLength !== undefined && facts.contentLength <= RESEND_BODY_BYTES_MAX);
}

/** How long the next try may wait for headers: the per-try time only where another try could follow. */
export function tryWaitMs(facts: { remainingMs: number; tryTimeoutMs: number; moreTries: boolean }): number {
  return Math.max(0, facts.moreTries ? Math.min(facts.tryTimeoutMs, facts.remainingMs) : facts.remainingMs);
}

const TRY_MS_MIN = 100;

/** With less than this a try is not worth beginning, and failing it says nothing of its instance, ms. */
export const tryMsMin = (tryTimeoutMs: number): number => Math.min(TRY_MS_MIN, tryTimeoutMs / 4);
