// One key as its shard keeps it, whatever kind its limit is of: what is stored, and what one ask makes of it.

import type { LimiterAsk, LimitRule, LimitStatus, RateAnswer, SlotAnswer } from "../../contracts/limits.ts";
import { type RateState, RateWindow } from "./rate-window.ts";
import { SlotBook, type SlotState } from "./slot-book.ts";

export type LimitState =
  | ({ readonly kind: "rate"; readonly refund?: RefundDone } & RateState)
  | ({ readonly kind: "slots" } & SlotState);

/** The latest refund: a call that is repeated because its answer was lost must not give back twice. */
type RefundDone = { readonly id: string; readonly refunded: number };

/** What is to be stored; from `idleAt` on (epoch ms) nothing in it counts. */
export type LimitChange = { readonly state: LimitState; readonly idleAt: number };

export type Served = {
  readonly answer: RateAnswer | SlotAnswer;
  /** To be stored; undefined when the ask was only a question. */
  readonly change: LimitChange | undefined;
};

/** `isRepeated`: the call is a copy of one that was served, or has been overtaken (call-order.ts). */
export type Moment = {
  readonly state: LimitState | undefined;
  readonly nowMs: number;
  readonly isRepeated?: boolean;
};

/**
 * What one isolate's ask makes of a key's state, and what it is answered. A state of the other kind is that of an older limit: it is
 * dropped for who wants something, and left alone by who only tells how what it once got has ended.
 */
export function serveAsk(ask: LimiterAsk, isolateId: string, { state, nowMs, isRepeated = false }: Moment): Served {
  const isOutdated = state !== undefined && state.kind !== ask.kind;
  if (ask.kind === "slots") {
    if (isOutdated && ask.wanted.length === 0) return { answer: NO_SLOTS, change: undefined };
    const book = new SlotBook(nowMs, state?.kind === "slots" ? state : undefined);
    const answer = book.serve({ ...ask, ...ask.rule, isolateId, wanted: isRepeated ? [] : ask.wanted });
    return { answer, change: { state: { kind: "slots", ...book.toState() }, idleAt: book.idleAt } };
  }
  const { limit, windowMs } = ask.rule;
  const window = new RateWindow(windowMs, nowMs, state?.kind === "rate" ? state : undefined);
  for (const report of ask.reports) window.settle(report);
  const wish = isRepeated && !window.holds(ask.wish?.leaseId) ? undefined : ask.wish;
  const answer = wish === undefined ? window.view(limit) : window.grant({ isolateId, wish, limit });
  const isQuestion = ask.wish === undefined && (ask.reports.length === 0 || isOutdated);
  return { answer, change: isQuestion ? undefined : changeTo(window, state) };
}

const NO_SLOTS: SlotAnswer = { kind: "slots", held: [], remaining: 0 };

/** What is stored as the rule in force counts it: nothing of the other kind, and spent tokens for that rule's window. */
export function stateUnder(rule: LimitRule, state: LimitState | undefined, nowMs: number): LimitState {
  if (rule.kind === "slots")
    return { kind: "slots", ...new SlotBook(nowMs, state?.kind === "slots" ? state : undefined).toState() };
  return changeTo(new RateWindow(rule.windowMs, nowMs, state?.kind === "rate" ? state : undefined), state).state;
}

const changeTo = (window: RateWindow, before: LimitState | undefined): LimitChange => ({
  state: { kind: "rate", ...refundIn(before), ...window.toState() },
  idleAt: window.idleAt,
});

const refundIn = (state: LimitState | undefined): { readonly refund?: RefundDone } =>
  state?.kind === "rate" && state.refund !== undefined ? { refund: state.refund } : {};

/** The key as an operator is shown it. A lease that has ended still counts for a while: it may have been spent. */
export function describeState(state: LimitState, nowMs: number): LimitStatus {
  if (state.kind === "slots") {
    const book = new SlotBook(nowMs, state);
    const leases = book.slots.map(({ id, isolateId, endsAt }) => ({
      leaseId: id,
      isolateId,
      tokens: 1,
      used: 1,
      endsInMs: Math.max(0, endsAt - nowMs),
    }));
    return { kind: "slots", used: leases.length, releaseInMs: book.releaseInMs, leases };
  }
  const window = new RateWindow(state.windowMs, nowMs, state);
  const leases = window.leases.map(({ id, isolateId, tokens, used, endsAt }) => ({
    leaseId: id,
    isolateId,
    tokens,
    used,
    endsInMs: Math.max(0, endsAt - nowMs),
  }));
  return { kind: "rate", used: window.used, releaseInMs: window.releaseInMs, leases };
}

/** Forgets what was spent; what is leased or held stays, for it may go on. */
export function resetState(state: LimitState, nowMs: number): LimitChange {
  if (state.kind === "slots") return { state, idleAt: new SlotBook(nowMs, state).idleAt };
  const window = new RateWindow(state.windowMs, nowMs, state);
  window.reset();
  return changeTo(window, state);
}

/** Gives back up to `tokens` of what was spent, and says how many; the same id again changes nothing. Slots come back by being released. */
export function refundState(
  state: LimitState,
  { id, tokens }: { readonly id: string; readonly tokens: number },
  nowMs: number,
): LimitChange & { readonly refunded: number } {
  if (state.kind === "slots") return { state, idleAt: new SlotBook(nowMs, state).idleAt, refunded: 0 };
  const window = new RateWindow(state.windowMs, nowMs, state);
  const refund = state.refund?.id === id ? state.refund : { id, refunded: window.refund(tokens) };
  return { ...changeTo(window, { ...state, refund }), refunded: refund.refunded };
}
