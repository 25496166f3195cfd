// Where a key's window is kept: its name in the store and its shard. A key of any length and alphabet becomes one of fixed length.

import { createHash } from "node:crypto";
import type { LimitKey } from "../../contracts/limits.ts";
import { BoundedMap } from "../bounded-map.ts";

export type LimitAddress = { readonly key: LimitKey; readonly shard: number };

const REMEMBERED_MAX = 20_000;
/** 4 M characters; keys may be as long as a header. */
const CHARACTERS_MAX = 4_000_000;
const remembered = new BoundedMap<string>({ entriesMax: REMEMBERED_MAX, weightMax: CHARACTERS_MAX });
/** 128 bits in hexadecimal: nobody finds two keys that share a window. */
const DIGEST_LENGTH = 32;

/** The shard follows from the key alone, so that a caller's limits lie together and one call serves them all. */
export function limitAddress(limit: string, text: string, shards: number): LimitAddress {
  const digest = remembered.get(text) ?? remember(text);
  return { key: `${limit}/${digest}`, shard: shards === 1 ? 0 : Number.parseInt(digest.slice(0, 8), 16) % shards };
}

function remember(text: string): string {
  const digest = createHash("sha256").update(text).digest("hex").slice(0, DIGEST_LENGTH);
  remembered.set(text, digest, text.length);
  return digest;
}
