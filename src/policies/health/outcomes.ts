// What isolates have seen of each instance, told so that nothing counts twice: whatever is not known to have been heard is told again.
// Plain data, changed in place.

import type { LeaseCall, Outcome } from "../../contracts/registry.ts";

/** What an isolate last told, to be taken off when it tells the same again. */
export type Told = { readonly since: number; readonly outcomes: readonly Outcome[] };

/** What is new in this call. */
export function newOutcomes(
  { since, outcomes }: Pick<LeaseCall, "since" | "outcomes">,
  before: Told | undefined,
): Outcome[] {
  const heard = new Map(before?.since === since ? before.outcomes.map((one) => [one.instanceId, one]) : []);
  return outcomes.map(({ instanceId, answered, failed, failedLast }) => {
    const old = heard.get(instanceId);
    return {
      instanceId,
      answered: Math.max(0, answered - (old?.answered ?? 0)),
      failed: Math.max(0, failed - (old?.failed ?? 0)),
      failedLast,
    };
  });
}

/** An isolate's own counts of one instance since the registry last answered. */
export class OutcomeCount {
  #answered = 0;
  #failed = 0;
  #failedLast = 0;

  answer(): void {
    this.#answered++;
    this.#failedLast = 0;
  }

  fail(): void {
    this.#failed++;
    this.#failedLast++;
  }

  get isEmpty(): boolean {
    return this.#answered + this.#failed === 0;
  }

  get hasFailed(): boolean {
    return this.#failed > 0;
  }

  tell(instanceId: string): Outcome {
    return { instanceId, answered: this.#answered, failed: this.#failed, failedLast: this.#failedLast };
  }

  /** The registry has heard this much. Failures after the last answer are the next report's. */
  forget({ answered, failed }: Outcome): void {
    this.#answered = Math.max(0, this.#answered - answered);
    this.#failed = Math.max(0, this.#failed - failed);
    this.#failedLast = Math.min(this.#failedLast, this.#failed);
  }
}
