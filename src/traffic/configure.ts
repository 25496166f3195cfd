// The configuration in force, as this isolate knows it.

import { configAt } from "../isolate/config-snapshot.ts";
import type { CompiledConfig } from "../policies/routing/compiled-config.ts";
import type { Scope } from "./scope.ts";
import type { Trail } from "./trail.ts";

/** Undefined while none could ever be read: an isolate that has just begun, and an object that does not answer. */
export async function configure({ env, ctx }: Scope, trail: Trail): Promise<CompiledConfig | undefined> {
  try {
    const held = configAt({ env, ctx, nowMs: trail.startedAtMs });
    const { value, stale } = held instanceof Promise ? await held : held;
    trail.noteConfig(value, stale);
    return value;
  } catch (error) {
    console.error(
      JSON.stringify({ level: "error", msg: "no configuration", requestId: trail.requestId, cause: String(error) }),
    );
    return undefined;
  }
}
