// The session cookie on the wire: minted, signed, verified, set and cleared. Holds the signing keys and no session.
// A value that was not signed here is rejected without asking anyone. Called by routes and by src/isolate.

import { createHash, createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { findText } from "../contracts/bindings.ts";
import { ok, type Result, refuse } from "../contracts/refusals.ts";
import {
  type CookieScope,
  cookieScope,
  isPlainLoopback,
  parseCookieValue,
  splitCookies,
  writeCookie,
} from "../policies/sessions/session-cookie.ts";
import { parseSessionKeys, type SessionKey } from "../policies/sessions/session-keys.ts";

/** A new session's secret cookie value and the public name of its object. */
export type MintedCookie = { readonly value: string; readonly name: string };

const ID_BYTES = 32;

let parsed: { readonly text: string | undefined; readonly keys: ReturnType<typeof parseSessionKeys> } | undefined;

function keysOf(env: Env): ReturnType<typeof parseSessionKeys> {
  const text = findText(env, "SESSION_KEYS");
  if (parsed === undefined || parsed.text !== text) parsed = { text, keys: parseSessionKeys(text) };
  return parsed.keys;
}

/** A value nobody can guess, signed with the first key. Refuses `session_keys_unset` and names what is wrong with them. */
export function mintCookie(env: Env): Result<MintedCookie> {
  const keys = keysOf(env);
  if (!keys.ok) return refuse("session_keys_unset", keys.problem);
  const [signing] = keys.keys;
  const id = randomBytes(ID_BYTES).toString("base64url");
  const signed = `v1.${signing.kid}.${id}`;
  return ok({ value: `${signed}.${macOf(signed, signing)}`, name: nameOf(id) });
}

/** The name of the Session object a genuine value stands for; undefined for any other text, and without keys for every text. */
function verifyCookie(value: string, env: Env): string | undefined {
  const cookie = parseCookieValue(value);
  const keys = keysOf(env);
  if (cookie === undefined || !keys.ok) return undefined;
  const key = keys.keys.find(({ kid }) => kid === cookie.kid);
  return key !== undefined && sameText(cookie.mac, macOf(cookie.signed, key)) ? nameOf(cookie.id) : undefined;
}

/** The Session object's name a request's cookies stand for: the first genuine one of those that count on this host. */
export function sessionNameOf(request: Request, env: Env): string | undefined {
  const { protocol, hostname } = new URL(request.url);
  const loopback = isPlainLoopback(protocol.slice(0, -1), hostname);
  return firstGenuine(splitCookies(request.headers.get("Cookie") ?? "", loopback).values, env);
}

/** The object name of the first value that verifies. */
export function firstGenuine(values: readonly string[], env: Env): string | undefined {
  for (const value of values) {
    const name = verifyCookie(value, env);
    if (name !== undefined) return name;
  }
  return undefined;
}

/** Sets the cookie in the widest scope this host may, and clears the narrower one that would hide it. */
export function signInHeaders(
  request: Request,
  domain: string | undefined,
  cookie: { value: string; maxAgeS: number },
): Headers {
  const [scope, ...others] = scopesOf(request, domain);
  const headers = new Headers();
  headers.append("Set-Cookie", writeCookie(scope, cookie.value, cookie.maxAgeS));
  for (const other of others) headers.append("Set-Cookie", writeCookie(other, "", 0));
  return headers;
}

/** Clears every cookie of ours this host may hold. */
export function signOutHeaders(request: Request, domain: string | undefined): Headers {
  const headers = new Headers();
  for (const scope of scopesOf(request, domain)) headers.append("Set-Cookie", writeCookie(scope, "", 0));
  return headers;
}

function scopesOf(request: Request, domain: string | undefined): readonly [CookieScope, ...CookieScope[]] {
  const { protocol, hostname } = new URL(request.url);
  const widest = cookieScope(protocol.slice(0, -1), hostname, domain);
  return widest.kind === "domain" ? [widest, { kind: "host" }] : [widest];
}

const macOf = (signed: string, key: SessionKey): string =>
  createHmac("sha256", key.secret).update(signed).digest("base64url");

/** The id itself is stored nowhere. */
const nameOf = (id: string): string => createHash("sha256").update(id).digest("base64url");

/** As text: base64 decoders forgive a changed last character. Both are 43 ASCII characters by then. */
const sameText = (offered: string, expected: string): boolean =>
  timingSafeEqual(Buffer.from(offered), Buffer.from(expected));
