// The configuration this isolate acts on: compiled once per version, checked every configFreshnessMs,
// and kept as last-good while the ControlPlane object does not answer.

import { describeBindings } from "../contracts/bindings.ts";
import { log } from "../log.ts";
import { callControl } from "../objects.ts";
import { compileConfig } from "../policies/routing/compile-config.ts";
import { CONFIG_FRESHNESS_MS, type CompiledConfig } from "../policies/routing/compiled-config.ts";
import { newlyDiscovered } from "../policies/routing/newly-discovered.ts";
import { type Access, type Held, Refreshed } from "./refreshed.ts";

const snapshot = new Refreshed<CompiledConfig>({ name: "config", load: loadConfig });

/** What is in force, at most `configFreshnessMs` old; `stale` marks last-good. Rejects while none could ever be read. */
export function configAt(access: Access): Held<CompiledConfig> | Promise<Held<CompiledConfig>> {
  return snapshot.current(access, snapshot.peek()?.value.configFreshnessMs ?? CONFIG_FRESHNESS_MS);
}

/** For the control surface: the same snapshot without its age. */
export async function currentConfig(env: Env, ctx: ExecutionContext): Promise<CompiledConfig> {
  return (await configAt({ env, ctx, nowMs: Date.now() })).value;
}

/** For a caller that learned of a later version elsewhere: the next request reads the configuration again. */
export const forgetConfig = (): void => snapshot.expire();

async function loadConfig(known: CompiledConfig | undefined, env: Env): Promise<CompiledConfig> {
  const current = await callControl(env, (control) => control.current(known?.version ?? null));
  if (!current.changed && known !== undefined) return known;
  if (!current.changed) throw new Error("loadConfig: the object answered no document though none is known");
  const { config, problems } = compileConfig({
    version: current.version,
    document: current.document,
    bindings: describeBindings(env),
  });
  // A binding that a deployment took away makes a stored document unfit; what still works keeps working.
  if (problems.length > 0) log("error", "configuration unfit", { version: current.version, problems });
  for (const { pool, workers } of newlyDiscovered(config, known))
    log("info", `Discovered ${workers.length} backend workers.`, { pool, workers });
  return config;
}
