// What a Cookie header means, remembered per header: whose session it names and what is forwarded of it.
// Verified once per isolate and header, so a hot request costs one lookup. Forged cookies are not remembered: they must
// not push out genuine ones. Used by session-snapshots.ts only.

import { findText } from "../../contracts/bindings.ts";
import { firstGenuine } from "../../http/cookies.ts";
import { splitCookies } from "../../policies/sessions/session-cookie.ts";
import { BoundedMap } from "../bounded-map.ts";

/**
 * `name` is undefined when no cookie is genuine. `cookie` is the header without cookies of ours.
 * `memory` is the caller's: what it found out about this visitor last.
 */
export type Visitor<M> = { readonly name: string | undefined; readonly cookie: string; memory: M | undefined };

const HEADERS_MAX = 50_000;
/** 16 M characters are at most 32 MB of the isolate's 128. */
const CHARACTERS_MAX = 16_000_000;

export class SessionVisitors<M> {
  readonly #plain = new BoundedMap<Visitor<M>>({ entriesMax: HEADERS_MAX, weightMax: CHARACTERS_MAX });
  /** Other names count on plain loopback, so the same header means something else there. */
  readonly #loopback = new BoundedMap<Visitor<M>>({ entriesMax: HEADERS_MAX, weightMax: CHARACTERS_MAX });
  #keysText: string | undefined;

  of(cookieHeader: string, loopback: boolean, env: Env): Visitor<M> {
    this.#forgetOnNewKeys(findText(env, "SESSION_KEYS"));
    const known = loopback ? this.#loopback : this.#plain;
    const remembered = known.get(cookieHeader);
    if (remembered !== undefined) return remembered;
    const { values, rest } = splitCookies(cookieHeader, loopback);
    const name = firstGenuine(values, env);
    const visitor: Visitor<M> = { name, cookie: rest, memory: undefined };
    if (name !== undefined) known.set(cookieHeader, visitor, cookieHeader.length * 2);
    return visitor;
  }

  #forgetOnNewKeys(keysText: string | undefined): void {
    if (keysText === this.#keysText) return;
    this.#keysText = keysText;
    this.#plain.clear();
    this.#loopback.clear();
  }
}
