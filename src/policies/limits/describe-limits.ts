// The limits as operators are shown them: each in the document's own words, and what stands under it. Called by the admin API.

import type { LimitRule, LimitStatus } from "../../contracts/limits.ts";
import type { CompiledRoute } from "../routing/compiled-config.ts";
import type { CompiledLimit, KeyPart } from "./compiled-limit.ts";

/** What the control surface puts under a limit of that name (router.ts); `admin-failures` counts wrong secrets only. */
const CONTROL_PATHS: ReadonlyMap<string, readonly string[]> = new Map([
  ["health", ["/health*"]],
  ["metrics", ["/metrics*"]],
  ["admin", ["/admin/*"]],
  ["super", ["/api/super/*"]],
  ["admin-failures", ["/api/super/*", "/admin/*", "/discovery/*", "/balancer/*"]],
]);
/** Also counts for every route of an operator's. */
const GUARDS_ADMIN_ROUTES = "admin-failures";

type Attachable = Pick<CompiledRoute, "id" | "auth" | "limits">;

export type LimitDescription = LimitRule &
  Pick<CompiledLimit, "name" | "cost" | "onError" | "onMissingKey" | "shadow" | "headers"> & {
    /** As configured: `user+header:x-team`. */
    readonly key: string;
    readonly overrides: { readonly [key: string]: { readonly limit: number } };
    /** Ids of routes, and paths of the control surface. */
    readonly attached: { readonly routes: readonly string[]; readonly paths: readonly string[] };
  };

/** Every limit in force, in the order in which the document and the plane name them. */
export function describeLimits(
  limits: ReadonlyMap<string, CompiledLimit>,
  routes: readonly Attachable[],
): readonly LimitDescription[] {
  const byLimit = routesByLimit(routes);
  return [...limits.values()].map((limit) => ({
    name: limit.name,
    key: limit.parts.map(partText).join("+"),
    ...limit.rule,
    cost: limit.cost,
    onError: limit.onError,
    onMissingKey: limit.onMissingKey,
    shadow: limit.shadow,
    headers: limit.headers,
    overrides: overridesOf(limit),
    attached: { routes: byLimit.get(limit.name) ?? [], paths: CONTROL_PATHS.get(limit.name) ?? [] },
  }));
}

/** A key's window beside the rule it is judged by; one nobody has spent from counts 0. */
export const describeKey = (
  facts: { readonly policy: string; readonly key: string; readonly rule: LimitRule },
  { used, releaseInMs, leases }: LimitStatus,
) => ({
  policy: facts.policy,
  key: facts.key,
  ...facts.rule,
  used,
  remaining: Math.max(0, facts.rule.limit - used),
  releaseInMs,
  leases,
});

const partText = (part: KeyPart): string => (part.kind === "header" ? `header:${part.header}` : part.kind);

const overridesOf = ({ exact, wildcards }: CompiledLimit): LimitDescription["overrides"] =>
  Object.fromEntries(
    [...exact, ...wildcards.map(({ key, rule }) => [key, rule] as const)].map(([key, { limit }]) => [key, { limit }]),
  );

function routesByLimit(routes: readonly Attachable[]): ReadonlyMap<string, readonly string[]> {
  const byLimit = new Map<string, string[]>();
  for (const { id, auth, limits } of routes) {
    const names = limits.map(({ name }) => name);
    for (const name of new Set(auth === "admin" ? [...names, GUARDS_ADMIN_ROUTES] : names)) {
      const ids = byLimit.get(name);
      if (ids === undefined) byLimit.set(name, [id]);
      else ids.push(id);
    }
  }
  return byLimit;
}
