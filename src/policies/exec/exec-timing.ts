// When something has to happen for a user's execs though nobody says a word: deadlines, retries, retention.
// Called by the ExecResultStore object, which keeps one alarm for all of it.

import { RESULT_TTL_MS } from "../../contracts/exec.ts";

const RETRY_FIRST_MS = 50;
/** An executor that is back is noticed within a second, so what was interrupted is settled well within five. */
const RETRY_LONGEST_MS = 1_000;

/** After the n-th silent answer in a row, counted from 1; `random` from [0, 1): many users' objects do not come at one time. */
export const executorRetryMs = (silences: number, random: number): number =>
  Math.min(RETRY_FIRST_MS * 2 ** Math.min(silences - 1, 10), RETRY_LONGEST_MS) * (0.75 + 0.25 * random);

/** A result is kept so long from when it ended. */
export const expiresAtMs = (endedAtMs: number): number => endedAtMs + RESULT_TTL_MS;

/** How long an executor may be told that a finished run can be forgotten; it forgets by itself after a day. */
export const releasableUntilMs = (endedAtMs: number): number => endedAtMs + RESULT_TTL_MS;

/** What an executor has yet to forget can wait: nobody asks for it. */
const RELEASE_AGAIN_MS = 30_000;

export type AlarmFacts = {
  /** Something is queued or running. */
  readonly isActive: boolean;
  /** The executor is still to be told to forget something. */
  readonly hasReleases: boolean;
  /** The earliest expiry of what is kept, or undefined where nothing is. */
  readonly firstExpiryMs: number | undefined;
};

/** Undefined: nothing is left that would need one. An alarm set to now by an alarm may stall, so never less than a moment ahead. */
export function nextAlarmAtMs({ isActive, hasReleases, firstExpiryMs }: AlarmFacts, nowMs: number): number | undefined {
  const soon = nowMs + AT_ONCE_MS;
  if (isActive) return soon;
  const due = [firstExpiryMs, hasReleases ? nowMs + RELEASE_AGAIN_MS : undefined].filter((at) => at !== undefined);
  return due.length === 0 ? undefined : Math.max(Math.min(...due), soon);
}
const AT_ONCE_MS = 1;
