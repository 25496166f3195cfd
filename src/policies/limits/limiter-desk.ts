// An isolate's dealings with one shard: which keys it spends from, who waits, what the next call says, what its reply means.
// Pure: the clock comes in, the call is made by isolate/limits/limiter-line.ts, or by the simulation.

import type { LimiterAsk, LimiterCall, LimiterReply, RateRule, SlotRule, TokenWish } from "../../contracts/limits.ts";
import type { TokenHold } from "./allowance.ts";
import { longestHold, RateAccount, type TokenWaiter, type Waiters } from "./rate-account.ts";
import { RoundTrip } from "./round-trip.ts";
import { SlotAccount } from "./slot-account.ts";

type Account = RateAccount | SlotAccount;
/** An ask as it left, and the waiters it speaks for. */
type Sent =
  | { readonly account: RateAccount; readonly wish: TokenWish | undefined; readonly spokenFor: Waiters }
  | { readonly account: SlotAccount; readonly ids: readonly string[] };
export type Landed = { readonly nowMs: number; readonly isLate: boolean };
export type Departure = {
  readonly call: LimiterCall;
  readonly sent: readonly Sent[];
  readonly askedAtMs: number;
  /** Tokens for requests that wait must have come by then: its caller starts a timer. */
  readonly withinMs: number;
};

/** Keys remembered; what was leased for a forgotten one lapses. */
const ACCOUNTS_MAX = 20_000;
/** Asks in one call: what an object works off without keeping others waiting. */
const ASKS_MAX = 500;

export class LimiterDesk {
  readonly #isolateId: string;
  readonly #accounts = new Map<string, Account>();
  /** With something to say in the next call. */
  readonly #pressing = new Set<Account>();
  /** With something to say later. */
  readonly #telling = new Set<Account>();
  readonly #trip = new RoundTrip();
  #leases = 0;
  #calls = 0;
  #paceMs = 0;
  #wasLate = false;

  constructor(isolateId: string) {
    this.#isolateId = isolateId;
  }

  rateAccount(key: string, rule: RateRule): RateAccount {
    const known = this.#accounts.get(key);
    if (known instanceof RateAccount) {
      known.allowance.rule = rule;
      return known;
    }
    return this.#remember(key, new RateAccount(key, rule));
  }

  slotAccount(key: string, rule: SlotRule): SlotAccount {
    const known = this.#accounts.get(key);
    if (known instanceof SlotAccount) {
      known.rule = rule;
      return known;
    }
    return this.#remember(key, new SlotAccount(key, rule));
  }

  /** Calls back once: when the shard has answered for this request, or when it did not. */
  waitForTokens(account: RateAccount, waiter: TokenWaiter): void {
    account.waiters.push(waiter);
    this.#pressing.add(account);
  }

  /** Gives up waiting; false for who has been answered already. */
  leave(account: RateAccount, waiter: TokenWaiter): boolean {
    const at = account.waiters.indexOf(waiter);
    if (at !== -1) account.waiters.splice(at, 1);
    return at !== -1;
  }

  /** The request is not admitted after all; what was lent for it alone goes back with the next call. */
  putBack(account: RateAccount, hold: TokenHold): void {
    if (!account.allowance.putBack(hold)) return;
    this.#pressing.add(account);
    // While others still hold tokens of that lease, it is told of later.
    this.#telling.add(account);
  }

  /** Something to say for this key in the next call. */
  press(account: Account): void {
    this.#pressing.add(account);
  }

  get isPressed(): boolean {
    return this.#pressing.size > 0;
  }

  /** When the shard should be told something unasked, epoch ms; undefined while there is nothing. */
  get tellAtMs(): number | undefined {
    let at: number | undefined;
    for (const account of this.#telling) {
      const own = tellAtOf(account);
      if (own === undefined) this.#telling.delete(account);
      else at = Math.min(at ?? own, own);
    }
    return at;
  }

  /** The next call, or undefined when there is nothing to say. */
  compose(nowMs: number): Departure | undefined {
    for (const account of this.#telling) if ((tellAtOf(account) ?? nowMs + 1) <= nowMs) this.#pressing.add(account);
    const asks: LimiterAsk[] = [];
    const sent: Sent[] = [];
    for (const account of this.#pressing) {
      if (asks.length === ASKS_MAX) break;
      this.#pressing.delete(account);
      const ask = account instanceof RateAccount ? this.#askTokens(account, nowMs) : account.ask(nowMs);
      if (ask === undefined) continue;
      asks.push(ask.ask);
      sent.push(ask.sent);
    }
    if (asks.length === 0) return undefined;
    const call = { isolateId: this.#isolateId, callId: ++this.#calls, asks, paceMs: this.#paceMs };
    return { call, sent, askedAtMs: nowMs, withinMs: this.#trip.withinMs };
  }

  /**
   * `isLate`: the reply took longer than the departure's `withinMs`, by a timer. Returns how long the shard is to be left in peace,
   * counted from the departure: not at all when what was granted came too late, for it is to be given back soon. A shard that is
   * late time and again is left in peace all the same.
   */
  hear({ sent, askedAtMs, withinMs }: Departure, { answers, paceMs }: LimiterReply, landed: Landed): number {
    const { nowMs } = landed;
    // Both: a clock may have been set back, and a timer may be due but not heard of in an isolate that was held up.
    const isLate = landed.isLate || nowMs - askedAtMs > withinMs;
    let lateInAll = 0;
    this.#trip.note(nowMs - askedAtMs);
    this.#paceMs = paceMs;
    for (const [index, one] of sent.entries()) {
      const answer = answers[index];
      if ("ids" in one) {
        if (answer?.kind === "slots") one.account.hear(answer, one.ids, nowMs);
      } else if (answer?.kind === "rate") {
        const { allowance, lookers } = one.account;
        let late = 0;
        if (one.wish === undefined) allowance.look(answer, nowMs);
        else late = allowance.hear(answer, { wish: one.wish, askedAtMs, nowMs, isLate });
        lateInAll += late;
        for (const look of lookers.splice(0)) look(answer.remaining);
        this.#serve(one.account, { spokenFor: one.spokenFor, late }, nowMs);
        if (allowance.closeAtOnce()) this.#pressing.add(one.account);
      }
      if (tellAtOf(one.account) !== undefined) this.#telling.add(one.account);
    }
    const isHasty = lateInAll > 0 && !this.#wasLate;
    this.#wasLate = lateInAll > 0;
    return isHasty ? 0 : paceMs;
  }

  /**
   * The call was not answered: those it spoke for are told so. What it reported lapses by itself. Returns how long the shard is to be
   * left in peace, counted from the departure: as long as it last said.
   */
  fail({ sent }: Departure): number {
    for (const one of sent) {
      if ("ids" in one) {
        one.account.fail(one.ids);
        if (!one.account.isIdle) this.#pressing.add(one.account);
      } else {
        const { waiters, allowance } = one.account;
        if (one.wish !== undefined) allowance.miss(one.wish);
        const all = waiters.splice(0);
        waiters.push(...all.filter((waiter) => !one.spokenFor.has(waiter)));
        for (const waiter of all) if (one.spokenFor.has(waiter)) waiter.settle("failed");
        for (const look of one.account.lookers.splice(0)) look(undefined);
      }
    }
    return this.#paceMs;
  }

  /** Nothing leased is valid any longer, and every slot held had better be renewed: for a clock that stepped back. */
  dropLeases(): void {
    for (const [key, account] of this.#accounts) {
      if (!(account instanceof RateAccount)) continue;
      account.allowance.drop();
      if (account.isIdle) this.#forget(key, account);
    }
    for (const account of this.#telling) {
      if (account instanceof RateAccount) this.#telling.delete(account);
      else account.renewAll();
    }
  }

  #askTokens(account: RateAccount, nowMs: number): { readonly ask: LimiterAsk; readonly sent: Sent } | undefined {
    const { allowance, waiters, lookers, key } = account;
    const reports = allowance.report(nowMs);
    const waiting = waiters.reduce((sum, { cost }) => sum + cost, 0);
    const wants = waiting > 0 || allowance.isLow(nowMs);
    if (!wants && reports.length + lookers.length === 0) return undefined;
    const leaseId = `${this.#isolateId}.${++this.#leases}`;
    const withinMs = this.#trip.withinMs + longestHold(waiters);
    const wish = wants ? allowance.wish(leaseId, waiting, { cost: waiters[0]?.cost ?? 1, nowMs, withinMs }) : undefined;
    const ask: LimiterAsk = { kind: "rate", key, rule: allowance.rule, reports, ...(wish !== undefined && { wish }) };
    return { ask, sent: { account, wish, spokenFor: new Set(waiters) } };
  }

  /**
   * Those the call spoke for get theirs or a refusal; those who came later wait on, unless it is known to be in vain.
   * Whose tokens came too late was not refused: he is asked for again.
   */
  #serve(account: RateAccount, { spokenFor, late }: { spokenFor: Waiters; late: number }, nowMs: number): void {
    const { allowance, waiters } = account;
    const later: TokenWaiter[] = [];
    const holdMs = longestHold(spokenFor);
    let lost = late;
    for (const waiter of waiters.splice(0)) {
      // Who may keep them for longer than the shard was told has to be asked for again.
      const hold = waiter.holdMs <= holdMs ? allowance.take(waiter.cost, nowMs) : undefined;
      const isLost = hold === undefined && spokenFor.has(waiter) && lost >= waiter.cost;
      if (isLost) lost -= waiter.cost;
      if (hold !== undefined) waiter.settle(hold);
      else if (isLost) later.push(waiter);
      else if (spokenFor.has(waiter) || allowance.isDenied(nowMs)) waiter.settle("denied");
      else later.push(waiter);
    }
    waiters.push(...later);
    if (later.length > 0) this.#pressing.add(account);
  }

  #remember<A extends Account>(key: string, account: A): A {
    const other = this.#accounts.get(key);
    if (other !== undefined) this.#forget(key, other);
    if (this.#accounts.size >= ACCOUNTS_MAX) this.#forgetOlderHalf();
    this.#accounts.set(key, account);
    return account;
  }

  #forgetOlderHalf(): void {
    for (const [key, account] of this.#accounts) {
      if (this.#accounts.size <= ACCOUNTS_MAX / 2) return;
      if (account.isIdle) this.#forget(key, account);
    }
  }

  #forget(key: string, account: Account): void {
    this.#accounts.delete(key);
    if (account instanceof RateAccount) account.isForgotten = true;
  }
}

const tellAtOf = (account: Account): number | undefined =>
  account instanceof RateAccount ? account.tellAtMs : account.renewAtMs;
