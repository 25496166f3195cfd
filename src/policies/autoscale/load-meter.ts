// A pool's load over the fleet, measured in steps of one tick each: requests in flight weighted by how long they were, outcomes, reported CPU.
// Plain data, changed in place; the clock comes in.

type Counts = { readonly answered: number; readonly failed: number; readonly answeredMs?: number };

/** One tick. `cpu`: of the instances that said it; null where none did. */
export type LoadStep = {
  readonly fromMs: number;
  readonly toMs: number;
  readonly inFlight: number;
  readonly answered: number;
  readonly failed: number;
  readonly answeredMs: number;
  readonly cpu: number | null;
};

export type LoadMeter = {
  /** The oldest first. */
  readonly steps: LoadStep[];
  fromMs: number;
  seenAtMs: number;
  inFlight: number;
  /** Requests in flight times ms since `fromMs`. */
  inFlightMs: number;
  answered: number;
  failed: number;
  answeredMs: number;
};

export const openMeter = (nowMs: number): LoadMeter => ({
  steps: [],
  fromMs: nowMs,
  seenAtMs: nowMs,
  inFlight: 0,
  inFlightMs: 0,
  answered: 0,
  failed: 0,
  answeredMs: 0,
});

/** Over all isolates, from now on. */
export function meterInFlight(meter: LoadMeter, inFlight: number, nowMs: number): void {
  // A clock set back stops the meter until it has caught up.
  meter.inFlightMs += meter.inFlight * Math.max(0, nowMs - meter.seenAtMs);
  meter.seenAtMs = nowMs;
  meter.inFlight = inFlight;
}

export function meterOutcomes(meter: LoadMeter, outcomes: readonly Counts[]): void {
  for (const { answered, failed, answeredMs = 0 } of outcomes) {
    meter.answered += answered;
    meter.failed += failed;
    meter.answeredMs += answeredMs;
  }
}

/** Ends the step under way, and forgets those that are older than `keptMs`. */
export function endStep(
  meter: LoadMeter,
  { cpu, nowMs, keptMs }: { readonly cpu: number | null; readonly nowMs: number; readonly keptMs: number },
): void {
  meterInFlight(meter, meter.inFlight, nowMs);
  const { fromMs, inFlightMs, answered, failed, answeredMs, steps } = meter;
  const ms = nowMs - fromMs;
  if (ms > 0) steps.push({ fromMs, toMs: nowMs, inFlight: inFlightMs / ms, answered, failed, answeredMs, cpu });
  Object.assign(meter, { fromMs: nowMs, inFlightMs: 0, answered: 0, failed: 0, answeredMs: 0 });
  // What lies ahead was measured on a clock that has been set back since.
  const kept = steps.filter(({ toMs }) => toMs > nowMs - keptMs && toMs <= nowMs);
  if (kept.length < steps.length) steps.splice(0, steps.length, ...kept);
}

export type LoadAverage = {
  readonly inFlight: number;
  readonly requests: number;
  /** Null where nothing was answered, or has come back at all, or nobody said. */
  readonly latencyMs: number | null;
  readonly errorShare: number | null;
  readonly cpu: number | null;
  /** How much of the window has been measured, ms. */
  readonly measuredMs: number;
};

/** Over the steps that ended within the last `windowMs`. */
export function averageOver({ steps }: Pick<LoadMeter, "steps">, windowMs: number, nowMs: number): LoadAverage {
  const recent = steps.filter(({ toMs }) => toMs > nowMs - windowMs);
  const sum = (of: (step: LoadStep) => number) => recent.reduce((total, step) => total + of(step), 0);
  const measuredMs = sum(lengthOf);
  const answered = sum((step) => step.answered);
  const requests = answered + sum((step) => step.failed);
  const cpus = recent.flatMap(({ cpu }) => cpu ?? []);
  return {
    inFlight: measuredMs === 0 ? 0 : sum((step) => step.inFlight * lengthOf(step)) / measuredMs,
    requests,
    latencyMs: answered === 0 ? null : sum((step) => step.answeredMs) / answered,
    errorShare: requests === 0 ? null : (requests - answered) / requests,
    cpu: cpus.length === 0 ? null : cpus.reduce((total, cpu) => total + cpu, 0) / cpus.length,
    measuredMs,
  };
}

const lengthOf = ({ fromMs, toMs }: LoadStep): number => toMs - fromMs;
