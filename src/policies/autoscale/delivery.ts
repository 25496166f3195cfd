// Which decision goes to a pool's scale webhook, and when again where that failed. Pure. Each is delivered at least once, unless a later one
// has been made meanwhile: what it asks for holds no more.

import type { ScaleDecision, ScaleDelivery } from "../../contracts/autoscale.ts";

const AGAIN_MS_MIN = 1_000;
const AGAIN_MS_MAX = 60_000;

export const dueAt = (nowMs: number): ScaleDelivery => ({ state: "due", attempts: 0, nextAtMs: nowMs, detail: "" });

/** The latest decision, where it is still to be delivered. `decisions`: the newest first. */
export function deliverable(decisions: readonly ScaleDecision[]): Deliverable | undefined {
  const [latest] = decisions;
  return latest?.delivery?.state === "due" ? { ...latest, delivery: latest.delivery } : undefined;
}
type Deliverable = ScaleDecision & { readonly delivery: ScaleDelivery };

/** Those that a later one has overtaken. */
export const overtaken = (decisions: readonly ScaleDecision[]): readonly Deliverable[] =>
  decisions
    .slice(1)
    .flatMap(({ delivery, ...one }) => (delivery?.state === "due" ? [{ ...one, delivery: superseded(delivery) }] : []));

const superseded = (delivery: ScaleDelivery): ScaleDelivery => ({ ...delivery, state: "superseded" });

/** `failure`: why it was not taken; undefined when it was. Doubles from 1 s to a minute. */
export function afterAttempt(
  { attempts, ...before }: ScaleDelivery,
  failure: string | undefined,
  nowMs: number,
): ScaleDelivery {
  const tried = { ...before, attempts: attempts + 1 };
  if (failure === undefined) return { ...tried, state: "delivered", detail: "" };
  const againMs = Math.min(AGAIN_MS_MAX, AGAIN_MS_MIN * 2 ** Math.min(attempts, 16));
  return { ...tried, nextAtMs: nowMs + againMs, detail: failure };
}
