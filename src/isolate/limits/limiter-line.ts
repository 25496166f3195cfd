// An isolate's line to one shard of the limits: one call at a time for all its requests, in the shard's own pace, and peace for a
// shard that is down. What is said and what it means is LimiterDesk's. Used by limiter.ts only.

import type { LimiterCall, LimiterReply, RateRule, SlotRule } from "../../contracts/limits.ts";
import { waitAtMost, withDeadline } from "../../deadline.ts";
import { log } from "../../log.ts";
import { callLimiter } from "../../objects.ts";
import type { TokenHold } from "../../policies/limits/allowance.ts";
import { type Departure, LimiterDesk } from "../../policies/limits/limiter-desk.ts";
import type { RateAccount, TokenOutcome } from "../../policies/limits/rate-account.ts";
import type { SlotAccount, SlotOutcome } from "../../policies/limits/slot-account.ts";
import type { Access } from "../refreshed.ts";
import type { Asking } from "./limit-claim.ts";

/** Calls a shard. */
export type Exchange = (env: Env, shard: number, call: LimiterCall) => Promise<LimiterReply>;

export type LineOptions = {
  readonly isolateId: string;
  readonly shard: number;
  readonly exchange?: Exchange;
  /** Epoch ms. */
  readonly clock?: () => number;
};

/** One key under one limit as configured. */
export type KeyRate = { readonly account: RateAccount; readonly rule: RateRule; readonly cost: number };

/** `holdMs`: how long the request may keep them before it spends them. */
type Wanted = { readonly cost: number; readonly holdMs: number };
type Flight = { readonly askedAtMs: number; readonly landed: Promise<void> };

/** How long a call may take before the shard counts as down. */
const CALL_MS_MAX = 2_000;
/** How long a request waits in all, its turn included. */
const WAIT_MS_MAX = 5_000;
/** A call that is still out after this was cut together with its request. */
const FLIGHT_MS_MAX = 10_000;
/** After a failure nobody waits for this long. */
const DOWN_MS = 1_000;
/** A reminder not come by so long after its time was cut together with its request. */
const REMINDER_LOST_MS = 1_000;
const NEVER = Number.NEGATIVE_INFINITY;

const callShard: Exchange = (env, shard, call) => callLimiter(env, shard, (limiter) => limiter.exchange(call));

export class LimiterLine {
  readonly #desk: LimiterDesk;
  readonly #exchange: Exchange;
  readonly #shard: number;
  readonly #clock: () => number;
  #flight: Flight | undefined;
  #quietUntilMs = NEVER;
  #downUntilMs = NEVER;
  #reminderAtMs = NEVER;

  constructor({ isolateId, shard, exchange = callShard, clock = Date.now }: LineOptions) {
    this.#desk = new LimiterDesk(isolateId);
    this.#exchange = exchange;
    this.#shard = shard;
    this.#clock = clock;
  }

  rateAccount(key: string, rule: RateRule): RateAccount {
    return this.#desk.rateAccount(key, rule);
  }

  slotAccount(key: string, rule: SlotRule): SlotAccount {
    return this.#desk.slotAccount(key, rule);
  }

  /** Tokens for one request that waits: set aside, denied, or `failed` when the shard does not answer. */
  async waitForTokens(account: RateAccount, wanted: Wanted, access: Asking): Promise<TokenOutcome> {
    if (this.#isDown()) return "failed";
    const { promise, resolve } = Promise.withResolvers<TokenOutcome>();
    const waiter = { ...wanted, settle: resolve };
    this.#desk.waitForTokens(account, waiter);
    const outcome = await this.#settled(promise, access);
    if (outcome !== undefined) return outcome;
    // Who no longer waits has just been answered, and what was set aside for him must not be lost.
    return this.#desk.leave(account, waiter) ? "failed" : await promise;
  }

  /** What remains of the window now, without spending of it; undefined when the shard does not answer. */
  async look(account: RateAccount, access: Asking): Promise<number | undefined> {
    if (account.allowance.isDenied(this.#clock())) return 0;
    if (this.#isDown()) return undefined;
    const { promise, resolve } = Promise.withResolvers<number | undefined>();
    account.lookers.push(resolve);
    this.#desk.press(account);
    return await this.#settled(promise, access);
  }

  /** A slot for one request that waits. */
  async waitForSlot(account: SlotAccount, id: string, access: Asking): Promise<SlotOutcome> {
    if (this.#isDown()) return "failed";
    const { promise, resolve } = Promise.withResolvers<SlotOutcome>();
    account.wait({ id, settle: resolve });
    this.#desk.press(account);
    const outcome = await this.#settled(promise, access);
    if (outcome !== undefined) return outcome;
    this.releaseSlot(account, id, access);
    return "failed";
  }

  /** Its request goes on: the slot is renewed if it is time. */
  renewSlot(account: SlotAccount, id: string, access: Asking): void {
    account.goesOn(id, this.#clock());
    this.tell(access);
  }

  /** Told to the shard at once: others may be waiting for it. */
  releaseSlot(account: SlotAccount, id: string, access: Asking): void {
    account.release(id);
    this.#desk.press(account);
    this.tell(access);
  }

  /** Spends what is at hand, if it suffices and nobody would be overtaken. */
  spendAtHand({ account, rule, cost }: KeyRate, nowMs: number, asking: Asking): boolean {
    const { allowance, waiters, isForgotten } = account;
    if (isForgotten || waiters.length > 0 || !allowance.spendAtHand(cost, nowMs)) return false;
    allowance.rule = rule;
    this.#askIfLow(account, nowMs, asking);
    return true;
  }

  /** The request is admitted. */
  spend(account: RateAccount, hold: TokenHold, access: Access): void {
    account.allowance.spend(hold);
    this.#askIfLow(account, access.nowMs, access);
  }

  /** The request is not admitted: tokens go back while they still can. */
  putBack(account: RateAccount, hold: TokenHold, access: Asking): void {
    this.#desk.putBack(account, hold);
    if (this.#desk.isPressed) this.tell(access);
  }

  /** Calls in the background when there is something to say and nobody is saying it. */
  tell(access: Asking): void {
    if (!this.#isFlying() && !this.#isDown()) this.#ask(access);
  }

  /** Forgets what is leased: for a clock that stepped back. */
  dropLeases(): void {
    this.#desk.dropLeases();
    // By this clock nobody can tell how long it has been out.
    this.#flight = undefined;
    this.#quietUntilMs = NEVER;
    this.#downUntilMs = NEVER;
    this.#reminderAtMs = NEVER;
  }

  /** Every call that lands wakes all who wait; whoever is left over makes the next one. */
  async #settled<O>(outcome: Promise<O>, access: Asking): Promise<O | undefined> {
    let known: O | undefined;
    const heard = outcome.then((value) => {
      known = value;
    });
    for (const deadlineMs = this.#clock() + WAIT_MS_MAX; known === undefined; ) {
      const waitMs = deadlineMs - this.#clock();
      if (waitMs <= 0 || this.#isDown()) return undefined;
      // With nothing left to ask, the answer is on its way: another request's call has brought it.
      const isOut = this.#isFlying() || this.#desk.isPressed;
      await waitAtMost(isOut ? Promise.race([heard, this.#ask(access).landed]) : heard, waitMs);
    }
    return known;
  }

  /** Asks for more in good time. */
  #askIfLow(account: RateAccount, nowMs: number, asking: Asking): void {
    if (!account.allowance.isLow(nowMs)) return;
    this.#desk.press(account);
    this.tell(asking);
  }

  #isFlying(): boolean {
    return this.#flight !== undefined && this.#clock() - this.#flight.askedAtMs < FLIGHT_MS_MAX;
  }

  #isDown(): boolean {
    return this.#clock() < this.#downUntilMs;
  }

  /** The call that is out, or a new one, kept alive by this request. */
  #ask(access: Asking): Flight {
    if (this.#flight !== undefined && this.#isFlying()) return this.#flight;
    const flight: Flight = {
      askedAtMs: this.#clock(),
      landed: this.#fly(access).finally(() => this.#land(flight, access)),
    };
    this.#flight = flight;
    access.ctx.waitUntil(flight.landed);
    return flight;
  }

  #land(flight: Flight, access: Asking): void {
    if (this.#flight === flight) this.#flight = undefined;
    // Requests that wait go first: what is left to say goes along with their call.
    if (this.#desk.isPressed) access.ctx.waitUntil(scheduler.wait(0).then(() => this.tell(access)));
  }

  async #fly(access: Asking): Promise<void> {
    const quietMs = this.#quietUntilMs - this.#clock();
    if (quietMs > 0) await scheduler.wait(quietMs);
    const departure = this.#desk.compose(this.#clock());
    if (departure === undefined) return;
    let isLate = false;
    const lateness = setTimeout(() => (isLate = true), departure.withinMs);
    try {
      const reply = await withDeadline(this.#exchange(access.env, this.#shard, departure.call), CALL_MS_MAX);
      this.#rest(departure, this.#desk.hear(departure, reply, { nowMs: this.#clock(), isLate }));
      this.#remind(access);
    } catch (error) {
      log("warn", "limiter did not answer", { cause: String(error) });
      this.#downUntilMs = this.#clock() + DOWN_MS;
      this.#rest(departure, this.#desk.fail(departure));
    } finally {
      clearTimeout(lateness);
    }
  }

  /** A clock that stepped back meanwhile would make a short rest a long one. */
  #rest({ askedAtMs }: Departure, paceMs: number): void {
    this.#quietUntilMs = Math.min(askedAtMs, this.#clock()) + paceMs;
  }

  /** One timer for whatever is to be told unasked. */
  #remind(access: Asking): void {
    const atMs = this.#desk.tellAtMs;
    const nowMs = this.#clock();
    if (atMs === undefined) return;
    const isSet = this.#reminderAtMs <= atMs && nowMs < this.#reminderAtMs + REMINDER_LOST_MS;
    if (isSet) return;
    this.#reminderAtMs = atMs;
    access.ctx.waitUntil(this.#tellAt(atMs, access));
  }

  async #tellAt(atMs: number, access: Asking): Promise<void> {
    await scheduler.wait(Math.max(0, atMs - this.#clock()));
    if (this.#reminderAtMs === atMs) this.#reminderAtMs = NEVER;
    this.tell(access);
  }
}
