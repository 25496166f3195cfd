// Who can bring instances of a pool and take them away, as its configuration has it: standby instances, a webhook, or the platform. A pool that
// nobody can scale is named.

import type { ScaledBy, ScaleSettings } from "../../contracts/autoscale.ts";
import type { PoolConfig } from "../../contracts/config.ts";
import { scaleSettingsOf } from "../autoscale/scale-settings.ts";
import { isFitKeyName, UNFIT_KEY_NAME } from "./api-key-name.ts";
import type { Surroundings } from "./compile-pools.ts";
import type { CompiledInstance } from "./compiled-config.ts";
import type { Place } from "./findings.ts";
import { isCallable, UNCALLABLE } from "./origin-base.ts";

/** Undefined where the pool does not ask for it. `instances`: those that can work. */
export function compileAutoscale(
  pool: PoolConfig,
  instances: readonly CompiledInstance[],
  { place, around }: { readonly place: Place; readonly around: Surroundings },
): ScaleSettings | undefined {
  const { autoscale } = pool;
  const { findings, bindings } = around;
  const marked = new Set((pool.instances ?? []).flatMap(({ id, standby }) => (standby === true ? [id] : [])));
  if (autoscale === undefined) {
    for (const [index, { standby }] of (pool.instances ?? []).entries())
      if (standby === true) findings.problem([...place, "instances", index, "standby"], "needs autoscale in its pool");
    return undefined;
  }
  const at = [...place, "autoscale"];
  const { min, max, webhook } = autoscale;
  const standby = instances.filter(({ id }) => marked.has(id)).map(({ id }) => id);
  if (max < min) findings.problem([...at, "max"], "must not be below min");
  if (webhook !== undefined) {
    const { url, apiKeyEnv } = webhook;
    if (!isCallable(url)) findings.problem([...at, "webhook", "url"], UNCALLABLE);
    if (marked.size > 0) findings.problem([...at, "webhook"], "can't be had beside standby instances");
    if (apiKeyEnv !== undefined && !isFitKeyName(apiKeyEnv))
      findings.problem([...at, "webhook", "apiKeyEnv"], UNFIT_KEY_NAME);
    else if (apiKeyEnv !== undefined && bindings.get(apiKeyEnv) !== "text")
      findings.problem([...at, "webhook", "apiKeyEnv"], `there is no secret or variable named ${apiKeyEnv}`);
  }
  const scaledBy = scaledByOf(autoscale, marked.size, instances);
  if (scaledBy === undefined)
    findings.problem(at, "needs standby instances or a webhook: nobody else starts an origin");
  if (scaledBy === "platform")
    findings.warn(at, "changes nothing: the platform runs as many of these Workers as their load takes");
  if (scaledBy === "standby" && min > instances.length)
    findings.problem([...at, "min"], `must be at most ${instances.length}, for there are no more instances`);
  return scaledBy && scaleSettingsOf(autoscale, { scaledBy, standby });
}

function scaledByOf(
  { webhook }: NonNullable<PoolConfig["autoscale"]>,
  standby: number,
  instances: readonly CompiledInstance[],
): ScaledBy | undefined {
  if (standby > 0) return "standby";
  if (webhook !== undefined) return "webhook";
  return instances.every(({ target }) => target.kind === "binding") && instances.length > 0 ? "platform" : undefined;
}
