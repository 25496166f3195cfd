// Puts routes into their one total order and into the maps a request is looked up in. Only compile-config.ts calls this.

import type { SessionCondition } from "../../contracts/config.ts";
import type { Candidate } from "./compile-routes.ts";
import type { CompiledRoute, PathTable, RouteTable } from "./compiled-config.ts";
import { type HostPattern, LOOPBACK_HOSTS, loopbackAliases, segmentCount } from "./route-patterns.ts";

export type Ranked = Candidate & { readonly route: CompiledRoute };

/** In the order in which they are tried; a route's rank is its place. */
export const rankRoutes = (candidates: readonly Candidate[]): Ranked[] =>
  candidates.toSorted(byPrecedence).map((candidate, rank) => ({ ...candidate, route: { ...candidate.route, rank } }));

/** Priority > own before exposed > host > path > session > place in the document. */
function byPrecedence(a: Candidate, b: Candidate): number {
  return (
    Number(a.exposed) - Number(b.exposed) ||
    b.route.priority - a.route.priority ||
    HOST_ORDER[a.host.kind] - HOST_ORDER[b.host.kind] ||
    pathOrder(a, b) ||
    specificity(b.route.session) - specificity(a.route.session) ||
    a.position - b.position
  );
}

const HOST_ORDER = { exact: 0, wildcard: 1, any: 2 } as const satisfies Record<HostPattern["kind"], number>;

/** Any path pattern before none; more segments first; of as many, the exact path before the prefix. */
const pathOrder = ({ path: a }: Candidate, { path: b }: Candidate): number =>
  Number(a.kind === "any") - Number(b.kind === "any") ||
  segmentCount(b) - segmentCount(a) ||
  Number(a.kind === "prefix") - Number(b.kind === "prefix");

const specificity = (session: SessionCondition | undefined): number =>
  (session?.defaultApp === undefined ? 0 : 2) + (session?.authenticated === undefined ? 0 : 1);

export function buildTable(ranked: readonly Ranked[], domain: string | undefined): RouteTable {
  const exactHosts = new Map<string, TableBuilder>();
  const wildcardHosts = new Map<string, TableBuilder>();
  const anyHost = new TableBuilder();
  for (const candidate of ranked) {
    const { host } = candidate;
    if (host.kind === "any") anyHost.add(candidate);
    else {
      const hosts = host.kind === "exact" ? exactHosts : wildcardHosts;
      for (const key of new Set([host.key, ...loopbackAliases(host, domain)])) builderOf(hosts, key).add(candidate);
    }
  }
  return {
    mainHosts: new Set([...LOOPBACK_HOSTS, ...(domain === undefined ? [] : [domain])]),
    exactHosts: built(exactHosts),
    wildcardHosts: built(wildcardHosts),
    anyHost: anyHost.build(),
  };
}

function builderOf(hosts: Map<string, TableBuilder>, key: string): TableBuilder {
  const known = hosts.get(key);
  if (known !== undefined) return known;
  const builder = new TableBuilder();
  hosts.set(key, builder);
  return builder;
}

const built = (hosts: ReadonlyMap<string, TableBuilder>): Map<string, PathTable> =>
  new Map([...hosts].map(([host, builder]) => [host, builder.build()]));

/** Routes arrive in rank order, so every list is sorted by rank. */
class TableBuilder {
  readonly #exact = new Map<string, CompiledRoute[]>();
  readonly #prefixes = new Map<string, CompiledRoute[]>();
  readonly #any: CompiledRoute[] = [];
  #lowestRank = Number.POSITIVE_INFINITY;

  add({ path, route }: Ranked): void {
    this.#lowestRank = Math.min(this.#lowestRank, route.rank);
    if (path.kind === "any") this.#any.push(route);
    else append(path.kind === "exact" ? this.#exact : this.#prefixes, path.key, route);
  }

  build(): PathTable {
    const lengths = [...this.#prefixes.keys()].map((prefix) => prefix.length);
    const prefixLengths = new Uint8Array(lengths.reduce((longest, length) => Math.max(longest, length + 1), 0));
    for (const length of lengths) prefixLengths[length] = 1;
    return {
      lowestRank: this.#lowestRank,
      exact: this.#exact,
      prefixes: this.#prefixes,
      prefixLengths,
      any: this.#any,
    };
  }
}

function append(lists: Map<string, CompiledRoute[]>, key: string, route: CompiledRoute): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [route]);
  else list.push(route);
}
