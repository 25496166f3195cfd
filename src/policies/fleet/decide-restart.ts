// Decides whether a restart begins, repeats one that was asked for already, or is refused: before anything is written.

import { PROBLEMS_MAX, pathTo } from "../../contracts/problems.ts";
import { type Refusal, refuse } from "../../contracts/refusals.ts";

/** Each takes its turn in the same alarms. */
export const JOBS_AT_ONCE_MAX = 20;

export type KnownJob = { readonly jobId: string; readonly digest: string };
export type RestartFacts = {
  readonly digest: string;
  readonly byId: KnownJob | undefined;
  readonly byKey: KnownJob | undefined;
  /** Jobs that have not completed. */
  readonly running: number;
  /** Of the users named: the places of those who are not registered. */
  readonly unknown: readonly number[];
};
export type RestartDecision =
  | { readonly kind: "new" }
  | { readonly kind: "same"; readonly jobId: string }
  | { readonly kind: "refused"; readonly refusal: Refusal };

/** Refuses idempotency_mismatch, unknown_user (naming each place), too_many_at_once. */
export function decideRestart({ digest, byId, byKey, running, unknown }: RestartFacts): RestartDecision {
  const same = byKey ?? byId;
  if (same?.digest === digest) return { kind: "same", jobId: same.jobId };
  if (same !== undefined) return refused(refuse("idempotency_mismatch", undefined, { jobId: same.jobId }));
  if (unknown.length > 0) {
    const problems = unknown
      .slice(0, PROBLEMS_MAX)
      .map((index) => ({ path: pathTo("userIds", index), message: "is not registered" }));
    return refused(refuse("unknown_user", `${unknown.length} of them are not registered`, { problems }));
  }
  if (running >= JOBS_AT_ONCE_MAX) {
    return refused(refuse("too_many_at_once", `at most ${JOBS_AT_ONCE_MAX} jobs run at one time`));
  }
  return { kind: "new" };
}

const refused = (refusal: Refusal): RestartDecision => ({ kind: "refused", refusal });
