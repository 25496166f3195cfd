// What the runs of one simulation say together, and whether that is what was promised. Pure: from numbers to text.

import type { RunResult } from "./run-scenario.ts";

/** Runs of the same scenario and contender under several seeds, taken as one. */
export type Summary = {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly requests: number;
  readonly failedShare: number;
  /** Tries for each request. */
  readonly amplification: number;
  /** The same after STORM_AT_MS. */
  readonly stormAmplification: number;
};

export function summarise(runs: readonly RunResult[]): Summary {
  const latencies = Float64Array.from(runs.flatMap((run) => run.latencies)).sort();
  const quantileMs = (share: number): number => latencies[Math.floor(latencies.length * share)] ?? Number.NaN;
  const sum = (of: (run: RunResult) => number): number => runs.reduce((total, run) => total + of(run), 0);
  const requests = sum((run) => run.requests);
  return {
    p50Ms: quantileMs(0.5),
    p99Ms: quantileMs(0.99),
    requests,
    failedShare: sum((run) => run.failed) / requests,
    amplification: sum((run) => run.tries) / requests,
    stormAmplification:
      sum(({ tries, before }) => tries - before.tries) / sum((run) => run.requests - run.before.requests),
  };
}

/** `value` is to be no more than `max`. */
export type Target = { readonly what: string; readonly value: number; readonly max: number };

export const isMet = ({ value, max }: Target): boolean => value <= max;

export const targetLine = (target: Target): string =>
  `${isMet(target) ? "PASS" : "FAIL"}  ${target.what}: ${target.value.toFixed(3)}, at most ${target.max}`;

const whole = (value: number): string => Math.round(value).toLocaleString("en");
const ms = (value: number): string => (value < 100 ? value.toFixed(1) : whole(value));

export const HEADINGS = `${"contender".padEnd(20)}${["p50 ms", "p99 ms", "requests"].map((text) => text.padStart(12)).join("")}`;

export const rowOf = (name: string, { p50Ms, p99Ms, requests }: Summary): string =>
  name.padEnd(20) + [ms(p50Ms), ms(p99Ms), whole(requests)].map((text) => text.padStart(12)).join("");

export const percent = (share: number): string => `${(share * 100).toFixed(2)} %`;
