// The configuration in force, as this isolate knows it.

import { configAt } from "../isolate/config-snapshot.ts";
import type { Held } from "../isolate/refreshed.ts";
import { log } from "../log.ts";
import type { CompiledConfig } from "../policies/routing/compiled-config.ts";
import type { Scope } from "./scope.ts";
import type { Trail } from "./trail.ts";

/** At once while it is fresh. Undefined while none could ever be read: an isolate that has just begun, and an object that does not answer. */
export function configure(scope: Scope, trail: Trail): CompiledConfig | Promise<CompiledConfig | undefined> {
  const held = configAt({ env: scope.env, ctx: scope.ctx, nowMs: trail.startedAtMs });
  return held instanceof Promise ? awaitConfig(held, trail) : note(held, trail);
}

async function awaitConfig(held: Promise<Held<CompiledConfig>>, trail: Trail): Promise<CompiledConfig | undefined> {
  try {
    return note(await held, trail);
  } catch (error) {
    log("error", "no configuration", { requestId: trail.requestId, cause: String(error) });
    return undefined;
  }
}

function note({ value, stale }: Held<CompiledConfig>, trail: Trail): CompiledConfig {
  trail.noteConfig(value, stale);
  return value;
}
