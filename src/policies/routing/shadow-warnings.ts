// Warns of routes that another one hides: a host goes before a path, which surprises where the host is only "@",
// and an exposed pool comes after everything. Nothing is refused for it: elsewhere, or for other visitors, it may be just what is meant.

import type { ConfigProblem } from "../../contracts/config.ts";
import { pathTo } from "../../contracts/problems.ts";
import type { Ranked } from "./route-table.ts";

/** `ranked` in the order in which routes are tried. */
export function shadowWarnings(ranked: readonly Ranked[], domain: string | undefined): ConfigProblem[] {
  const catchAlls = ranked.filter(({ path, exposed }) => path.kind === "any" && !exposed);
  const onMain = catchAlls.find(({ host }) => host.kind === "exact" && host.key === domain);
  const anywhere = catchAlls.find(({ host, route }) => host.kind === "any" && route.session === undefined);
  const named = new Set(
    ranked.filter(({ exposed }) => !exposed).map(({ route }) => `${route.path} ${route.pool.name}`),
  );
  return ranked.flatMap((candidate) => {
    if (!candidate.exposed) return warnHidden(candidate, onMain);
    const { path, pool } = candidate.route;
    return named.has(`${path} ${pool.name}`) ? [] : warnExposed(candidate, anywhere ?? onMain);
  });
}

function warnHidden({ host, path, route, position }: Ranked, onMain: Ranked | undefined): ConfigProblem[] {
  if (onMain === undefined || onMain.route.rank > route.rank || host.kind !== "any" || path.kind === "any") return [];
  const message = `on the main domain "${onMain.route.id}" goes before this path, since it names a host; name host "@" here too`;
  return [{ path: pathTo("routes", position, "path"), message }];
}

function warnExposed({ route }: Ranked, first: Ranked | undefined): ConfigProblem[] {
  if (first === undefined) return [];
  const where = first.host.kind === "any" ? "everywhere" : "on the main domain";
  const message = `"${first.route.id}" goes before ${route.path} ${where}; a route that names this path would not`;
  return [{ path: pathTo("pools", route.pool.name, "exposed"), message }];
}
