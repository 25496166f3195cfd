// Which instances of a pool are out because requests fail on them, for the whole fleet at one time (outlier ejection, as in Envoy).
// Plain data, changed in place; the clock comes in.

import type { Ejection, Outcome, RosterInstance } from "../../contracts/registry.ts";
import { placesOf } from "./outcomes.ts";

/** Answers of 5xx and throws in a row, wherever in the fleet. */
export const FAILURES_IN_A_ROW = 5;
const OUT_MS = 30_000;
const OUT_MS_MAX = 300_000;
/** Of the pool; the others have to do, however badly they do. */
const OUT_SHARE_MAX = 0.5;
/** An instance that has been in for so long without being put out begins anew. */
const FORGIVEN_AFTER_MS = OUT_MS_MAX;

export type EjectionBook = {
  /** By instance, over all isolates. */
  readonly failures: Map<string, number>;
  /** The latest of each instance, over or not. */
  readonly latest: Map<string, Ejection>;
  /** Not written down yet. */
  readonly unsaved: Ejection[];
};

export const openEjections = (stored: readonly Ejection[]): EjectionBook => ({
  failures: new Map(),
  latest: new Map(stored.map((one) => [one.instanceId, one])),
  unsaved: [],
});

/** Ejections that ended before this time no longer matter to the next one of the same instance. */
export const forgivenBefore = (nowMs: number): number => nowMs - FORGIVEN_AFTER_MS;

/** Counts what was seen, and puts out who has failed too often. */
export function hearOutcomes(
  book: EjectionBook,
  outcomes: readonly Outcome[],
  { instances, nowMs }: { readonly instances: readonly { readonly id: string }[]; readonly nowMs: number },
): void {
  const places = placesOf(instances);
  for (const outcome of outcomes) {
    const { instanceId } = outcome;
    // What was under way when it was put out says nothing new.
    if (ejectedForMs(book, instanceId, nowMs) > 0 || !places.has(instanceId)) continue;
    const failures = failuresAfter(book.failures.get(instanceId) ?? 0, outcome);
    book.failures.set(instanceId, failures);
    if (failures >= FAILURES_IN_A_ROW && hasRoom(book, instances, nowMs)) eject(book, instanceId, nowMs);
  }
}

/** For how much longer it is out, ms; 0 or less of one that is in. */
export const ejectedForMs = ({ latest }: EjectionBook, instanceId: string, nowMs: number): number =>
  (latest.get(instanceId)?.untilMs ?? nowMs) - nowMs;

/** Who is out now, and for how much longer, ms. */
export const outNow = (
  book: EjectionBook,
  instances: readonly { readonly id: string }[],
  nowMs: number,
): [instanceId: string, forMs: number][] =>
  instances.flatMap(({ id }) => {
    const forMs = ejectedForMs(book, id, nowMs);
    return forMs > 0 ? [[id, forMs]] : [];
  });

type Place = Pick<RosterInstance, "id" | "target">;

/**
 * When `now` takes the place of `before`: instances the pool no longer has are out no longer, should they come back, nor are those that
 * lead elsewhere under the same id. What is long over is forgotten.
 */
export function keepOnly(
  { failures, latest, unsaved }: EjectionBook,
  { before, now }: { readonly before: readonly Place[]; readonly now: readonly Place[] },
  nowMs: number,
): void {
  const targets = new Map(before.map(({ id, target }) => [id, target]));
  const kept = now.filter(({ id, target }) => (targets.get(id) ?? target) === target);
  const ids = new Set(kept.map(({ id }) => id));
  for (const id of failures.keys()) if (!ids.has(id)) failures.delete(id);
  for (const [id, ejection] of latest) {
    if (ids.has(id)) continue;
    if (ejection.untilMs < forgivenBefore(nowMs)) latest.delete(id);
    if (ejection.untilMs <= nowMs) continue;
    const ended = { ...ejection, untilMs: nowMs };
    latest.set(id, ended);
    unsaved.push(ended);
  }
}

/** One answer that is none of those ends the row, wherever it was seen; only what failed after it counts on. */
const failuresAfter = (before: number, { answered, failed, failedLast }: Outcome): number =>
  answered > 0 ? failedLast : before + failed;

function eject({ failures, latest, unsaved }: EjectionBook, instanceId: string, nowMs: number): void {
  const last = latest.get(instanceId);
  const times = last === undefined || last.untilMs < forgivenBefore(nowMs) ? 1 : last.times + 1;
  const ejection = { instanceId, times, atMs: nowMs, untilMs: nowMs + Math.min(OUT_MS_MAX, OUT_MS * times) };
  latest.set(instanceId, ejection);
  failures.delete(instanceId);
  unsaved.push(ejection);
}

const hasRoom = (book: EjectionBook, instances: readonly { readonly id: string }[], nowMs: number): boolean =>
  outNow(book, instances, nowMs).length + 1 <= instances.length * OUT_SHARE_MAX;
