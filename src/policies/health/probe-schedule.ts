// When an instance is probed next, which are due, and when the alarm goes off. Pure: the clock and randomness come in.

import type { ProbeRecord } from "./probe-record.ts";
import type { ProbeSettings } from "./probe-settings.ts";

/** Of the interval, to either side: pools that were configured together are not probed together for ever. */
const JITTER = 0.1;
/** A suspect is probed that much more often … */
const SUSPECT_SHARE = 0.1;
/** … but not more often than this. */
const SUSPECT_MS_MIN = 1_000;
/** The first probes of a pool are spread over this. */
const FIRST_MS_MAX = 1_000;
/** Each may be asked twice, and an alarm may call other Workers 32 times. */
export const DUE_MAX = 15;
/** An alarm set to now by an alarm may stall. */
const AGAIN_MS = 10;
/** Between two alarms when nothing is overdue: what is due soon is probed together. */
const PAUSE_MS = 200;
/** However long the interval: a deployment may bring other instances, and nobody tells. */
const IDLE_MS_MAX = 60_000;

type Standing = Pick<ProbeRecord, "state" | "failures" | "successes">;

/** Has failed but is not unhealthy yet, or has answered again but is not healthy yet. */
const isSuspect = ({ state, failures, successes }: Standing): boolean =>
  state === "unhealthy" ? successes > 0 : failures > 0;

/** ms; `random` 0 to 1. */
export function probeDelayMs(standing: Standing, { intervalMs }: ProbeSettings, random: number): number {
  const suspectMs = Math.min(intervalMs, Math.max(SUSPECT_MS_MIN, intervalMs * SUSPECT_SHARE));
  return jittered(isSuspect(standing) ? suspectMs : intervalMs, random);
}

export const firstProbeDelayMs = ({ intervalMs }: ProbeSettings, random: number): number =>
  Math.floor(Math.min(FIRST_MS_MAX, intervalMs) * random);

/** The longest overdue first, at most DUE_MAX. */
export const dueRecords = (
  records: readonly ProbeRecord[],
  settings: ProbeSettings,
  nowMs: number,
): readonly ProbeRecord[] =>
  records
    .filter((record) => dueAtMs(record, settings, nowMs) <= nowMs)
    .toSorted((a, b) => dueAtMs(a, settings, nowMs) - dueAtMs(b, settings, nowMs))
    .slice(0, DUE_MAX);

/** Epoch ms, always later than now. */
export function nextAlarmAtMs(records: readonly ProbeRecord[], settings: ProbeSettings, nowMs: number): number {
  const earliest = records.reduce(
    (least, record) => Math.min(least, dueAtMs(record, settings, nowMs)),
    nowMs + IDLE_MS_MAX,
  );
  return Math.max(earliest, nowMs + (earliest <= nowMs ? AGAIN_MS : PAUSE_MS));
}

/** What lies beyond the interval was set on another clock or under a longer interval: it is due now. */
const dueAtMs = ({ nextAtMs }: ProbeRecord, { intervalMs }: ProbeSettings, nowMs: number): number =>
  nextAtMs > nowMs + jittered(intervalMs, 1) ? nowMs : nextAtMs;

const jittered = (ms: number, random: number): number => Math.round(ms * (1 - JITTER + 2 * JITTER * random));
