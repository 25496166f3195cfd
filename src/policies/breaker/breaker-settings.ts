// What a pool's `breaker` says, with its defaults. Pure; compiled once per configuration.

import type { BreakerSettings } from "../../contracts/breaker.ts";
import type { PoolConfig } from "../../contracts/config.ts";

export const compileBreaker = ({
  failureShare = 0.5,
  minRequests = 20,
  windowMs = 10_000,
  openMs = 5_000,
  trials = 3,
}: NonNullable<PoolConfig["breaker"]>): BreakerSettings => ({ failureShare, minRequests, windowMs, openMs, trials });

/** However often trials fail, unless `openMs` itself is longer. */
const OPEN_MS_MAX = 300_000;

/** How long it is open when it opens for the `times`th time in a row, ms. */
export const openForMs = ({ openMs }: Pick<BreakerSettings, "openMs">, times: number): number =>
  Math.max(openMs, Math.min(OPEN_MS_MAX, openMs * 2 ** Math.min(times - 1, 30)));
