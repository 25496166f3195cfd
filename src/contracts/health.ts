// What probes find of a pool's instances, as the HealthMonitor tells it to the pool's registry and to operators.

/** `degraded`: answers, but far more slowly than it should; requests are still sent to it. */
export type ProbeState = "healthy" | "degraded" | "unhealthy";

/** `ms`: how long the latest probe took; null when nothing answered in time. */
export type HealthFact = {
  readonly instanceId: string;
  readonly state: ProbeState;
  readonly ms: number | null;
  /** Share of its processors in use, where it says so. */
  readonly cpu?: number;
};

/**
 * Whole: every instance probed so far. Counts until `validMs` after it has come, unless it is told again. `madeAtMs`: by the monitor's clock,
 * epoch ms; what was made before the latest that came has been overtaken.
 */
export type HealthReport = {
  readonly facts: readonly HealthFact[];
  readonly validMs: number;
  readonly madeAtMs?: number;
};

/** `unknown`: not probed yet. `why` is for people. Epoch ms. */
export type HealthTransition = {
  readonly instanceId: string;
  readonly from: ProbeState | "unknown";
  readonly to: ProbeState;
  readonly atMs: number;
  readonly why: string;
};
