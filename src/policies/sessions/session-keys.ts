// What SESSION_KEYS says: `kid:base64url` keys joined by commas; the first signs, all verify.
// One bad key makes the whole text bad: a plane that quietly dropped a key would sign people out.

import { fromBase64url } from "./base64url.ts";

export type SessionKey = { readonly kid: string; readonly secret: Uint8Array };
export type SessionKeys = { readonly ok: true; readonly keys: readonly [SessionKey, ...SessionKey[]] };
/** `problem` tells the operator what is wrong and never holds a part of a key. */
export type SessionKeysFault = { readonly ok: false; readonly problem: string };

/** As long as the output of HMAC-SHA-256 (RFC 2104 §3). */
const KEY_BYTES_MIN = 32;
const KEYS_MAX = 16;
const KID = /^[A-Za-z0-9_-]{1,32}$/;

export function parseSessionKeys(text: string | undefined): SessionKeys | SessionKeysFault {
  if (text === undefined || text.trim() === "") return fault("SESSION_KEYS is not set");
  const entries = text.split(",");
  if (entries.length > KEYS_MAX) return fault(`SESSION_KEYS holds more than ${KEYS_MAX} keys`);
  const keys: SessionKey[] = [];
  for (const [position, entry] of entries.entries()) {
    const key = parseKey(entry.trim());
    if (typeof key === "string") return fault(`SESSION_KEYS: key ${position + 1} ${key}`);
    if (keys.some(({ kid }) => kid === key.kid)) return fault(`SESSION_KEYS: key ${position + 1} repeats a key id`);
    keys.push(key);
  }
  const [first, ...rest] = keys;
  return first === undefined ? fault("SESSION_KEYS is not set") : { ok: true, keys: [first, ...rest] };
}

function parseKey(entry: string): SessionKey | string {
  const colon = entry.indexOf(":");
  const kid = entry.slice(0, colon);
  if (colon === -1 || !KID.test(kid)) return "must be kid:base64url with a kid of 1 to 32 of A-Z a-z 0-9 _ -";
  const secret = fromBase64url(entry.slice(colon + 1));
  if (secret === undefined) return "is not base64url";
  return secret.byteLength >= KEY_BYTES_MIN ? { kid, secret } : `is shorter than ${KEY_BYTES_MIN} bytes`;
}

const fault = (problem: string): SessionKeysFault => ({ ok: false, problem });
