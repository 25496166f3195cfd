// What has befallen the instances of a pool, as operators read it: ejections and what probes found, in one list.

import type { HealthTransition } from "../../contracts/health.ts";
import type { Ejection } from "../../contracts/registry.ts";

const ENTRIES_MAX = 1_000;

/** Times in ISO 8601. `why` is for people. */
export type HealthEvent = { readonly at: string; readonly instance: string } & (
  | { readonly state: "ejected"; readonly times: number; readonly until: string }
  | { readonly state: HealthTransition["to"]; readonly from: HealthTransition["from"]; readonly why: string }
);

/** The newest first, 1,000 at most. */
export function listHealthEvents(
  ejections: readonly Ejection[],
  transitions: readonly HealthTransition[],
): readonly HealthEvent[] {
  return [
    ...ejections.map((one) => ({ atMs: one.atMs, event: ofEjection(one) })),
    ...transitions.map((one) => ({ atMs: one.atMs, event: ofTransition(one) })),
  ]
    .sort((a, b) => b.atMs - a.atMs)
    .slice(0, ENTRIES_MAX)
    .map(({ event }) => event);
}

const ofEjection = ({ instanceId, times, atMs, untilMs }: Ejection): HealthEvent => ({
  at: iso(atMs),
  instance: instanceId,
  state: "ejected",
  times,
  until: iso(untilMs),
});

const ofTransition = ({ instanceId, from, to, atMs, why }: HealthTransition): HealthEvent => ({
  at: iso(atMs),
  instance: instanceId,
  state: to,
  from,
  why,
});

const iso = (ms: number): string => new Date(ms).toISOString();
