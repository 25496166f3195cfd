// What an isolate learns of one instance from its answers, as a number that its requests are multiplied by. Each strategy that times
// answers has its own; those that do not have none, and no request pays for it.

import type { Strategy } from "../../contracts/balancing-config.ts";
import { HealthGauge } from "./health-gauge.ts";
import { InstancePace, type PoolPace } from "./instance-pace.ts";
import { PeakEwma } from "./peak-ewma.ts";

/** What the fleet says of an instance. `ms` is 0 where nobody knows. */
export type FleetWord = { readonly ms: number; readonly failedShare: number; readonly degraded: boolean };

/** Each returns what a request on the instance counts for. Times are epoch ms. */
export type Gauge = {
  /** An answer that is no failure, `ms` to its headers. */
  hear(ms: number, nowMs: number): number;
  /** An answer that is a failure. */
  fail(nowMs: number): number;
  /** No answer at all: the instance is out for a while then (instance-availability.ts), and tried again. */
  miss(nowMs: number): number;
  learn(word: FleetWord, nowMs: number): number;
  /** With nothing new. */
  at(nowMs: number): number;
};

/** Clocks count whole milliseconds. */
const MS_MIN = 0.5;
export const quickest = (ms: number): number => Math.max(MS_MIN, ms);

export function openGauge(strategy: Strategy, pool: PoolPace): Gauge | undefined {
  switch (strategy) {
    case "least-connections":
      return new InstancePace(pool);
    case "health-aware":
      return new HealthGauge(pool);
    case "peak-ewma":
      return new PeakEwma(pool);
    default:
      return undefined;
  }
}
