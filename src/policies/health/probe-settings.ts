// How a pool is probed: what its `health` says, with the defaults of document 004 (D47–D50). Pure; compiled once per configuration.

import type { PoolConfig } from "../../contracts/config.ts";

export type ProbeSettings = {
  /** Asked in this order until one answers with 2xx. */
  readonly paths: readonly string[];
  readonly intervalMs: number;
  readonly timeoutMs: number;
  /** Failures in a row that make an instance unhealthy. */
  readonly retries: number;
  /** Answers in a row that make it healthy again. */
  readonly successes: number;
  /** Failures in a row that are alerted. */
  readonly alertThreshold: number;
};

/** Where a pool names no path of its own. */
export const PROBE_PATHS: readonly string[] = ["/version", "/health"];

export const compileProbeSettings = ({
  path,
  intervalMs = 30_000,
  timeoutMs = 5_000,
  retries = 3,
  successes = 2,
  alertThreshold = 2,
}: NonNullable<PoolConfig["health"]>): ProbeSettings => ({
  paths: path === undefined ? PROBE_PATHS : [path],
  intervalMs,
  timeoutMs,
  retries,
  successes,
  alertThreshold,
});

/** For how long a report counts, ms: two that get lost in a row do no harm. */
export const reportValidMs = ({ intervalMs, timeoutMs }: ProbeSettings): number => 3 * (intervalMs + timeoutMs);
