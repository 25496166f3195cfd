// How long instances take and how much fails on them over the whole fleet, of late: what each isolate tells, put together for all.
// Only for pools whose strategy goes by it. Plain data, changed in place; a restart forgets it.

import type { FleetPace, Outcome } from "../../contracts/registry.ts";
import { FadingMean } from "./fading-mean.ts";
import { FailureShare } from "./failure-share.ts";

const FADE_MS = 10_000;

type Pace = { readonly ms: FadingMean; readonly failures: FailureShare };
/** By instance. */
export type PaceBook = Map<string, Pace>;

type Instances = readonly { readonly id: string }[];

/** Instances that are not in the pool any more are forgotten. */
export function hearPaces(
  book: PaceBook,
  outcomes: readonly Outcome[],
  { instances, nowMs }: { readonly instances: Instances; readonly nowMs: number },
): void {
  for (const { instanceId, answered, failed, answeredMs = 0 } of outcomes) {
    const pace = book.get(instanceId) ?? { ms: new FadingMean(FADE_MS), failures: new FailureShare() };
    pace.ms.hearMany({ sum: answeredMs, weight: answered }, nowMs);
    pace.failures.hearMany({ sum: failed, weight: answered + failed }, nowMs);
    book.set(instanceId, pace);
  }
  if (book.size <= instances.length) return;
  const ids = new Set(instances.map(({ id }) => id));
  for (const id of book.keys()) if (!ids.has(id)) book.delete(id);
}

/** Of those of which anything is known. */
export const pacesNow = (book: PaceBook, instances: Instances, nowMs: number): FleetPace[] =>
  instances.flatMap(({ id }): FleetPace[] => {
    const pace = book.get(id);
    if (pace === undefined) return [];
    return [[id, pace.ms.mean, pace.failures.at(nowMs)]];
  });
