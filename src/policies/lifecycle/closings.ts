// Takes instances out of rotation and puts them in again, and says how far that has come over the whole fleet. Plain data, changed in
// place; the clock comes in. The latest change of an instance wins, whoever still waits for an earlier one.

import type { InstanceProgress, LifecycleChange } from "../../contracts/lifecycle.ts";
import { asksFirstAfterMs, leaseTiming } from "../balancing/lease-timing.ts";
import type { RegistryBooks } from "../balancing/registry-books.ts";
import type { Closing, MemberBook } from "./member-book.ts";

/** Instances of any time that are not in; beyond it those that have left the pool are forgotten, the oldest first. */
const CLOSINGS_MAX = 2_000;
/** What an isolate had begun just before it stopped sending is reported by then, beside the time between two of its calls. */
const REPORT_GRACE_MS = 1_000;

/**
 * Returns what is to be written down: `opened` are in now. The same action again goes on with the change under way, except to restart: whoever
 * began first must not put an instance in that is being restarted once more.
 */
export function changeLifecycle(
  book: MemberBook,
  change: LifecycleChange,
  nowMs: number,
): { readonly closed: readonly Closing[]; readonly opened: readonly string[] } {
  const { action, after } = change;
  const instanceIds = change.instanceIds.filter(
    (id) => after === undefined || book.closings.get(id)?.changeId === after,
  );
  const version = book.version + 1;
  if (action === "start") {
    const opened = instanceIds.filter((id) => book.closings.delete(id));
    if (opened.length > 0) book.version = version;
    return { closed: [], opened };
  }
  const closed = instanceIds.map((id) =>
    closingAfter(book.closings.get(id), { ...change, action }, { id, nowMs, version }),
  );
  for (const closing of closed) book.closings.set(closing.instanceId, closing);
  if (closed.length > 0) book.version = version;
  return { closed, opened: [] };
}

type Closed = LifecycleChange & { readonly action: Closing["action"] };

function closingAfter(
  before: Closing | undefined,
  { action, changeId, drainMs }: Closed,
  { id, nowMs, version }: { readonly id: string; readonly nowMs: number; readonly version: number },
): Closing {
  const times = { sinceMs: nowMs, deadlineMs: nowMs + drainMs };
  if (before === undefined) return { instanceId: id, state: "draining", action, changeId, ...times, version };
  const isSame = before.action === action && action !== "restart";
  return { ...before, ...times, action, changeId: isSame ? before.changeId : changeId };
}

/** Instances whose time to drain is over, or that have nothing left, go out where that was asked for. Returns what is to be written down. */
export function settleClosings(books: RegistryBooks, nowMs: number): Closing[] {
  const settled: Closing[] = [];
  const progressOf = progressIn(books, nowMs);
  for (const closing of books.members.closings.values()) {
    if (closing.state === "out" || closing.action === "drain") continue;
    if (nowMs >= closing.deadlineMs || isDrained(progressOf(closing.instanceId)))
      settled.push({ ...closing, state: "out" });
  }
  for (const closing of settled) books.members.closings.set(closing.instanceId, closing);
  return settled;
}

/** When the next one goes out at the latest, epoch ms; Infinity where none will. */
export const nextSettlementAtMs = ({ closings }: MemberBook): number =>
  Math.min(
    Number.POSITIVE_INFINITY,
    ...[...closings.values()]
      .filter(({ state, action }) => state === "draining" && action !== "drain")
      .map(({ deadlineMs }) => deadlineMs),
  );

export const isDrained = ({ inFlight, unheard }: InstanceProgress): boolean => inFlight === 0 && unheard === 0;

/** For each instance, of any number: how far its latest change has come. */
export function progressIn(books: RegistryBooks, nowMs: number): (instanceId: string) => InstanceProgress {
  const unheardOf = new Map<number, number>();
  return (instanceId) => {
    const closing = books.members.closings.get(instanceId);
    const inFlight = books.fleet.totals.get(instanceId) ?? 0;
    if (closing === undefined) return { instanceId, state: "in", inFlight, unheard: 0 };
    const { state, changeId, version } = closing;
    const unheard = unheardOf.get(version) ?? countUnheard(books, version, nowMs);
    unheardOf.set(version, unheard);
    return { instanceId, state, changeId, inFlight, unheard };
  };
}

/**
 * Isolates that may still send a request on what they knew before `version`. One that was silent for long enough asks first, unless it has a
 * request under way that it may hedge or try again at once. After a restart nobody has reported yet: one stands for all of
 * them until whoever has something in flight must have called.
 */
function countUnheard(books: RegistryBooks, version: number, nowMs: number): number {
  const { renewAfterMs } = leaseTiming(books.fleet.isolates.size);
  const silentMs = asksFirstAfterMs(renewAfterMs) + renewAfterMs + REPORT_GRACE_MS;
  let unheard = nowMs < books.completeAtMs ? 1 : 0;
  for (const { membership, lastSeenMs, inFlight } of books.fleet.isolates.values()) {
    const asksFirst = inFlight.size === 0 && lastSeenMs + silentMs <= nowMs;
    // Those that know nothing of members never heed them: only their lapse makes sure.
    if (membership === undefined || (membership < version && !asksFirst)) unheard++;
  }
  return unheard;
}

/** Which rows are too many: of instances the pool does not have any more. */
export function surplusClosings(book: MemberBook, instances: readonly { readonly id: string }[]): string[] {
  const surplus = book.closings.size - CLOSINGS_MAX;
  if (surplus <= 0) return [];
  const known = new Set(instances.map(({ id }) => id));
  const forgotten = [...book.closings.keys()].filter((id) => !known.has(id)).slice(0, surplus);
  for (const id of forgotten) book.closings.delete(id);
  return forgotten;
}
