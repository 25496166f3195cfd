// Reads a route's `host` and `path` patterns into the forms the route table is keyed by. Says why a pattern can't be used.
// Only compile-routes.ts calls this: nothing here runs per request.

/** `key` is a host in lower case, or `.suffix` of a one-label wildcard. */
export type HostPattern =
  | { readonly kind: "exact"; readonly key: string }
  | { readonly kind: "wildcard"; readonly key: string }
  | { readonly kind: "any" };

/** `key` is the whole path, or a prefix without its `/*` ("" is the prefix of every path). */
export type PathPattern =
  | { readonly kind: "exact"; readonly key: string }
  | { readonly kind: "prefix"; readonly key: string }
  | { readonly kind: "any" };

export type Unusable = { readonly kind: "unusable"; readonly why: string };
const unusable = (why: string): Unusable => ({ kind: "unusable", why });

/** Names that stand for the main domain on a developer's machine. */
export const LOOPBACK_HOSTS = ["localhost", "127.0.0.1", "[::1]"];

const LABELS = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*$/;
const IPV6 = /^\[[0-9a-f:.]+\]$/;

/** `@` is `domain`, `console.*` is `console.` + `domain`, `*.x` is one label before `.x`; else a host name or address. */
export function parseHost(pattern: string | undefined, domain: string | undefined): HostPattern | Unusable {
  if (pattern === undefined) return { kind: "any" };
  const host = pattern.toLowerCase();
  const isOfDomain = host === "@" || host.endsWith(".*");
  if (isOfDomain && domain === undefined) return unusable(`"${pattern}" needs the document's domain`);
  if (host === "@") return { kind: "exact", key: `${domain}` };
  if (host.endsWith(".*") && LABELS.test(host.slice(0, -2)))
    return { kind: "exact", key: `${host.slice(0, -1)}${domain}` };
  if (host.startsWith("*.") && LABELS.test(host.slice(2))) return { kind: "wildcard", key: host.slice(1) };
  if (LABELS.test(host) || IPV6.test(host)) return { kind: "exact", key: host };
  return unusable(`must be "@", "name.*", "*.suffix" or a host name without port`);
}

/** The same place on a developer's machine: `domain` is reached as a loopback name, `x.domain` as `x.localhost`. */
export function loopbackAliases(pattern: HostPattern, domain: string | undefined): readonly string[] {
  if (pattern.kind === "any" || domain === undefined) return [];
  if (pattern.kind === "exact" && pattern.key === domain) return LOOPBACK_HOSTS;
  return pattern.key.endsWith(`.${domain}`) ? [`${pattern.key.slice(0, -domain.length)}localhost`] : [];
}

/** `/x/y` is exactly that; `/x/*` is `/x` and all below it, never `/xy`. A path that can't occur in a request is refused. */
export function parsePath(pattern: string | undefined): PathPattern | Unusable {
  if (pattern === undefined) return { kind: "any" };
  const isPrefix = pattern.endsWith("/*");
  const key = isPrefix ? pattern.slice(0, -2) : pattern;
  if (key.includes("*")) return unusable("may hold * only as a last segment of its own");
  if (/[?#\\]/.test(key)) return unusable("may not hold ? # or \\");
  if (/%2e|%00/i.test(key) || /\/\.{1,2}(?=\/|$)/.test(key)) return unusable("may not hold dot segments, %2e or %00");
  // Requests may hold empty segments, and they are kept; in a pattern they are a slip of the pen.
  if (isPrefix ? /\/(?:\/|$)/.test(key) : key.includes("//")) return unusable("may not hold an empty segment");
  return { kind: isPrefix ? "prefix" : "exact", key };
}

/** How many segments a path pattern fixes: `/` and `/*` none, `/a` and `/a/*` one. */
export const segmentCount = (pattern: PathPattern): number =>
  pattern.kind === "any" || pattern.key === "/" ? 0 : pattern.key.split("/").length - 1;
