// What the control surface sees of a request: whether its headers are too large, the scheme its client used, HEAD as the GET it is answered by.
// Called by router.ts only.

import type { Scheme } from "../policies/forwarding/client-scheme.ts";
import { areHeadersTooLarge, headerBytes } from "../policies/forwarding/header-bounds.ts";
import { requestIdOf } from "./request-id.ts";

export function hasTooLargeHeaders({ headers }: Request): boolean {
  let count = 0;
  let bytes = 0;
  for (const [name, value] of headers) {
    count++;
    bytes += headerBytes(name, value);
  }
  return areHeadersTooLarge(count, bytes);
}

/** Behind a proxy that ends TLS: cookies and origins are judged by what the client used. */
export function withScheme(request: Request, scheme: Scheme): Request {
  const url = new URL(request.url);
  url.protocol = scheme;
  const seen = new Request(url, request);
  seen.headers.set("X-Request-Id", requestIdOf(request));
  return seen;
}

/** HEAD is answered by GET, under the same request id (RFC 9110 §9.3.2). `cf` says whom its limits count. */
export function asGet(request: Request): Request {
  const get = new Request(request.url, {
    headers: request.headers,
    ...(request.cf !== undefined && { cf: request.cf }),
  });
  get.headers.set("X-Request-Id", requestIdOf(request));
  return get;
}

export const withoutBody = (response: Response): Response => new Response(null, response);
