// Who is an operator: the one secret, in any of the three headers the documents use. A server without a secret refuses everyone.

import { type Refusal, refuse } from "../contracts/refusals.ts";

const encoder = new TextEncoder();

/** Refuses `admin_secret_unset` (503) before looking at what was offered, else `admin_unauthorized` (401). */
export function refuseUnlessAdmin(headers: Headers, secret: string | undefined): Refusal | undefined {
  if (secret === undefined || secret === "") {
    return refuse("admin_secret_unset", "set ADMIN_SECRET on the server; no admin call is answered without it");
  }
  const offered = [headers.get("X-Admin-Secret"), bearerToken(headers.get("Authorization")), headers.get("X-API-Key")];
  return offered.some((value) => value !== null && sameSecret(value, secret))
    ? undefined
    : refuse("admin_unauthorized");
}

/** The credentials of `Authorization: Bearer …`, whose scheme is case-insensitive (RFC 9110 §11.1). */
export const bearerToken = (authorization: string | null): string | null =>
  authorization !== null && /^bearer /i.test(authorization) ? authorization.slice(7).trim() : null;

/** Constant-time for values of one length; only the length can be learned from the time it takes. */
export function sameSecret(offered: string, secret: string): boolean {
  const a = encoder.encode(offered);
  const b = encoder.encode(secret);
  return a.byteLength === b.byteLength && crypto.subtle.timingSafeEqual(a, b);
}
