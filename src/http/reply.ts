// Turns outcomes into responses: JSON, RFC 9457 problem documents, and plain pages for browsers. Says nothing internal.

import {
  documentKeysOf,
  type Refusal,
  type RefusalCode,
  type Result,
  statusOf,
  titleOf,
} from "../contracts/refusals.ts";
import { refusalPage } from "./refusal-page.ts";
import { requestIdOf } from "./request-id.ts";

export type ReplyOptions = { readonly status?: number; readonly headers?: HeadersInit };

/** Answers a control-surface call: the value as JSON (200 unless told otherwise), or the refusal as a problem. */
export function reply<T>(request: Request, result: Result<T>, options: ReplyOptions = {}): Response {
  if (!result.ok)
    return problem(result, { requestId: requestIdOf(request), html: prefersHtml(request.headers.get("Accept")) });
  const headers = new Headers(options.headers);
  headers.set("Content-Type", "application/json");
  headers.set("Cache-Control", "no-store");
  headers.set("X-Request-Id", requestIdOf(request));
  return new Response(`${JSON.stringify(result.value)}\n`, { status: options.status ?? 200, headers });
}

/** Statuses a person may meet in a browser and gets a page for (L55 to L59). */
const PAGES = new Set([401, 403, 404, 429, 502, 503, 504]);

/** Document 001's refusals: exactly their text and nothing else (R18, R31). */
const PLAIN: ReadonlySet<RefusalCode> = new Set(["no_backend_discovered", "all_backends_failed"]);

/** What a 401 must name (RFC 9110 §11.6.1). The second is no registered scheme, so no browser asks for a password. */
const CHALLENGES: { readonly [code in RefusalCode]?: string } = {
  admin_unauthorized: 'Bearer realm="signalbox"',
  unauthenticated: 'Session realm="signalbox"',
};

type ProblemOptions = { readonly requestId: string; readonly html: boolean; readonly headers?: HeadersInit };

/** An RFC 9457 document with a stable `code`; a browser gets a page that says the same. */
export function problem(refusal: Refusal, options: ProblemOptions): Response {
  const status = statusOf(refusal.code);
  const headers = new Headers(options.headers);
  headers.set("Cache-Control", "no-store");
  headers.set("X-Request-Id", options.requestId);
  const challenge = CHALLENGES[refusal.code];
  if (challenge !== undefined) headers.set("WWW-Authenticate", challenge);
  const { retryAfter } = refusal.data ?? {};
  if (typeof retryAfter === "number") headers.set("Retry-After", String(retryAfter));
  if (PLAIN.has(refusal.code)) {
    headers.set("Content-Type", "text/plain;charset=UTF-8");
    return new Response(titleOf(refusal.code), { status, headers });
  }
  if (options.html && PAGES.has(status)) {
    headers.set("Content-Type", "text/html; charset=utf-8");
    headers.set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'");
    return new Response(refusalPage(status, titleOf(refusal.code), options.requestId), { status, headers });
  }
  headers.set("Content-Type", "application/problem+json");
  const body = {
    type: "about:blank",
    title: titleOf(refusal.code),
    status,
    code: refusal.code,
    ...(refusal.detail !== undefined && { detail: refusal.detail }),
    requestId: options.requestId,
    ...documentKeysOf(refusal.code),
    ...refusal.data,
  };
  return new Response(`${JSON.stringify(body)}\n`, { status, headers });
}

/** Whether the caller is a browser asking for a page: it names text/html and does not prefer JSON before it. */
export function prefersHtml(accept: string | null): boolean {
  if (accept === null) return false;
  const html = accept.indexOf("text/html");
  const json = accept.indexOf("json");
  return html !== -1 && (json === -1 || html < json);
}
