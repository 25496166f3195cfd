// How long each hedging route's answers take, and how many second tries it has left, as long as its configuration stands. Called by the data
// plane for routes that hedge, and for no other.

import { HedgeBudget } from "../../policies/forwarding/hedge-budget.ts";
import { HedgeDelay } from "../../policies/forwarding/hedge-delay.ts";
import type { CompiledRoute, HedgeRule } from "../../policies/routing/compiled-config.ts";

type RouteHedges = { readonly delay: HedgeDelay; readonly budget: HedgeBudget };

const hedges = new WeakMap<CompiledRoute, RouteHedges>();

export function hedgesOf(route: CompiledRoute, { share }: HedgeRule): RouteHedges {
  const known = hedges.get(route);
  if (known !== undefined) return known;
  const made = { delay: new HedgeDelay(), budget: new HedgeBudget(share) };
  hedges.set(route, made);
  return made;
}
