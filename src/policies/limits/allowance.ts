// What an isolate may spend of one key's window without asking: the leases it holds, and what it was refused.
// Spends nothing twice and nothing after a lease's end on the isolate's own clock, counted from before it asked.
// Pure: the clock comes in as an argument. Filled and emptied by limiter-desk.ts.

import type { LeaseReport, RateAnswer, RateRule, TokenWish } from "../../contracts/limits.ts";
import { HOLD_MS_MAX } from "./lease-size.ts";

/** Tokens set aside for one request until it is known whether all its limits admit it. */
export type TokenHold = { readonly lease: HeldLease; readonly cost: number };

type HeldLease = {
  readonly id: string;
  readonly tokens: number;
  untilMs: number;
  /** When the shard had better hear of it, epoch ms. */
  tellAtMs: number;
  /** For those alone who waited when it came: they take from it in that moment, and nobody later. */
  readonly isAtOnce: boolean;
  isOpen: boolean;
  used: number;
  held: number;
  reported: number;
};

/** What was asked, when before it left, and when the answer came: the isolate's clock. */
export type Heard = {
  readonly wish: TokenWish;
  readonly askedAtMs: number;
  readonly nowMs: number;
  /** It took longer than the wish allowed, by a timer. */
  readonly isLate: boolean;
};

/** What a request is told that is refused, or admitted with headers. */
export type WindowView = { readonly remaining: number; readonly releaseInMs: number };

/** A denial is remembered until tokens come free, and no longer than this. */
const DENIAL_MS_MAX = 1_000;
/** Nothing is asked for in advance for this long after nothing was lent so. */
const NONE_IN_ADVANCE_MS = 1_000;
/** Spare tokens are for what this isolate spends in this share of the window: less costs calls, more costs what is lent and not spent. */
const HORIZON_SHARE = 0.05;
const HORIZON_MS_MAX = 3_000;
/** Fewer save no call worth the tokens that isolates take with them when they end. */
const SPARE_MIN = 10;
/** The rate is averaged over about this time: two requests that come close together are none. */
const RATE_MS = 1_000;
/** Spare tokens not used by this share of their time are given back. */
const GIVE_BACK_SHARE = 0.75;
/** Leases that did not arrive or came too late are given back with the next call; beyond so many they lapse. */
const MISSED_MAX = 8;

export class Allowance {
  rule: RateRule;
  #leases: HeldLease[] = [];
  /** Ids of leases that were asked for and are never spent from: their answers came too late or not at all. */
  #missed: string[] = [];
  #deniedUntilMs = Number.NEGATIVE_INFINITY;
  #releaseAtMs = 0;
  #noneInAdvanceUntilMs = Number.NEGATIVE_INFINITY;
  #remaining = 0;
  #spentSinceAsk = 0;
  /** What is spent here, tokens per ms. */
  #perMs = 0;
  #askedAtMs = Number.NEGATIVE_INFINITY;

  constructor(rule: RateRule) {
    this.rule = rule;
  }

  /** Tokens set aside, or undefined when none of the leases holds enough. */
  take(cost: number, nowMs: number): TokenHold | undefined {
    const lease = this.#leaseWith(cost, nowMs);
    if (lease === undefined) return undefined;
    lease.held += cost;
    return { lease, cost };
  }

  /** Spends without setting aside; false when none of the leases holds enough. */
  spendAtHand(cost: number, nowMs: number): boolean {
    const lease = this.#leaseWith(cost, nowMs);
    if (lease === undefined) return false;
    lease.used += cost;
    this.#spentSinceAsk += cost;
    return true;
  }

  /** The request is admitted: its tokens are spent. */
  spend({ lease, cost }: TokenHold): void {
    lease.held -= cost;
    lease.used += cost;
    this.#spentSinceAsk += cost;
  }

  /**
   * The request is not admitted after all. Returns whether the shard had better hear of it at once: tokens lent for those who
   * waited would else lapse and count as spent.
   */
  putBack({ lease, cost }: TokenHold): boolean {
    lease.held -= cost;
    if (lease.isAtOnce) lease.tellAtMs = 0;
    return lease.isAtOnce;
  }

  isDenied(nowMs: number): boolean {
    return nowMs < this.#deniedUntilMs;
  }

  view(nowMs: number): WindowView {
    let left = 0;
    for (const { tokens, used, untilMs } of this.#leases) if (nowMs < untilMs) left += tokens - used;
    return { remaining: this.#remaining + left, releaseInMs: Math.max(0, this.#releaseAtMs - nowMs) };
  }

  /** Whether half of what was lent in advance is gone, so that more should be on its way. */
  isLow(nowMs: number): boolean {
    const newest = this.#leases.at(-1);
    if (newest === undefined || nowMs >= newest.untilMs || nowMs < this.#noneInAdvanceUntilMs) return false;
    return (newest.tokens - newest.used) * 2 < newest.tokens;
  }

  /** When the shard should hear from this isolate unasked; undefined when there is nothing to tell. */
  get tellAtMs(): number | undefined {
    let at: number | undefined;
    for (const { tellAtMs } of this.#leases) at = Math.min(at ?? tellAtMs, tellAtMs);
    return at;
  }

  get isEmpty(): boolean {
    return this.#leases.length === 0;
  }

  /** What is to be told of the leases. Those that are done are no longer spent from, whether or not the report arrives. */
  report(nowMs: number): readonly LeaseReport[] {
    const reports: LeaseReport[] = [];
    for (const lease of this.#leases) {
      const done = lease.held === 0 && (lease.used === lease.tokens || nowMs >= lease.tellAtMs);
      if (lease.used === lease.reported && !done) continue;
      lease.reported = lease.used;
      reports.push({ leaseId: lease.id, used: lease.used, done });
    }
    for (const leaseId of this.#missed.splice(0)) reports.push({ leaseId, used: 0, done: true });
    const over = new Set(reports.filter(({ done }) => done).map(({ leaseId }) => leaseId));
    // What is still set aside of a lease that has ended may be of a request that was cut, and never comes back.
    this.#leases = this.#leases.filter(({ id, untilMs }) => !over.has(id) && nowMs < untilMs);
    return reports;
  }

  /** What to ask for when `waiting` tokens are wanted now; beyond them, what is spent here for a while at the present rate. */
  wish(
    leaseId: string,
    waiting: number,
    { cost, nowMs, withinMs }: { readonly cost: number; readonly nowMs: number; readonly withinMs: number },
  ): TokenWish {
    const elapsedMs = Math.max(1, nowMs - this.#askedAtMs);
    const weight = 1 - Math.exp(-elapsedMs / RATE_MS);
    this.#perMs += (this.#spentSinceAsk / elapsedMs - this.#perMs) * weight;
    const horizonMs = Math.min(HORIZON_MS_MAX, this.rule.windowMs * HORIZON_SHARE);
    const wanted = (this.#perMs * horizonMs) / cost;
    const spare = wanted < SPARE_MIN ? 0 : Math.floor(wanted) * cost;
    this.#spentSinceAsk = 0;
    this.#askedAtMs = nowMs;
    return { leaseId, waiting, cost, spare, withinMs };
  }

  /** Takes in what the shard granted, or remembers that it did not. Returns how many tokens came too late for those who wait. */
  hear(answer: RateAnswer, { wish, askedAtMs, nowMs, isLate }: Heard): number {
    this.look(answer, nowMs);
    const untilMs = askedAtMs + answer.validMs;
    // A clock that stepped back meanwhile can't tell when the lease ends.
    const isAtOnce = answer.granted <= wish.waiting;
    const isValid = askedAtMs <= nowMs && nowMs < untilMs && !(isAtOnce && isLate);
    if (answer.granted > 0 && isValid) this.#leases.push(heldLease(answer, wish, { askedAtMs, nowMs }));
    else if (answer.granted > 0) this.miss(wish);
    if (isAtOnce) this.#noneInAdvanceUntilMs = nowMs + NONE_IN_ADVANCE_MS;
    const isDenied = answer.granted < wish.waiting && answer.remaining < wish.cost;
    this.#deniedUntilMs = isDenied
      ? nowMs + Math.min(DENIAL_MS_MAX, answer.releaseInMs || DENIAL_MS_MAX)
      : Number.NEGATIVE_INFINITY;
    return isValid ? 0 : Math.min(answer.granted, wish.waiting);
  }

  /** Whatever was granted for this wish is not spent. */
  miss({ leaseId }: TokenWish): void {
    if (this.#missed.length < MISSED_MAX) this.#missed.push(leaseId);
  }

  /** Those who waited have taken theirs. Returns whether something is left over that had better go back at once. */
  closeAtOnce(): boolean {
    let isLeft = false;
    for (const lease of this.#leases) {
      if (!lease.isAtOnce || !lease.isOpen) continue;
      lease.isOpen = false;
      if (lease.used + lease.held === lease.tokens) continue;
      lease.tellAtMs = 0;
      isLeft = true;
    }
    return isLeft;
  }

  /** Nothing leased is valid any longer, what is set aside neither, nor what is remembered by the clock: for one that stepped back. */
  drop(): void {
    for (const lease of this.#leases) lease.untilMs = Number.NEGATIVE_INFINITY;
    this.#leases = [];
    this.#deniedUntilMs = Number.NEGATIVE_INFINITY;
    this.#noneInAdvanceUntilMs = Number.NEGATIVE_INFINITY;
  }

  /** Takes in how the window stands. */
  look(answer: RateAnswer, nowMs: number): void {
    this.#remaining = answer.remaining;
    this.#releaseAtMs = nowMs + answer.releaseInMs;
  }

  #leaseWith(cost: number, nowMs: number): HeldLease | undefined {
    for (const lease of this.#leases)
      if (lease.isOpen && nowMs < lease.untilMs && lease.tokens - lease.used - lease.held >= cost) return lease;
    return undefined;
  }
}

/** What came for those who wait is theirs in this moment; what was lent in advance, until its end less what giving it back takes. */
function heldLease(
  { granted, validMs }: RateAnswer,
  wish: TokenWish,
  { askedAtMs, nowMs }: { readonly askedAtMs: number; readonly nowMs: number },
): HeldLease {
  const isAtOnce = granted <= wish.waiting;
  return {
    id: wish.leaseId,
    tokens: granted,
    untilMs: isAtOnce ? nowMs + HOLD_MS_MAX : askedAtMs + validMs,
    tellAtMs: isAtOnce ? Number.POSITIVE_INFINITY : askedAtMs + validMs * GIVE_BACK_SHARE,
    isAtOnce,
    isOpen: true,
    used: 0,
    held: 0,
    reported: 0,
  };
}
