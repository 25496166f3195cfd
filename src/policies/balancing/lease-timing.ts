// How often isolates call, and how long what they hold stays good. The registry decides; isolates follow what each reply says.

/** What one object may be asked per second by all isolates together; it could serve two to three times as much. */
const CALLS_PER_SECOND = 300;
const RENEW_AFTER_MS_MIN = 100;
/** A small fleet needs less: every call costs as much as several requests, and what others have in flight fades soon anyway (OTHERS_FADE_MS). */
const SMALL_FLEET_CALLS_PER_SECOND = 20;
/** Where the shared budget takes over; renewals of a smaller fleet are no further apart than it asks for there. */
const SMALL_FLEET_MAX = 250;
const RENEW_AFTER_MS_SMALL_FLEET_MAX = Math.floor((SMALL_FLEET_MAX * 1_000) / CALLS_PER_SECOND);
const VALID_MS_MIN = 10_000;
const ISOLATE_LAPSE_MS_MIN = 15_000;
/** An isolate counts a range's validity from before it asked, the registry from when it answered; this covers clocks of unequal speed. */
const RANGE_GRACE_MS = 2_000;
/** How many replies may get lost before an isolate counts as gone. */
const RENEWALS_MISSED_MAX = 3;

/** How old what an isolate knows of who is out may be, and what a busy one's report may take beyond renewAfterMs. */
const VERDICT_MS = 1_000;
const REPORT_MS = 500;

/** An isolate that has heard nothing for so long may not know who is out or closed by now, and asks before it sends anybody anywhere. */
export const asksFirstAfterMs = (renewAfterMs: number): number => Math.max(VERDICT_MS, renewAfterMs + REPORT_MS);

export type LeaseTiming = {
  /** When an active isolate calls again. */
  readonly renewAfterMs: number;
  /** How long an isolate may spend a range, from before it asked. */
  readonly validMs: number;
  /** When the registry takes an unfinished range back, from when it answered. */
  readonly rangeLapseMs: number;
  /** When an isolate that has not called is gone, and its in-flight requests with it. */
  readonly isolateLapseMs: number;
};

/** All times grow with the fleet, so that the object's budget holds and nothing lapses between two calls. */
export function leaseTiming(isolates: number): LeaseTiming {
  const renewAfterMs = Math.max(
    RENEW_AFTER_MS_MIN,
    Math.min((isolates * 1_000) / SMALL_FLEET_CALLS_PER_SECOND, RENEW_AFTER_MS_SMALL_FLEET_MAX),
    Math.ceil((isolates * 1_000) / CALLS_PER_SECOND),
  );
  const validMs = Math.max(VALID_MS_MIN, 2 * renewAfterMs);
  return {
    renewAfterMs,
    validMs,
    rangeLapseMs: validMs + RANGE_GRACE_MS,
    isolateLapseMs: Math.max(ISOLATE_LAPSE_MS_MIN, RENEWALS_MISSED_MAX * renewAfterMs),
  };
}
