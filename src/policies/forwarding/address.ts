// One view of where a request is going: the path that is matched is byte for byte the path that is forwarded.
// workerd builds the URL from whatever Host it is sent (`a/b@c` becomes a path), so both halves are checked against each other.

import type { Scheme } from "./client-scheme.ts";

export type Address = {
  readonly ok: true;
  readonly scheme: Scheme;
  /** `host[:port]` as sent, lower-cased. */
  readonly authority: string;
  /** Lower-cased, without a port. */
  readonly host: string;
  /** Raw, without the query. */
  readonly path: string;
  /** Path and query, raw. */
  readonly target: string;
};
export type BadAddress = { readonly ok: false; readonly code: "bad_host" | "bad_path" };

const BAD_HOST: BadAddress = { ok: false, code: "bad_host" };
const BAD_PATH: BadAddress = { ok: false, code: "bad_path" };

/** A DNS name or IPv4 address, or an IPv6 literal in brackets, and a decimal port (RFC 9110 §7.2, RFC 3986 §3.2.2). */
const AUTHORITY = /^([a-z0-9_](?:[a-z0-9_.-]{0,252}[a-z0-9_])?\.?|\[[0-9a-f:.]{2,45}\])(?::[0-9]{1,5})?$/;

/** What two readers may understand differently in a path: dot segments, their encodings, backslashes, NUL, and what a URL parser encodes. */
const AMBIGUOUS = /["<>\\^`{}]|%00|%2e|\/\.{1,2}(?:\/|$)/i;
/** No URL holds these raw, in its path or its query (RFC 3986 §2). */
const NOT_IN_URL = /[^\x21-\x7e]|#/;

/** Reads `url` as the runtime gives it (raw) and `hostHeader` as the client sent it. Refuses `bad_host` or `bad_path`. */
export function readAddress(url: string, hostHeader: string): Address | BadAddress {
  const schemeEnd = url.indexOf("://");
  const pathStart = url.indexOf("/", schemeEnd + 3);
  const authority = hostHeader.toLowerCase();
  const host = hostOf(authority);
  if (host === undefined) return BAD_HOST;
  if (pathStart === -1) return BAD_PATH;
  if (!sameAuthority(url, schemeEnd + 3, pathStart, authority)) return BAD_HOST;
  const queryStart = url.indexOf("?", pathStart);
  const path = queryStart === -1 ? url.slice(pathStart) : url.slice(pathStart, queryStart);
  const target = queryStart === -1 ? path : url.slice(pathStart);
  if (AMBIGUOUS.test(path) || NOT_IN_URL.test(target)) return BAD_PATH;
  const scheme = schemeEnd === 5 ? "https" : "http";
  return { ok: true, scheme, authority, host, path, target };
}

/** Cloudflare drops a default port from the URL but not from Host. */
function sameAuthority(url: string, from: number, to: number, authority: string): boolean {
  const inUrl = url.slice(from, to).toLowerCase();
  return inUrl === authority || `${inUrl}:443` === authority || `${inUrl}:80` === authority;
}

const HOSTS_MAX = 1_000;
const hosts = new Map<string, string | undefined>();

/** The host of `host[:port]`, or undefined where that is not what it is. Remembered, as a plane sees few hosts. */
function hostOf(authority: string): string | undefined {
  const known = hosts.get(authority);
  if (known !== undefined) return known;
  const host = canHost(authority) ? AUTHORITY.exec(authority)?.[1]?.replace(/\.$/, "") : undefined;
  if (host !== undefined && hosts.size < HOSTS_MAX) hosts.set(authority, host);
  return host;
}

/** The expression takes no numbers apart: ports past 65535, addresses out of range. */
const canHost = (authority: string): boolean => AUTHORITY.test(authority) && URL.canParse(`http://${authority}/`);

/** The raw path of a URL, before anything about it is known to be true. */
export function rawPath(url: string): string {
  const start = url.indexOf("/", url.indexOf("://") + 3);
  if (start === -1) return "";
  const query = url.indexOf("?", start);
  return query === -1 ? url.slice(start) : url.slice(start, query);
}
