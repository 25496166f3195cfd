// Whom the whole fleet passes over: who was ejected because requests failed on him, and who probes find unhealthy. Or nobody, where that would
// leave too few to carry what all of them did (panic threshold, as in Envoy).

import { servingTier } from "../balancing/serving-tier.ts";
import { type EjectionBook, ejectedForMs } from "./ejections.ts";
import { type VerdictBook, verdictsNow } from "./verdicts.ts";

type HealthBooks = { readonly ejections: EjectionBook; readonly verdicts: VerdictBook };
type Member = { readonly id: string; readonly tier?: number };
/** For how much longer each is out, ms. */
type Out = [instanceId: string, forMs: number][];
export type OutOfPool = { readonly out: Out; readonly panic: boolean };

export const outOfPool = (books: HealthBooks, instances: readonly Member[], nowMs: number): OutOfPool =>
  unlessPanic(unfitInstances(books, instances, nowMs), instances);

/** Who would be passed over if enough others were left. */
export const unfitInstances = (books: HealthBooks, instances: readonly Member[], nowMs: number): Out =>
  instances.flatMap(({ id }): Out => {
    const forMs = outForMs(books, id, nowMs);
    return forMs > 0 ? [[id, forMs]] : [];
  });

/** As long as one tier is left that can carry the pool, there is no panic. */
export function unlessPanic(unfit: Out, instances: readonly Member[]): OutOfPool {
  if (unfit.length === 0) return { out: [], panic: false };
  const ids = new Set(unfit.map(([id]) => id));
  const panic = servingTier(instances, ({ id }) => !ids.has(id)) === Number.POSITIVE_INFINITY;
  return { out: panic ? [] : unfit, panic };
}

function outForMs({ ejections, verdicts }: HealthBooks, id: string, nowMs: number): number {
  const isUnhealthy = verdictsNow(verdicts, nowMs).get(id)?.state === "unhealthy";
  return Math.max(ejectedForMs(ejections, id, nowMs), isUnhealthy ? verdicts.untilMs - nowMs : 0);
}
