// Whom the whole fleet passes over: who was ejected because requests failed on him, and who probes find unhealthy. Or nobody, where that would
// leave too few to carry what all of them did (panic threshold, as in Envoy).

import { type EjectionBook, ejectedForMs } from "./ejections.ts";
import { type VerdictBook, verdictsNow } from "./verdicts.ts";

/** Of the pool's instances: when more than these would be out, even bad ones do better than what is left of it. */
const PANIC_SHARE = 0.5;

type HealthBooks = { readonly ejections: EjectionBook; readonly verdicts: VerdictBook };
/** `out`: for how much longer, ms. */
export type OutOfPool = { readonly out: [instanceId: string, forMs: number][]; readonly panic: boolean };

export function outOfPool(books: HealthBooks, instances: readonly { readonly id: string }[], nowMs: number): OutOfPool {
  const out = instances.flatMap(({ id }): OutOfPool["out"] => {
    const forMs = outForMs(books, id, nowMs);
    return forMs > 0 ? [[id, forMs]] : [];
  });
  const panic = out.length > instances.length * PANIC_SHARE;
  return { out: panic ? [] : out, panic };
}

function outForMs({ ejections, verdicts }: HealthBooks, id: string, nowMs: number): number {
  const isUnhealthy = verdictsNow(verdicts, nowMs).get(id)?.state === "unhealthy";
  return Math.max(ejectedForMs(ejections, id, nowMs), isUnhealthy ? verdicts.untilMs - nowMs : 0);
}
