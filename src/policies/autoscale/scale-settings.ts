// What a pool's `autoscale` says, with its defaults, and how often that is looked at. Pure.

import type { AutoscaleConfig, ScaleSettings } from "../../contracts/autoscale.ts";

const STABLE_MS = 60_000;
const PANIC_MS = 6_000;
const DOWN_DELAY_MS = 300_000;
const WEBHOOK_MS = 5_000;
const TICK_MS_MIN = 500;
const TICK_MS_MAX = 2_000;
/** Most measurements in a window. */
const STEPS_MAX = 600;

export const scaleSettingsOf = (
  { min, max, target = {}, stableMs = STABLE_MS, panicMs, downDelayMs = DOWN_DELAY_MS, webhook }: AutoscaleConfig,
  { scaledBy, standby }: Pick<ScaleSettings, "scaledBy" | "standby">,
): ScaleSettings => ({
  scaledBy,
  min,
  max,
  target: {
    inFlight: target.inFlight ?? 10,
    cpu: target.cpu ?? 0.7,
    latencyTimes: target.latencyTimes ?? 2,
    errorShare: target.errorShare ?? 0.1,
  },
  stableMs,
  panicMs: Math.min(panicMs ?? PANIC_MS, stableMs),
  downDelayMs,
  standby,
  ...(webhook !== undefined && { webhook: compileWebhook(webhook) }),
});

/** Who is on standby while nobody has said how many are needed: all beyond `min`, of a pool of so many instances. */
export const heldAtFirst = ({ standby, min }: Pick<ScaleSettings, "standby" | "min">, instances: number) =>
  standby.slice(Math.max(0, min - (instances - standby.length)));

const compileWebhook = ({ url, apiKeyEnv, timeoutMs = WEBHOOK_MS }: NonNullable<AutoscaleConfig["webhook"]>) => ({
  url,
  timeoutMs,
  ...(apiKeyEnv !== undefined && { apiKeyEnv }),
});

/** A third of the panic window, so that it is noticed within it; ms. */
export const tickMs = ({ panicMs, stableMs }: Pick<ScaleSettings, "panicMs" | "stableMs">): number =>
  Math.max(stableMs / STEPS_MAX, Math.min(TICK_MS_MAX, Math.max(TICK_MS_MIN, panicMs / 3)));
