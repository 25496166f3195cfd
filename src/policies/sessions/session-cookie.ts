// The session cookie as text: its names, its value, which of a request's cookies are ours and what is left without them.
// Knows no key: whether a value is genuine is decided in src/http/cookies.ts.

/** On plain HTTP on this machine: browsers keep no Secure cookie there. Accepted nowhere else. */
const LOOPBACK_COOKIE = "signalbox-session";
/** Bound to one host by the browser itself (RFC 6265bis §4.1.3.2). */
const HOST_COOKIE = "__Host-signalbox-session";
/** Shared by the sub-domains of the configured domain. */
const DOMAIN_COOKIE = "__Secure-signalbox-session";

/** Where a cookie lives. */
export type CookieScope =
  | { readonly kind: "loopback" }
  | { readonly kind: "host" }
  | { readonly kind: "domain"; readonly domain: string };

/** A genuine-looking value: what is signed, and the signature it came with. */
export type CookieValue = { readonly kid: string; readonly id: string; readonly signed: string; readonly mac: string };

/** The session cookies of a Cookie header, best first, and the header without any cookie of ours. */
export type SplitCookies = { readonly values: readonly string[]; readonly rest: string };

/** A client may send several cookies of one name; more than this are not looked at. */
const VALUES_MAX = 4;

/** Whether a Cookie header can hold a cookie of ours: all three names end alike. */
export const mentionsSession = (cookieHeader: string): boolean => cookieHeader.includes(LOOPBACK_COOKIE);

/** Whether `hostname` (as URL spells it) over `scheme` is plain HTTP on this machine. */
export const isPlainLoopback = (scheme: string, hostname: string): boolean =>
  scheme === "http" &&
  (hostname === "localhost" || hostname === "127.0.0.1" || hostname === "[::1]" || hostname.endsWith(".localhost"));

/** The widest scope that browsers and the configured domain allow for a request to `hostname`. */
export function cookieScope(scheme: string, hostname: string, domain: string | undefined): CookieScope {
  if (isPlainLoopback(scheme, hostname)) return { kind: "loopback" };
  return domain !== undefined && isUnder(hostname, domain) && mayShare(domain)
    ? { kind: "domain", domain }
    : { kind: "host" };
}

/** `hostname` is `domain` or one of its sub-domains. */
export const isUnder = (hostname: string, domain: string): boolean =>
  hostname === domain || hostname.endsWith(`.${domain}`);

/** Browsers share no cookie of a single label or an address. */
const mayShare = (domain: string): boolean => domain.includes(".") && !/^\d+(?:\.\d+){3}$/.test(domain);

/** One Set-Cookie value; `maxAgeS` 0 clears the cookie. */
export function writeCookie(scope: CookieScope, value: string, maxAgeS: number): string {
  const attributes = `Path=/; Max-Age=${maxAgeS}; HttpOnly; SameSite=Lax`;
  if (scope.kind === "loopback") return `${LOOPBACK_COOKIE}=${value}; ${attributes}`;
  if (scope.kind === "host") return `${HOST_COOKIE}=${value}; ${attributes}; Secure`;
  return `${DOMAIN_COOKIE}=${value}; Domain=${scope.domain}; ${attributes}; Secure`;
}

/** Kids and ids of any other length or alphabet were never written by us. */
const VALUE = /^(v1\.([A-Za-z0-9_-]{1,32})\.([A-Za-z0-9_-]{43}))\.([A-Za-z0-9_-]{43})$/;

export function parseCookieValue(value: string): CookieValue | undefined {
  const [, signed, kid, id, mac] = VALUE.exec(value) ?? [];
  if (signed === undefined || kid === undefined || id === undefined || mac === undefined) return undefined;
  return { kid, id, signed, mac };
}

/**
 * Takes our cookies out of a Cookie header (RFC 6265 §5.4), whatever they hold and wherever they would count;
 * what remains keeps its bytes. Only the loopback name counts on plain loopback, only the others elsewhere.
 */
export function splitCookies(cookieHeader: string, loopback: boolean): SplitCookies {
  const host: string[] = [];
  const domain: string[] = [];
  const others: string[] = [];
  for (const pair of cookiePairs(cookieHeader)) {
    const equals = pair.indexOf("=");
    const name = (equals === -1 ? pair : pair.slice(0, equals)).trim();
    const value = pair.slice(equals + 1).trim();
    if (name === LOOPBACK_COOKIE) loopback && host.push(value);
    else if (name === HOST_COOKIE) loopback || host.push(value);
    else if (name === DOMAIN_COOKIE) loopback || domain.push(value);
    else others.push(pair);
  }
  return { values: [...host, ...domain].slice(0, VALUES_MAX), rest: others.join(";").trim() };
}

/** A client that sends two Cookie headers has them joined by a comma: a cookie of ours after one must not pass unseen. */
const cookiePairs = (cookieHeader: string): readonly string[] =>
  cookieHeader.split(";").flatMap((pair) => (mentionsSession(pair) ? pair.split(",") : pair));
