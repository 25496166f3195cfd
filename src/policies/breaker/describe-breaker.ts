// A pool's circuit breaker as operators see it in /balancer/status. Reads the book, changes nothing that decides.

import type { BreakerSettings, BreakerStatus } from "../../contracts/breaker.ts";
import { type BreakerBook, restMs, trialsOut } from "./breaker.ts";
import { countsIn } from "./failure-window.ts";

export function describeBreaker(
  { state, recent }: BreakerBook,
  settings: BreakerSettings,
  nowMs: number,
): BreakerStatus {
  const half = state.kind === "half-open" ? state : undefined;
  return {
    state: state.kind,
    forMs: state.kind === "open" ? Math.max(0, restMs(state, settings, nowMs)) : 0,
    times: state.kind === "closed" ? 0 : state.times,
    window:
      state.kind === "closed"
        ? countsIn(state.window, { nowMs, windowMs: settings.windowMs })
        : { answered: 0, failed: 0 },
    trials: { out: half === undefined ? 0 : trialsOut(half), answered: half?.answered ?? 0, max: settings.trials },
    transitions: recent,
  };
}
