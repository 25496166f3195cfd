// Isolates that do what they like with what one window lends them, in true time: the slow, exact log the window is judged by.

import type { LeaseReport, RateAnswer, TokenWish } from "../../../src/contracts/limits.ts";
import { type RateState, RateWindow } from "../../../src/policies/limits/rate-window.ts";

/** By how much later than its timers say an isolate may spend what came for requests that wait. */
export const TIMERS_MS = 10;

/** One thing that happens. `which` picks among the leases or reports there are, `share` of what there is to spend. */
export type Step =
  | {
      readonly kind: "ask";
      readonly isolate: number;
      readonly waiting: number;
      readonly spare: number;
      readonly withinMs: number;
      readonly travelMs: number;
      readonly driftMs: number;
      readonly isLost: boolean;
    }
  | { readonly kind: "repeat"; readonly which: number; readonly afterMs: number; readonly driftMs: number }
  | { readonly kind: "spend"; readonly which: number; readonly share: number }
  | { readonly kind: "spend-last-moment"; readonly which: number }
  | {
      readonly kind: "report";
      readonly which: number;
      readonly done: boolean;
      readonly fate: "arrives" | "late" | "lost";
    }
  | { readonly kind: "give-up"; readonly which: number; readonly fate: "arrives" | "late" | "lost" }
  | { readonly kind: "deliver"; readonly which: number }
  | { readonly kind: "report-unknown" }
  | { readonly kind: "pass"; readonly ms: number }
  | { readonly kind: "pass-windows"; readonly share: number }
  | { readonly kind: "await-release" }
  | { readonly kind: "step-back"; readonly ms: number }
  | { readonly kind: "glitch"; readonly ms: number }
  | { readonly kind: "restore" }
  | { readonly kind: "change-window"; readonly windowMs: number };

type Lease = {
  readonly isolateId: string;
  readonly wish: TokenWish;
  /** Before its isolate asked, true time. */
  readonly askedAtMs: number;
  tokens: number;
  used: number;
  /** True time; undefined while its isolate has not heard of it. It is spent before this or not at all. */
  untilMs: number | undefined;
  isOver: boolean;
};

export type Spend = { readonly atMs: number; readonly tokens: number };

export class WindowHistory {
  readonly spends: Spend[] = [];
  /** Any promise holds for the shortest window that was in force. */
  shortestMs: number;
  readonly limit: number;
  readonly #cost: number;
  #windowMs: number;
  #window: RateWindow;
  #nowMs = 1_000_000;
  /** The shard's clock less the true time. */
  #offsetMs = 0;
  readonly #leases: Lease[] = [];
  readonly #reports: LeaseReport[] = [];

  constructor({ limit, windowMs, cost }: { limit: number; windowMs: number; cost: number }) {
    this.limit = limit;
    this.#cost = cost;
    this.#windowMs = windowMs;
    this.shortestMs = windowMs;
    this.#window = new RateWindow(windowMs, this.#nowMs);
  }

  get window(): RateWindow {
    return this.#window;
  }

  get windowMs(): number {
    return this.#windowMs;
  }

  /** The shard's clock. */
  get clockMs(): number {
    return this.#nowMs + this.#offsetMs;
  }

  take(step: Step): void {
    if (step.kind === "ask") this.#ask(step);
    else if (step.kind === "repeat") this.#repeat(step);
    else if (step.kind === "spend") this.#spend(this.#pick(step.which), step.share);
    else if (step.kind === "spend-last-moment") this.#spendLastMoment(this.#pick(step.which));
    else if (step.kind === "report") this.#report(step);
    else if (step.kind === "give-up") this.#giveUp(step);
    else if (step.kind === "deliver") this.#deliver(step.which);
    else if (step.kind === "report-unknown") this.#window.settle({ leaseId: "unknown", used: 1_000, done: true });
    else if (step.kind === "pass") this.pass(step.ms);
    else if (step.kind === "pass-windows") this.pass(Math.round(this.#windowMs * step.share));
    else if (step.kind === "await-release") this.pass(this.#window.releaseInMs);
    else this.#disturb(step);
  }

  #disturb(step: Extract<Step, { kind: "step-back" | "glitch" | "change-window" | "restore" }>): void {
    if (step.kind === "step-back") this.#offsetMs -= step.ms;
    if (step.kind === "change-window") {
      this.#windowMs = step.windowMs;
      this.shortestMs = Math.min(this.shortestMs, step.windowMs);
    }
    // One wrong reading: the next is right again.
    this.#reopen(this.clockMs - (step.kind === "glitch" ? step.ms : 0));
  }

  /** Every isolate spends what it has left, as late as it may. */
  finish(): void {
    const last = this.#leases.filter((lease) => this.#isOpen(lease));
    for (const lease of last.toSorted((a, b) => (a.untilMs ?? 0) - (b.untilMs ?? 0))) this.#spendLastMoment(lease);
  }

  pass(ms: number): void {
    this.#nowMs += ms;
    this.#reopen();
  }

  /** The object is gone and starts anew from what it has stored. */
  #reopen(clockMs = this.clockMs): void {
    const stored = JSON.parse(JSON.stringify(this.#window.toState())) as RateState;
    this.#window = new RateWindow(this.#windowMs, clockMs, stored);
  }

  #ask({ isolate, waiting, spare, withinMs, travelMs, driftMs, isLost }: Extract<Step, { kind: "ask" }>): void {
    const askedAtMs = this.#nowMs;
    this.pass(travelMs);
    const cost = this.#cost;
    const leaseId = `lease-${this.#leases.length}`;
    const wish: TokenWish = { leaseId, waiting: waiting * cost, cost, spare: spare * cost, withinMs };
    const isolateId = `isolate-${isolate}`;
    const answer = this.#window.grant({ isolateId, wish, limit: this.limit });
    const lease: Lease = { isolateId, wish, askedAtMs, tokens: 0, used: 0, untilMs: undefined, isOver: false };
    if (!isLost) hear(lease, answer, driftMs);
    this.#leases.push(lease);
  }

  /** The same message again, by a retry or by the network: who has heard already, or has given up, knows better. */
  #repeat({ which, afterMs, driftMs }: Extract<Step, { kind: "repeat" }>): void {
    const lease = this.#leases[which % Math.max(1, this.#leases.length)];
    if (lease === undefined) return;
    this.pass(afterMs);
    const answer = this.#window.grant({ isolateId: lease.isolateId, wish: lease.wish, limit: this.limit });
    if (lease.untilMs === undefined && !lease.isOver) hear(lease, answer, driftMs);
  }

  #pick(which: number): Lease | undefined {
    const open = this.#leases.filter((lease) => this.#isOpen(lease));
    return open[which % Math.max(1, open.length)];
  }

  #isOpen({ untilMs, used, tokens, isOver }: Lease): boolean {
    return untilMs !== undefined && this.#nowMs < untilMs && used < tokens && !isOver;
  }

  #spend(lease: Lease | undefined, share: number): void {
    if (lease === undefined) return;
    const tokens = Math.ceil((lease.tokens - lease.used) * share);
    lease.used += tokens;
    this.spends.push({ atMs: this.#nowMs, tokens });
  }

  #spendLastMoment(lease: Lease | undefined): void {
    if (lease?.untilMs === undefined) return;
    this.pass(lease.untilMs - 1 - this.#nowMs);
    this.#spend(lease, 1);
  }

  /** A report that was on its way, for the first or the second time. */
  #deliver(which: number): void {
    const report = this.#reports[which % Math.max(1, this.#reports.length)];
    if (report !== undefined) this.#window.settle(report);
  }

  #report({ which, done, fate }: Extract<Step, { kind: "report" }>): void {
    const heard = this.#leases.filter(({ untilMs, isOver }) => untilMs !== undefined && !isOver);
    this.#tell(heard[which % Math.max(1, heard.length)], done, fate);
  }

  /** An answer that came too late or not at all: whatever it granted goes back unspent. */
  #giveUp({ which, fate }: Extract<Step, { kind: "give-up" }>): void {
    const unheard = this.#leases.filter(({ untilMs, isOver }) => untilMs === undefined && !isOver);
    this.#tell(unheard[which % Math.max(1, unheard.length)], true, fate);
  }

  /** What is done is no longer spent from, whatever becomes of the message. */
  #tell(lease: Lease | undefined, done: boolean, fate: "arrives" | "late" | "lost"): void {
    if (lease === undefined) return;
    lease.isOver = done;
    const report = { leaseId: lease.wish.leaseId, used: lease.used, done };
    if (fate !== "lost") this.#reports.push(report);
    if (fate === "arrives") this.#window.settle(report);
  }
}

/** Its time counts from before it was asked for, however late the answer. */
function hear(lease: Lease, answer: RateAnswer, driftMs: number): void {
  lease.tokens = answer.granted;
  lease.untilMs = lease.askedAtMs + answer.validMs + driftOf(answer, lease.wish, driftMs);
}

/** Tokens for waiting requests are timed by no clock: until the last moment that timers leave, that moment included. */
const driftOf = ({ granted }: RateAnswer, { waiting }: TokenWish, driftMs: number): number =>
  granted <= waiting ? Math.min(driftMs, TIMERS_MS + 1) : driftMs;

/** The most that was ever spent in `windowMs`, by looking at each interval that begins with a spend. */
export function mostInAnyInterval(spends: readonly Spend[], windowMs: number): number {
  return Math.max(
    0,
    ...spends.map(({ atMs: fromMs }) =>
      spends
        .filter(({ atMs }) => atMs >= fromMs && atMs < fromMs + windowMs)
        .reduce((sum, { tokens }) => sum + tokens, 0),
    ),
  );
}
