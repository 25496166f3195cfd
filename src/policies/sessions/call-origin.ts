// Whether a state-changing call to the control surface comes from a page that may make it (CSRF).

import { isUnder } from "./session-cookie.ts";

export type CallOrigin = {
  /** Sec-Fetch-Site: what the browser itself says of the caller. */
  readonly fetchSite: string | null;
  readonly origin: string | null;
};

/**
 * Callers that are no browsers send neither header and may call. A browser's page may if it is of the same origin, or
 * of the configured domain or a sub-domain of it over the same scheme and port; never cross-site, never from an opaque origin.
 */
export function mayChangeState(caller: CallOrigin, target: URL, domain: string | undefined): boolean {
  if (caller.fetchSite === "same-origin" || caller.fetchSite === "none") return true;
  if (caller.fetchSite !== null && caller.fetchSite !== "same-site") return false;
  if (caller.origin === null) return caller.fetchSite === null;
  const page = URL.canParse(caller.origin) ? new URL(caller.origin) : undefined;
  if (page === undefined || page.origin !== caller.origin) return false;
  return page.origin === target.origin || isSibling(page, target, domain);
}

const isSibling = (page: URL, target: URL, domain: string | undefined): boolean =>
  domain !== undefined &&
  page.protocol === target.protocol &&
  page.port === target.port &&
  isUnder(page.hostname, domain) &&
  isUnder(target.hostname, domain);
