// Guards state-changing calls that carry the session cookie against pages of other origins. Used by src/routes/session.ts.

import { mayChangeState } from "../policies/sessions/call-origin.ts";
import { HttpError } from "./http-error.ts";

/** Throws HttpError cross_origin (403) before anything is read or changed. `domain` is the configured one. */
export function demandSameOrigin(request: Request, domain: string | undefined): void {
  const caller = { fetchSite: request.headers.get("Sec-Fetch-Site"), origin: request.headers.get("Origin") };
  if (!mayChangeState(caller, new URL(request.url), domain)) throw new HttpError("cross_origin");
}
