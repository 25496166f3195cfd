// One key as its shard keeps it, whatever kind its limit is of: what is stored, and what one ask makes of it.

import type { LimiterAsk, LimitStatus, RateAnswer, SlotAnswer } from "../../contracts/limits.ts";
import { type RateState, RateWindow } from "./rate-window.ts";
import { SlotBook, type SlotState } from "./slot-book.ts";

export type LimitState = ({ readonly kind: "rate" } & RateState) | ({ readonly kind: "slots" } & SlotState);

export type Served = {
  readonly answer: RateAnswer | SlotAnswer;
  readonly state: LimitState;
  readonly idleAt: number;
};

/** What one isolate's ask makes of a key's state, and what it is answered. A state of the other kind is that of an older limit: it is dropped. */
export function serveAsk(
  ask: LimiterAsk,
  isolateId: string,
  stored: { state: LimitState | undefined; nowMs: number },
): Served {
  const { state, nowMs } = stored;
  if (ask.kind === "slots") {
    const book = new SlotBook(nowMs, state?.kind === "slots" ? state : undefined);
    const answer = book.serve({ ...ask, ...ask.rule, isolateId });
    return { answer, state: { kind: "slots", ...book.toState() }, idleAt: book.idleAt };
  }
  const { limit, windowMs } = ask.rule;
  const window = new RateWindow(windowMs, nowMs, state?.kind === "rate" ? state : undefined);
  for (const report of ask.reports) window.settle(report);
  const answer = ask.wish === undefined ? window.view(limit) : window.grant({ isolateId, wish: ask.wish, limit });
  return { answer, state: { kind: "rate", ...window.toState() }, idleAt: window.idleAt };
}

/** The key as an operator is shown it. */
export function describeState(state: LimitState, nowMs: number): LimitStatus {
  if (state.kind === "slots") {
    const book = new SlotBook(nowMs, state);
    const leases = book.slots.map(({ id, isolateId, endsAt }) => ({
      leaseId: id,
      isolateId,
      tokens: 1,
      used: 1,
      endsInMs: endsAt - nowMs,
    }));
    return { kind: "slots", used: leases.length, releaseInMs: book.releaseInMs, leases };
  }
  const window = new RateWindow(state.windowMs, nowMs, state);
  const leases = window.leases.map(({ id, isolateId, tokens, used, endsAt }) => ({
    leaseId: id,
    isolateId,
    tokens,
    used,
    endsInMs: endsAt - nowMs,
  }));
  return { kind: "rate", used: window.used, releaseInMs: window.releaseInMs, leases };
}

/** Forgets what was spent; what is leased or held stays, for it may go on. */
export function resetState(state: LimitState, nowMs: number): { readonly state: LimitState; readonly idleAt: number } {
  if (state.kind === "slots") return { state, idleAt: new SlotBook(nowMs, state).idleAt };
  const window = new RateWindow(state.windowMs, nowMs, state);
  window.reset();
  return { state: { kind: "rate", ...window.toState() }, idleAt: window.idleAt };
}

/** Gives back up to `tokens` of what was spent, and says how many. Slots come back by being released. */
export function refundState(
  state: LimitState,
  tokens: number,
  nowMs: number,
): { readonly state: LimitState; readonly idleAt: number; readonly refunded: number } {
  if (state.kind === "slots") return { state, idleAt: new SlotBook(nowMs, state).idleAt, refunded: 0 };
  const window = new RateWindow(state.windowMs, nowMs, state);
  const refunded = window.refund(tokens);
  return { state: { kind: "rate", ...window.toState() }, idleAt: window.idleAt, refunded };
}
