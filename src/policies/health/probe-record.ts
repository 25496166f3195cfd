// How an instance stands after its probes, and what one more probe makes of that. Pure: the clock and randomness come in.

import type { HealthFact, HealthTransition, ProbeState } from "../../contracts/health.ts";
import { isDegraded } from "./degraded.ts";
import { probeDelayMs } from "./probe-schedule.ts";
import type { ProbeSettings } from "./probe-settings.ts";
import { isAnswer, type Probe } from "./probe-verdict.ts";

/** `failures` and `successes` are in a row: at most one of them is not 0. Epoch ms. */
export type ProbeRecord = {
  readonly instanceId: string;
  /** `unknown`: nothing has been found yet, however it may have failed. */
  readonly state: ProbeState | "unknown";
  readonly failures: number;
  readonly successes: number;
  /** Whether this row of failures has been alerted. */
  readonly alerted: boolean;
  /** How long the latest probe took; null where nothing answered. */
  readonly ms: number | null;
  readonly nextAtMs: number;
  /** Share of its processors in use, where the latest probe was told. */
  readonly cpu?: number;
};

export type Judgement = {
  readonly record: ProbeRecord;
  readonly transition?: HealthTransition;
  /** Failures in a row that are now to be alerted. */
  readonly alert?: number;
};

export type Judging = {
  readonly settings: ProbeSettings;
  /** Of the pool's latest answers, this one included. */
  readonly medianMs: number;
  readonly nowMs: number;
  /** 0 to 1. */
  readonly random: number;
};

export function afterProbe(before: ProbeRecord, probe: Probe, judging: Judging): Judgement {
  const { settings, nowMs, random } = judging;
  const answered = isAnswer(probe);
  const failures = answered ? 0 : before.failures + 1;
  const successes = answered ? before.successes + 1 : 0;
  const { cpu: _, ...known } = before;
  const told = probe.cpu === undefined ? known : { ...known, cpu: probe.cpu };
  const counted = { ...told, failures, successes, ms: probe.status === undefined ? null : probe.ms };
  const state = stateAfter(counted, probe, judging);
  const isAlert = failures >= settings.alertThreshold && !before.alerted;
  const record = { ...counted, state, alerted: !answered && (before.alerted || isAlert) };
  const transition = state === "unknown" || state === before.state ? undefined : { from: before.state, to: state };
  const why = whyAfter(record, probe, judging);
  return {
    record: { ...record, nextAtMs: nowMs + probeDelayMs(record, settings, random) },
    ...(transition && { transition: { instanceId: before.instanceId, ...transition, atMs: nowMs, why } }),
    ...(isAlert && { alert: failures }),
  };
}

/** Everything a registry has to know; what nothing was found of yet is left out. */
export const factsOf = (records: readonly ProbeRecord[]): HealthFact[] =>
  records.flatMap(({ instanceId, state, ms, cpu }) =>
    state === "unknown" ? [] : [{ instanceId, state, ms, ...(cpu !== undefined && { cpu }) }],
  );

type Counted = Omit<ProbeRecord, "alerted" | "nextAtMs">;

/** The first answer of one that nothing is known of is enough; what was unhealthy has to answer several times. */
function stateAfter(
  { state, failures, successes }: Counted,
  { ms }: Probe,
  { settings, medianMs }: Judging,
): ProbeRecord["state"] {
  if (failures > 0) return failures >= settings.retries ? "unhealthy" : state;
  if (state === "unhealthy" && successes < settings.successes) return "unhealthy";
  return isDegraded(ms, medianMs) ? "degraded" : "healthy";
}

function whyAfter({ state, failures, successes }: Counted, { status, ms }: Probe, { medianMs }: Judging): string {
  const answer = status === undefined ? `no answer in ${ms} ms` : `answered ${status} in ${ms} ms`;
  if (failures > 0) return `${failures} failed in a row: ${answer}`;
  return state === "degraded" ? `${answer}, the pool's median is ${medianMs} ms` : `${successes} in a row: ${answer}`;
}
