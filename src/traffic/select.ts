// Which instance, decided by the pool's registry and spent from what this isolate holds of its decisions.

import type { PoolLeases } from "../isolate/pools/pool-leases.ts";
import type { Selection } from "../isolate/pools/selection.ts";
import type { CompiledInstance } from "../policies/routing/compiled-config.ts";
import type { Scope } from "./scope.ts";
import type { Trail } from "./trail.ts";

export type Choice = {
  readonly leases: PoolLeases;
  readonly tried: readonly CompiledInstance[];
  readonly nowMs: number;
  /** Of a WebSocket that will be relayed. */
  readonly lasting: boolean;
  /** Whether it would go on to another instance if this one kept silent. */
  readonly forTrial: boolean;
  /** What it has in common with requests that are to go where it goes. */
  readonly key: string | undefined;
};

/** At once while a lease lasts. Undefined when every instance has been tried or the pool has none. */
export function select(scope: Scope, choice: Choice, trail: Trail): Selected | Promise<Selected> {
  const { leases, tried, nowMs, lasting, forTrial, key } = choice;
  const selection = leases.select({ ctx: scope.ctx, nowMs, tried, lasting, forTrial, key });
  return selection instanceof Promise ? selection.then((late) => note(late, trail)) : note(selection, trail);
}

type Selected = Selection | undefined;

function note(selection: Selected, trail: Trail): Selected {
  if (selection === undefined) return undefined;
  trail.noteSelection(selection);
  trail.tries++;
  return selection;
}
