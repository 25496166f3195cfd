// A pool's circuit breaker, one truth for the whole fleet: closed, open, half-open, and nothing in between. Each step takes the state it may
// leave and no other, so that no illegal one can be written. Plain data, changed in place by the registry; the clock comes in.

import type { BreakerNotice, BreakerSettings, BreakerState, BreakerTransition } from "../../contracts/breaker.ts";
import type { LeaseCall, Outcome } from "../../contracts/registry.ts";
import { openForMs } from "./breaker-settings.ts";
import { countOutcomes, countsIn, type FailureWindow } from "./failure-window.ts";

type Closed = { readonly kind: "closed"; readonly window: FailureWindow };
/** `times` in a row. Epoch ms. */
type Open = { readonly kind: "open"; readonly times: number; readonly untilMs: number };
type HalfOpen = {
  readonly kind: "half-open";
  readonly times: number;
  /** Granted and not heard of yet: calls by isolate. */
  readonly out: Map<string, Set<number>>;
  answered: number;
};

export type BreakerBook = {
  state: Closed | Open | HalfOpen;
  /** The newest first, at most RECENT_MAX. */
  recent: readonly BreakerTransition[];
  /** Not written down yet. */
  readonly unsaved: BreakerTransition[];
};

/** Shown to operators. */
const RECENT_MAX = 50;
const NEVER = Number.NEGATIVE_INFINITY;

/** As the registry finds it when it starts: what was granted before is forgotten, so up to `trials` more are let through. */
export function openBreaker(recent: readonly BreakerTransition[] = []): BreakerBook {
  return { state: stateAfter(recent[0]), recent: recent.slice(0, RECENT_MAX), unsaved: [] };
}

function stateAfter(last: BreakerTransition | undefined): BreakerBook["state"] {
  if (last?.to === "open") return { kind: "open", times: last.times, untilMs: last.untilMs };
  return last?.to === "half-open" ? tryOut(last) : { kind: "closed", window: [] };
}

const tryOut = ({ times }: Pick<Open, "times">): HalfOpen => ({
  kind: "half-open",
  times,
  out: new Map(),
  answered: 0,
});

type Hearing = {
  readonly settings: BreakerSettings | undefined;
  readonly outcomes: readonly Outcome[];
  readonly nowMs: number;
};

/** Takes in what an isolate has seen: `outcomes` that are new, and what became of its trials. */
export function hearBreaker(
  book: BreakerBook,
  { isolateId, trials = [] }: Pick<LeaseCall, "isolateId" | "trials">,
  { settings, outcomes, nowMs }: Hearing,
): void {
  if (settings === undefined) dismiss(book, nowMs);
  else if (book.state.kind === "half-open") hearTrials(book, book.state, { isolateId, trials, settings, nowMs });
  else if (book.state.kind === "closed") hearShare(book, book.state, { settings, outcomes, nowMs });
}

const NONE_OUT = new Set<number>();

type TrialHearing = Required<Pick<LeaseCall, "isolateId" | "trials">> &
  Pick<Required<Hearing>, "nowMs"> & {
    readonly settings: BreakerSettings;
  };

/** What the isolate no longer speaks of never reached it, or was lost with it. Closes on whoever calls: fewer trials may be asked for by now. */
function hearTrials(book: BreakerBook, state: HalfOpen, { isolateId, trials, settings, nowMs }: TrialHearing): void {
  const out = state.out.get(isolateId) ?? NONE_OUT;
  const verdicts = new Map(trials);
  for (const callId of out) {
    const verdict = verdicts.get(callId) ?? "unused";
    if (verdict === "pending") continue;
    out.delete(callId);
    if (verdict === "answered") state.answered++;
    if (verdict !== "failed") continue;
    open(book, state, { settings, nowMs, why: "a trial failed" });
    return;
  }
  if (out.size === 0) state.out.delete(isolateId);
  if (state.answered >= settings.trials) close(book, state, { nowMs, why: `${state.answered} trials were answered` });
}

function hearShare(
  book: BreakerBook,
  state: Closed,
  { settings, outcomes, nowMs }: Hearing & { readonly settings: BreakerSettings },
): void {
  const moment = { nowMs, windowMs: settings.windowMs };
  for (const outcome of outcomes) countOutcomes(state.window, outcome, moment);
  const { answered, failed } = countsIn(state.window, moment);
  const requests = answered + failed;
  if (failed === 0 || requests < settings.minRequests || failed < settings.failureShare * requests) return;
  const why = `${failed} of ${requests} requests failed within ${settings.windowMs} ms`;
  open(book, state, { settings, nowMs, why });
}

/**
 * Whether one request of this isolate may go through to try the pool, named by the call that asks. The first to ask after its time half-opens
 * the circuit. `isLive`: whether an isolate is still heard of; what others were granted is granted anew.
 */
export function grantTrial(
  book: BreakerBook,
  { isolateId, callId }: Pick<LeaseCall, "isolateId" | "callId">,
  { settings, nowMs, isLive }: Granting,
): boolean {
  if (settings === undefined) return false;
  if (book.state.kind === "open" && restMs(book.state, settings, nowMs) <= 0) halfOpen(book, book.state, nowMs);
  const { state } = book;
  if (state.kind !== "half-open") return false;
  for (const id of state.out.keys()) if (!isLive(id)) state.out.delete(id);
  if (freeTrials(state, settings) <= 0) return false;
  const out = state.out.get(isolateId) ?? new Set();
  state.out.set(isolateId, out.add(callId));
  return true;
}

type Granting = {
  readonly settings: BreakerSettings | undefined;
  readonly nowMs: number;
  readonly isLive: (isolateId: string) => boolean;
};

/** What isolates are told; undefined while every request passes. `againMs`: when one that got no trial may ask again. */
export function noticeOf(
  { state }: BreakerBook,
  settings: BreakerSettings | undefined,
  { nowMs, againMs }: { readonly nowMs: number; readonly againMs: number },
): BreakerNotice | undefined {
  if (settings === undefined || state.kind === "closed") return undefined;
  if (state.kind === "open") return { state: "open", forMs: Math.max(0, restMs(state, settings, nowMs)) };
  return { state: "half-open", forMs: freeTrials(state, settings) > 0 ? 0 : againMs };
}

/** A clock set back must not keep it open for longer than it ever is. */
export const restMs = ({ untilMs, times }: Omit<Open, "kind">, settings: BreakerSettings, nowMs: number): number =>
  Math.min(untilMs - nowMs, openForMs(settings, times));

export const trialsOut = ({ out }: Pick<HalfOpen, "out">): number => {
  let trials = 0;
  for (const calls of out.values()) trials += calls.size;
  return trials;
};

const freeTrials = (state: HalfOpen, { trials }: BreakerSettings): number => trials - state.answered - trialsOut(state);

type Cause = { readonly nowMs: number; readonly why: string };

function open(book: BreakerBook, from: Closed | HalfOpen, cause: Cause & { readonly settings: BreakerSettings }): void {
  const times = from.kind === "closed" ? 1 : from.times + 1;
  const untilMs = cause.nowMs + openForMs(cause.settings, times);
  book.state = { kind: "open", times, untilMs };
  note(book, from, { ...cause, times, untilMs });
}

function halfOpen(book: BreakerBook, from: Open, nowMs: number): void {
  book.state = tryOut(from);
  note(book, from, { nowMs, why: "its time is over", times: from.times, untilMs: from.untilMs });
}

function close(book: BreakerBook, from: Open | HalfOpen, cause: Cause): void {
  book.state = { kind: "closed", window: [] };
  note(book, from, { ...cause, times: 0, untilMs: NEVER });
}

function dismiss(book: BreakerBook, nowMs: number): void {
  if (book.state.kind !== "closed") close(book, book.state, { nowMs, why: "the pool has no breaker any more" });
  else if (book.state.window.length > 0) book.state = { kind: "closed", window: [] };
}

function note(
  book: BreakerBook,
  from: { readonly kind: BreakerState },
  { nowMs, why, times, untilMs }: Cause & Pick<BreakerTransition, "times" | "untilMs">,
): void {
  const transition = { from: from.kind, to: book.state.kind, atMs: nowMs, times, untilMs: Math.max(untilMs, 0), why };
  book.recent = [transition, ...book.recent].slice(0, RECENT_MAX);
  book.unsaved.push(transition);
}
