// Which instances came into a pool, or came back, and when: for slow start. Known to the registry, so that the whole fleet is as gentle.
// Plain data, changed in place; a restart forgets it, and whoever was new then is so no longer.

import { SLOW_START_MS_MAX } from "../../contracts/balancing-config.ts";

type Member = { readonly id: string; readonly target: string };

export type ArrivalBook = {
  /** Epoch ms. */
  readonly since: Map<string, number>;
  /** Who could be sent to when it was last looked, by id with where it leads; undefined before that. */
  present: ReadonlyMap<string, string> | undefined;
};

export const openArrivals = (): ArrivalBook => ({ since: new Map(), present: undefined });

/** `members`: all that could be sent to now, neither out nor closed. */
export function noteArrivals(book: ArrivalBook, members: readonly Member[], nowMs: number): void {
  const { present, since } = book;
  for (const [id, atMs] of since) if (nowMs - atMs >= SLOW_START_MS_MAX) since.delete(id);
  if (present !== undefined && present.size === members.length && members.every((one) => isPresent(present, one)))
    return;
  if (present !== undefined) for (const one of members) if (!isPresent(present, one)) since.set(one.id, nowMs);
  book.present = new Map(members.map(({ id, target }) => [id, target]));
}

const isPresent = (present: ReadonlyMap<string, string>, { id, target }: Member): boolean => present.get(id) === target;

export const arrivalsNow = (
  { since, present }: ArrivalBook,
  nowMs: number,
): (readonly [instanceId: string, agoMs: number])[] =>
  [...since].flatMap(([id, atMs]) => (present?.has(id) ? [[id, Math.max(0, nowMs - atMs)] as const] : []));
