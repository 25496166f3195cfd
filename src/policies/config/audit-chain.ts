// The audit log's hash chain: each row's hash covers the row and the hash before it, so that no row can be changed, removed or
// put in without the next one showing it. The hash function is handed in; nothing here stores or reads.

import type { AuditVerdict } from "../../contracts/control.ts";

/** Hex digest of a text's UTF-8 bytes. */
export type Sha256 = (text: string) => string;

/** A row as it is stored; `detail` is JSON text and hashed as such. */
export type AuditEntry = {
  readonly seq: number;
  readonly at: number;
  readonly action: string;
  readonly actor: string;
  readonly subject: string;
  readonly detail: string | null;
  readonly eventId: string | null;
};
export type ChainedEntry = AuditEntry & { readonly hash: string };

/** A place in the chain: the last row pruned (where it starts) or the last row written (where it must end). Of an empty log both are row 0, 64 zeros. */
export type Link = { readonly seq: number; readonly hash: string };

export const chainHash = (sha256: Sha256, previousHash: string, entry: AuditEntry): string => {
  const { seq, at, action, actor, subject, detail, eventId } = entry;
  return sha256(JSON.stringify([previousHash, seq, at, action, actor, subject, detail, eventId]));
};

/** How far a chain was followed: the last link that holds, the rows seen, the first that doesn't hold. */
export type Followed = { readonly last: Link; readonly rows: number; readonly firstBroken?: number };

export const startAt = (anchor: Link): Followed => ({ last: anchor, rows: 0 });

/** Goes on over the next rows by `seq`: a long log is followed slice by slice. */
export function followChain(sha256: Sha256, followed: Followed, rows: readonly ChainedEntry[]): Followed {
  let { last, firstBroken } = followed;
  for (const row of rows) {
    if (firstBroken !== undefined) break;
    const seq = last.seq + 1;
    if (row.seq === seq && row.hash === chainHash(sha256, last.hash, row)) last = { seq, hash: row.hash };
    else firstBroken = seq;
  }
  return { last, rows: followed.rows + rows.length, ...(firstBroken !== undefined && { firstBroken }) };
}

/**
 * Whether what was followed to its end is the whole log. `firstBroken` is the first number that is changed, missing (the tail too)
 * or too many. Whoever can rewrite every later row and the head as well leaves no trace: the chain is evidence, not a signature.
 */
export function concludeChain({ last, rows, firstBroken }: Followed, head: Link): AuditVerdict {
  const broken = firstBroken ?? brokenEnd(last, head);
  if (broken === undefined) return { intact: true, rows };
  return { intact: false, rows, firstBroken: Math.min(broken, head.seq + 1) };
}

function brokenEnd(last: Link, head: Link): number | undefined {
  if (last.seq !== head.seq) return last.seq + 1;
  return last.hash === head.hash ? undefined : last.seq;
}
