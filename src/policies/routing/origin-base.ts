// Addresses of HTTP origins as operators and instances write them. Where they lead is judged elsewhere (lifecycle/private-host.ts).

const CREDENTIALS_OR_FRAGMENT = /[#\\@\s]/;

export const UNCALLABLE = "must be http:// or https:// with a host, and no credentials, dot segments or fragment";
export const NO_BASE = "must be http:// or https:// with a host, and no credentials, dot segments, query or fragment";

/** Scheme, authority and path prefix without a trailing slash; undefined for what is no such thing. */
export function baseOf(url: string): string | undefined {
  if (!isCallable(url) || url.includes("?")) return undefined;
  const { origin, pathname } = new URL(url);
  return `${origin}${pathname.replace(/\/+$/, "")}`;
}

/** Whether an address can be called as it is; it may have a query. */
export const isCallable = (url: string): boolean =>
  /^https?:\/\/[^/?#\\@\s]/i.test(url) &&
  !CREDENTIALS_OR_FRAGMENT.test(url) &&
  !/\/(?:\.|%2e){1,2}(?=[/?]|$)/i.test(url) &&
  URL.canParse(url);
