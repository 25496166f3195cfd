// What a replica of the revocation log may forget, and when a reader's cursor tells too little.

/** `floor` is the last change forgotten (0: none), `head` the last one ever taken in. */
export type LogSpan = { readonly floor: number; readonly head: number };

/** Longer than any isolate may act on its copy; a reader that was away for longer starts anew. */
export const CHANGE_KEPT_MS = 300_000;

/** More news than this are cheaper to answer with "forget everything". */
export const CHANGES_MAX = 2_000;

/** Whether changes after `cursor` may be missing: it never read, it reaches back too far, or it comes from another state. */
export const isGap = (cursor: number | null, span: LogSpan): boolean =>
  cursor === null || cursor < span.floor || cursor > span.head;

/**
 * The last change of the forgettable start of the log, or undefined. Only a start: a hole in the middle, left by a
 * clock that stepped, would be invisible to readers.
 */
export function prunableThrough(
  oldest: readonly { readonly seq: number; readonly at: number }[],
  nowMs: number,
): number | undefined {
  const keptFrom = oldest.findIndex(({ at }) => at > nowMs - CHANGE_KEPT_MS);
  return oldest[(keptFrom === -1 ? oldest.length : keptFrom) - 1]?.seq;
}
