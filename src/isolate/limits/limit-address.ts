// Where a key's window is kept: its name in the store and its shard. A key of any length and alphabet becomes one of fixed length.

import { createHash } from "node:crypto";
import type { LimitKey } from "../../contracts/limits.ts";
import { BoundedMap } from "../bounded-map.ts";

export type LimitAddress = { readonly key: LimitKey; readonly shard: number };

const REMEMBERED_MAX = 20_000;
/** 4 M characters; keys may be as long as a header. */
const CHARACTERS_MAX = 4_000_000;
const remembered = new BoundedMap<Place>({ entriesMax: REMEMBERED_MAX, weightMax: CHARACTERS_MAX });
/** Limits come and go with the configuration. */
const LIMITS_PER_KEY_MAX = 16;
/** 128 bits in hexadecimal: nobody finds two keys that share a window. */
const DIGEST_LENGTH = 32;

/** `keys`: by limit, made once, for what is looked up by a string that was just joined is hashed anew each time. */
type Place = { readonly digest: string; readonly keys: Map<string, LimitKey> };

/** The shard follows from the key alone, so that a caller's limits lie together and one call serves them all. */
export function limitAddress(limit: string, text: string, shards: number): LimitAddress {
  const { digest, keys } = remembered.get(text) ?? remember(text);
  const key = keys.get(limit) ?? rememberKey(keys, limit, digest);
  return { key, shard: shards === 1 ? 0 : Number.parseInt(digest.slice(0, 8), 16) % shards };
}

function remember(text: string): Place {
  const digest = createHash("sha256").update(text).digest("hex").slice(0, DIGEST_LENGTH);
  const place = { digest, keys: new Map<string, LimitKey>() };
  remembered.set(text, place, text.length);
  return place;
}

function rememberKey(keys: Map<string, LimitKey>, limit: string, digest: string): LimitKey {
  if (keys.size === LIMITS_PER_KEY_MAX) keys.clear();
  const key = `${limit}/${digest}`;
  keys.set(limit, key);
  return key;
}
