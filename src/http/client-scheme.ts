// The scheme a request was sent with: the header that policies/forwarding/client-scheme.ts judges, read only where it counts.

import { clientScheme, type Scheme } from "../policies/forwarding/client-scheme.ts";

export function clientSchemeOf(request: Request, own: Scheme, trustedHops: number): Scheme {
  if (trustedHops === 0) return own;
  return clientScheme({ own, trustedHops, forwardedProto: request.headers.get("X-Forwarded-Proto") ?? undefined });
}
