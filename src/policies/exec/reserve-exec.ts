// Whether a call begins an exec, repeats one, or is refused: decided before anything is started (at most once).
// Called by ExecResultStore.submit, in the transaction that writes the reservation.

import { RESULTS_MAX } from "../../contracts/exec.ts";
import { type Refusal, refuse } from "../../contracts/refusals.ts";

/** An exec that goes by the same id or the same key. */
export type Namesake = { readonly execId: string; readonly digest: string };

/** `evict`: how many of those that have ended go, the oldest first, to make room. */
export type Reservation =
  | { readonly kind: "new"; readonly evict: number }
  | { readonly kind: "same"; readonly execId: string }
  | { readonly kind: "refused"; readonly refusal: Refusal };

export type ReservationFacts = {
  readonly digest: string;
  readonly byId: Namesake | undefined;
  readonly byKey: Namesake | undefined;
  readonly kept: number;
  readonly active: number;
};

export function decideReservation({ digest, byId, byKey, kept, active }: ReservationFacts): Reservation {
  const same = byKey ?? byId;
  if (same !== undefined) {
    const mismatch = [byId, byKey].find((one) => one !== undefined && one.digest !== digest);
    if (mismatch === undefined) return { kind: "same", execId: same.execId };
    return { kind: "refused", refusal: refuse("idempotency_mismatch", undefined, { execId: mismatch.execId }) };
  }
  if (active >= RESULTS_MAX) {
    const detail = `a user has at most ${RESULTS_MAX} execs queued or running`;
    return { kind: "refused", refusal: refuse("too_many_at_once", detail) };
  }
  return { kind: "new", evict: Math.max(0, kept + 1 - RESULTS_MAX) };
}
