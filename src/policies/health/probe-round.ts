// What a round of probes makes of a pool's records, and what a changed configuration does. Pure: the clock and randomness come in.

import type { HealthTransition } from "../../contracts/health.ts";
import { withRegistered } from "../lifecycle/read-registration.ts";
import type { CompiledInstance } from "../routing/compiled-config.ts";
import { medianOf } from "./degraded.ts";
import { afterProbe, type Judgement, type ProbeRecord } from "./probe-record.ts";
import { firstProbeDelayMs } from "./probe-schedule.ts";
import type { ProbeSettings } from "./probe-settings.ts";
import { isAnswer, type Probe } from "./probe-verdict.ts";

/** `isRegistered`: came by itself, and is not in the configuration. */
export type ProbedInstance = CompiledInstance & { readonly isRegistered?: true };
export type ProbePlan = { readonly settings: ProbeSettings; readonly instances: readonly ProbedInstance[] };
/** `random`: draws, each 0 to 1. */
type Moment = { readonly nowMs: number; readonly random: () => number };

export type RoundOutcome = {
  /** All, as they stand now. */
  readonly standing: readonly ProbeRecord[];
  /** Those of them that were probed. */
  readonly records: readonly ProbeRecord[];
  readonly transitions: readonly HealthTransition[];
  readonly alerts: readonly { readonly instanceId: string; readonly failures: number }[];
};

/** Judges all probes of a round by one median: in which order they came says nothing. */
export function concludeRound(
  records: readonly ProbeRecord[],
  probes: ReadonlyMap<string, Probe>,
  { settings, nowMs, random }: Moment & { readonly settings: ProbeSettings },
): RoundOutcome {
  const medianMs = medianOf(records.flatMap((record) => latestAnswer(record, probes.get(record.instanceId)))) ?? 0;
  const judged = records.flatMap((record): Judgement[] => {
    const probe = probes.get(record.instanceId);
    return probe === undefined ? [] : [afterProbe(record, probe, { settings, medianMs, nowMs, random: random() })];
  });
  const judgedById = new Map(judged.map(({ record }) => [record.instanceId, record]));
  return {
    standing: records.map((before) => judgedById.get(before.instanceId) ?? before),
    records: [...judgedById.values()],
    transitions: judged.flatMap(({ transition }) => transition ?? []),
    alerts: judged.flatMap(({ record: { instanceId }, alert }) =>
      alert === undefined ? [] : [{ instanceId, failures: alert }],
    ),
  };
}

/** How long it took, of those whose latest probe was answered. */
function latestAnswer({ failures, ms }: ProbeRecord, probe: Probe | undefined): number[] {
  if (probe !== undefined) return isAnswer(probe) ? [probe.ms] : [];
  return failures > 0 || ms === null ? [] : [ms];
}

/** The plan with other instances configured or registered; what is not told of stays. */
export const planWith = (
  { settings, instances }: ProbePlan,
  {
    configured = instances.filter(({ isRegistered }) => !isRegistered),
    registered = instances.filter(({ isRegistered }) => isRegistered),
  }: { readonly configured?: readonly ProbedInstance[]; readonly registered?: readonly ProbedInstance[] },
): ProbePlan => ({ settings, instances: withRegistered(configured, registered) });

/**
 * Which records end and which begin when `next` is probed instead of `before`. An instance that leads elsewhere now is another one
 * under the same id.
 */
export function adoptPlan(
  records: readonly ProbeRecord[],
  { before, next }: { readonly before: ProbePlan | undefined; readonly next: ProbePlan },
  { nowMs, random }: Moment,
): { readonly ended: readonly string[]; readonly begun: readonly ProbeRecord[] } {
  const known = new Map((before?.instances ?? []).map((one) => [one.id, placeOf(one)]));
  const kept = new Set(next.instances.filter((one) => known.get(one.id) === placeOf(one)).map(({ id }) => id));
  const ended = records.filter(({ instanceId }) => !kept.has(instanceId)).map(({ instanceId }) => instanceId);
  const present = new Set(records.map(({ instanceId }) => instanceId).filter((id) => kept.has(id)));
  const begun = next.instances
    .filter(({ id }) => !present.has(id))
    .map(({ id }) => begin(id, nowMs + firstProbeDelayMs(next.settings, random())));
  return { ended, begun };
}

const placeOf = ({ target }: CompiledInstance): string =>
  target.kind === "url" ? target.base : `${target.rpc ? "rpc" : "fetch"} ${target.binding}`;

const begin = (instanceId: string, nextAtMs: number): ProbeRecord => ({
  instanceId,
  state: "unknown",
  failures: 0,
  successes: 0,
  alerted: false,
  ms: null,
  nextAtMs,
});
