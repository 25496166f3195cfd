// Who is an operator: the one secret, in any of the three headers the documents use. A server without a secret refuses everyone.

import { type Refusal, refuse } from "../contracts/refusals.ts";

const encoder = new TextEncoder();

/** Refuses `admin_secret_unset` (503) before looking at what was offered, else `admin_unauthorized` (401). */
export function refuseUnlessAdmin(secret: string | undefined, isAdmin: boolean): Refusal | undefined {
  if (!isSet(secret)) {
    return refuse("admin_secret_unset", "set ADMIN_SECRET on the server; no admin call is answered without it");
  }
  return isAdmin ? undefined : refuse("admin_unauthorized");
}

/** Whether any of the three headers is sent at all, and whether one carries the secret. */
export type SecretOffer = { readonly isOffered: boolean; readonly isRight: boolean };

export function offeredSecret(headers: Headers, secret: string | undefined): SecretOffer {
  const values = [headers.get("X-Admin-Secret"), headers.get("Authorization"), headers.get("X-API-Key")];
  const offered = values.filter((value) => value !== null);
  return { isOffered: offered.length > 0, isRight: offered.some((value) => isAdminSecret(value, secret)) };
}

/** Whether one header's value is the secret, bare or as a bearer token. Never true while the server has none. */
export const isAdminSecret = (offered: string, secret: string | undefined): boolean =>
  isSet(secret) && (sameSecret(offered, secret) || sameSecret(bearerToken(offered) ?? "", secret));

const isSet = (secret: string | undefined): secret is string => secret !== undefined && secret !== "";

/** The credentials of `Authorization: Bearer …`, whose scheme is case-insensitive (RFC 9110 §11.1). */
const bearerToken = (authorization: string): string | null =>
  /^bearer /i.test(authorization) ? authorization.slice(7).trim() : null;

/** Constant-time for values of one length; only the length can be learned from the time it takes. */
function sameSecret(offered: string, secret: string): boolean {
  const a = encoder.encode(offered);
  const b = encoder.encode(secret);
  return a.byteLength === b.byteLength && crypto.subtle.timingSafeEqual(a, b);
}
