// What a pool's registry is told of outcomes and since which call, so that nothing counts twice there. Used by PoolAccount only.

import type { LeaseCall } from "../../contracts/registry.ts";
import type { PoolSlots } from "./pool-slots.ts";

type Report = Pick<LeaseCall, "outcomes" | "since">;

/** The registry remembers what an isolate told for at least ISOLATE_LAPSE_MS_MIN (lease-timing.ts); what may be older is not told again. */
const RETOLD_MS_MAX = 10_000;

export class OutcomeReports {
  #since = 0;
  /** The latest that was not answered, and when the first of those was made. */
  #unconfirmed:
    | { readonly callId: number; readonly outcomes: LeaseCall["outcomes"]; readonly fromMs: number }
    | undefined;

  tell(slots: PoolSlots, callId: number, nowMs: number): Report {
    const before = this.#unconfirmed;
    if (before !== undefined && Math.abs(nowMs - before.fromMs) > RETOLD_MS_MAX) {
      // Whether it was heard will never be known: better lost than counted twice.
      slots.acknowledge(before.outcomes);
      this.#since = before.callId;
      this.#unconfirmed = undefined;
    }
    const outcomes = slots.outcomes();
    this.#unconfirmed = { callId, outcomes, fromMs: this.#unconfirmed?.fromMs ?? nowMs };
    return { outcomes, since: this.#since };
  }

  hear(slots: PoolSlots, { outcomes, callId }: Pick<LeaseCall, "outcomes" | "callId">): void {
    slots.acknowledge(outcomes);
    this.#since = callId;
    this.#unconfirmed = undefined;
  }
}
