// One isolate as the simulation knows it: the plane's LimiterDesk, spoken for in virtual time the way LimiterLine does it with
// promises: one call at a time, in the shard's pace, with a deadline, and peace for a shard that is down.

import type { LimiterReply } from "../../../src/contracts/limits.ts";
import { LatestTime } from "../../../src/isolate/latest-time.ts";
import type { TokenHold } from "../../../src/policies/limits/allowance.ts";
import { type Departure, LimiterDesk } from "../../../src/policies/limits/limiter-desk.ts";
import type { RateAccount, TokenOutcome } from "../../../src/policies/limits/rate-account.ts";
import type { EventQueue } from "../event-queue.ts";
import type { Arrival, JudgedKey } from "./judged-key.ts";
import type { LossyWire } from "./lossy-wire.ts";
import type { SkewedClock } from "./skewed-clock.ts";

type Surroundings = { readonly queue: EventQueue; readonly wire: LossyWire; readonly clock: SkewedClock };
type Waiting = {
  readonly key: JudgedKey;
  readonly arrival: Arrival;
  readonly account: RateAccount;
  readonly cost: number;
  readonly holdMs: 0;
  readonly settle: (outcome: TokenOutcome) => void;
};

/** As in src/isolate/limits/limiter-line.ts. */
const CALL_MS_MAX = 2_000;
const WAIT_MS_MAX = 5_000;
const DOWN_MS = 1_000;
const REMINDER_LOST_MS = 1_000;
const NEVER = Number.NEGATIVE_INFINITY;

export class SimulatedIsolate {
  readonly #desk: LimiterDesk;
  readonly #queue: EventQueue;
  readonly #wire: LossyWire;
  readonly #clock: SkewedClock;
  readonly #time: LatestTime;
  readonly #waiting = new Set<Waiting>();
  #isDead = false;
  /** The call that is out, by its number. */
  #flight: number | undefined;
  #flights = 0;
  #quietUntilMs = NEVER;
  #downUntilMs = NEVER;
  #reminderAtMs = NEVER;

  constructor(isolateId: string, { queue, wire, clock }: Surroundings) {
    this.#desk = new LimiterDesk(isolateId);
    this.#queue = queue;
    this.#wire = wire;
    this.#clock = clock;
    this.#time = new LatestTime(
      () => clock.read(),
      () => this.#dropLeases(),
    );
  }

  /** Admits at once, refuses at once, or lets it wait. */
  request(key: JudgedKey): void {
    const arrival = key.arrive(this.#queue.nowMs);
    const nowMs = this.#time.read();
    const account = this.#desk.rateAccount(key.name, key.rule);
    const hold = account.waiters.length === 0 ? account.allowance.take(key.cost, nowMs) : undefined;
    const waiting = this.#waitingFor(key, account, arrival);
    if (hold !== undefined) this.#spend(waiting, hold);
    else if (account.allowance.isDenied(nowMs)) key.deny(arrival);
    else if (this.#isDown()) key.leaveUnanswered(arrival);
    else this.#wait(waiting);
  }

  /** All it has been lent is lost, and so are its requests. */
  die(): void {
    this.#isDead = true;
    for (const { key, arrival } of this.#waiting) key.leaveUnanswered(arrival);
    this.#waiting.clear();
  }

  #waitingFor(key: JudgedKey, account: RateAccount, arrival: Arrival): Waiting {
    const settle = (outcome: TokenOutcome): void => this.#settle(waiting, outcome);
    const waiting: Waiting = { key, account, arrival, cost: key.cost, holdMs: 0, settle };
    return waiting;
  }

  #wait(waiting: Waiting): void {
    this.#waiting.add(waiting);
    this.#desk.waitForTokens(waiting.account, waiting);
    this.#queue.after(WAIT_MS_MAX, () => this.#giveUp(waiting));
    this.#fly();
  }

  #settle(waiting: Waiting, outcome: TokenOutcome): void {
    if (!this.#waiting.delete(waiting)) return;
    if (outcome === "denied") waiting.key.deny(waiting.arrival);
    else if (outcome === "failed") waiting.key.leaveUnanswered(waiting.arrival);
    else this.#spend(waiting, outcome);
  }

  #giveUp(waiting: Waiting): void {
    if (!this.#waiting.has(waiting)) return;
    this.#desk.leave(waiting.account, waiting);
    this.#settle(waiting, "failed");
  }

  #spend({ key, account, arrival }: Waiting, hold: TokenHold): void {
    key.admit(arrival, this.#queue.nowMs);
    account.allowance.spend(hold);
    if (!account.allowance.isLow(this.#clock.read())) return;
    this.#desk.press(account);
    this.#fly();
  }

  #isDown(): boolean {
    return this.#clock.read() < this.#downUntilMs;
  }

  #fly(): void {
    if (this.#flight !== undefined || this.#isDead || this.#isDown()) return;
    const flight = ++this.#flights;
    this.#flight = flight;
    // A turn later, so that what is asked for together leaves together.
    this.#queue.after(this.#quietUntilMs - this.#clock.read(), () => this.#depart(flight));
  }

  #depart(flight: number): void {
    if (this.#isDead) return;
    const departure = this.#desk.compose(this.#clock.read());
    if (departure === undefined) this.#land(flight);
    else this.#call(departure, flight);
  }

  #call(departure: Departure, flight: number): void {
    let isOut = true;
    const leftAt = this.#queue.nowMs;
    const answered = (reply: LimiterReply | undefined): void => {
      if (!isOut || this.#isDead) return;
      isOut = false;
      if (reply === undefined) this.#fail(departure);
      else this.#hear(departure, reply, this.#queue.nowMs - leftAt > departure.withinMs);
      this.#land(flight);
    };
    this.#queue.after(CALL_MS_MAX, () => answered(undefined));
    this.#wire.call(departure.call, answered);
  }

  #hear(departure: Departure, reply: LimiterReply, isLate: boolean): void {
    const nowMs = this.#clock.read();
    this.#rest(departure, this.#desk.hear(departure, reply, { nowMs, isLate }));
    this.#remind();
  }

  /** Those it spoke for are told so, and while the shard is down nobody else waits for it either. */
  #fail(departure: Departure): void {
    this.#downUntilMs = this.#clock.read() + DOWN_MS;
    this.#rest(departure, this.#desk.fail(departure));
    for (const waiting of this.#waiting) this.#giveUp(waiting);
  }

  #land(flight: number): void {
    if (this.#flight === flight) this.#flight = undefined;
    if (this.#desk.isPressed) this.#fly();
  }

  #rest({ askedAtMs }: Departure, paceMs: number): void {
    this.#quietUntilMs = Math.min(askedAtMs, this.#clock.read()) + paceMs;
  }

  #remind(): void {
    const atMs = this.#desk.tellAtMs;
    const nowMs = this.#clock.read();
    if (atMs === undefined) return;
    if (this.#reminderAtMs <= atMs && nowMs < this.#reminderAtMs + REMINDER_LOST_MS) return;
    this.#reminderAtMs = atMs;
    this.#queue.after(atMs - nowMs, () => {
      if (this.#reminderAtMs === atMs) this.#reminderAtMs = NEVER;
      this.#fly();
    });
  }

  #dropLeases(): void {
    this.#desk.dropLeases();
    // Whether it is still out, this clock can't tell: the next call need not wait for it.
    this.#flight = undefined;
    this.#quietUntilMs = NEVER;
    this.#downUntilMs = NEVER;
    this.#reminderAtMs = NEVER;
  }
}
