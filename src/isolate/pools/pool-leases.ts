// Picks an instance for each request from what a pool's registry has leased to this isolate: at once while that lasts, else after one
// call shared by all who wait, else by itself. Counts what is under way. Called by the data plane, which gets it from leased-pools.ts.

import { type Barring, scanAvailable } from "../../policies/balancing/instance-availability.ts";
import { asksFirstAfterMs } from "../../policies/balancing/lease-timing.ts";
import { traitsOf } from "../../policies/balancing/strategies.ts";
import { RetryBudget } from "../../policies/forwarding/retry-budget.ts";
import type { CompiledInstance, CompiledPool } from "../../policies/routing/compiled-config.ts";
import { LatestTime } from "../latest-time.ts";
import type { Lifetime } from "../lifetime.ts";
import { PoolAccount } from "./pool-account.ts";
import { PoolBreaker } from "./pool-breaker.ts";
import { PoolChoice } from "./pool-choice.ts";
import { type Landing, type Lease, PoolLine } from "./pool-line.ts";
import { PoolPatience } from "./pool-patience.ts";
import { PoolReports } from "./pool-reports.ts";
import type { Selection, SelectScope } from "./selection.ts";

export type PoolLeasesOptions = {
  readonly lease: Lease;
  readonly isolateId: string;
  /** The registry acts on a later configuration than this isolate. */
  readonly onOutdated: () => void;
  /** Epoch ms. */
  readonly clock: () => number;
};

/** So many calls may it take until a request that waits gets its position; pool-line.ts bounds the time. */
const ASKS_MAX = 8;

export class PoolLeases {
  readonly patience: PoolPatience;
  readonly retries = new RetryBudget();
  /** Asked before select, where the pool has one. */
  readonly breaker: PoolBreaker;
  readonly #account: PoolAccount;
  readonly #line: PoolLine;
  readonly #reports: PoolReports;
  readonly #time: LatestTime;
  readonly #choice: PoolChoice;

  constructor({ lease, isolateId, onOutdated, clock }: PoolLeasesOptions) {
    const account = new PoolAccount(isolateId);
    this.#account = account;
    const renewAfterMs = () => this.#line.renewAfterMs;
    this.#choice = new PoolChoice({ account, random: Math.random, renewAfterMs });
    this.#time = new LatestTime(clock, (nowMs) => this.#forgetTimes(nowMs));
    this.patience = new PoolPatience({ slots: account.slots, clock, retries: this.retries });
    this.#line = new PoolLine({
      lease,
      clock,
      compose: (pick) => ({ ...account.compose(pick, clock()), ...this.breaker.tell() }),
      roster: () => account.roster,
      hear: (...told) => this.#hear(...told),
      hearLate: ({ range }) => range && account.ranges.refuse(range),
      hearOutdated: (configVersion) => configVersion > account.roster.configVersion && onOutdated(),
    });
    this.breaker = new PoolBreaker({
      line: this.#line,
      clock: () => this.#time.read(),
      isOutOfDate: (nowMs) => this.#isOutOfDate(nowMs),
    });
    this.#reports = new PoolReports({
      line: this.#line,
      clock,
      hasNews: () => account.hasNews() || this.breaker.hasNews(),
      owesWord: () => account.owesWord(),
      isBusy: () => account.slots.isBusy(),
    });
  }

  /** Takes on the pool as configured now. What is under way goes on and ends on the slots it began on. */
  bind(pool: CompiledPool, configVersion: number, deployedAt: number): void {
    if (this.#account.bind(pool, configVersion, deployedAt)) this.#line.reset();
  }

  /** How many instances there are to try, those that registered themselves included. */
  get size(): number {
    return this.#account.slots.open;
  }

  /** Undefined when the pool has no open instance that was not tried. Never rejects; a promise waits at most WAIT_MS_MAX of pool-line.ts for the registry. */
  select(scope: SelectScope): Selection | Promise<Selection | undefined> | undefined {
    const nowMs = this.#time.see(scope.nowMs);
    const slots = this.#account.slots.all;
    const barring = this.#choice.barring(scope.tried, nowMs);
    const isAgain = barring.tried.length > 0;
    const isOutOfDate = this.#isOutOfDate(nowMs);
    const isNobodyLeft = scanAvailable(slots, 0, barring) === -1;
    if (isNobodyLeft && (isAgain || !isOutOfDate)) return undefined;
    this.#reports.soon(scope.ctx, nowMs);
    if (!isAgain) this.retries.earn(nowMs);
    if (slots.length > 1) this.#account.countRequest(nowMs, this.#line.renewAfterMs);
    if (isOutOfDate) return this.#afterAsking(scope, nowMs);
    const trial = this.#onTrial(scope, barring);
    if (trial !== undefined) return trial;
    const { key } = scope;
    const selection = this.#account.isForRegistry(scope.lasting) ? undefined : this.#fromLease(barring, nowMs, key);
    if (selection !== undefined) {
      const isDue = this.#account.isPrefetchDue(nowMs, this.#line.renewAfterMs);
      if (isDue && this.#line.mayAsk(nowMs)) this.#line.ask(scope.ctx);
      return selection;
    }
    // Who has failed once has waited enough: any instance not tried yet will do.
    if (isAgain) return this.#choice.locally(barring, nowMs, key);
    if (!this.#line.isDown(nowMs)) return this.#afterAsking(scope, nowMs);
    if (this.#line.mayAsk(nowMs)) this.#line.ask(scope.ctx);
    return this.#choice.locally(barring, nowMs, key);
  }

  /** Another instance for a request that those `tried` keep waiting, at once; undefined where none is available. */
  selectOther(tried: readonly CompiledInstance[], nowMs: number): Selection | undefined {
    const barring = { tried, outAfterMs: nowMs };
    if (scanAvailable(this.#account.slots.all, 0, barring) === -1) return undefined;
    return this.#fromLease(barring, nowMs) ?? this.#choice.locally(barring, nowMs);
  }

  begin({ slot }: Selection): void {
    slot.inFlight++;
    if (slot.promised > 0) slot.promised--;
    if (slot.silentAtMs > 0) this.patience.tryAgain(slot);
  }

  end({ slot }: Selection, ctx: Lifetime): void {
    if (slot.inFlight > 0) slot.inFlight--;
    this.#reports.soon(ctx, this.#time.read());
  }

  /** A try on the instance is overdue: what that tells is reported soon. */
  overdue({ slot }: Selection, ctx: Lifetime): void {
    this.patience.overdue(slot);
    this.#reports.soon(ctx, this.#time.read());
  }

  /** A WebSocket passed through is told apart from what is in flight, for its end will not be seen. */
  passedSocket(ctx: Lifetime): void {
    this.#account.uncounted++;
    this.#reports.soon(ctx, this.#time.read());
  }

  /** Reports every KEEP_MS of pool-reports.ts until `work` settles, so that a long stream does not lapse in the registry. */
  renewWhile(work: Promise<unknown>, ctx: Lifetime): void {
    this.#reports.renewWhile(work, ctx);
  }

  #hear(...[reply, call, askedAtMs]: Parameters<PoolAccount["hear"]>): void {
    const account = this.#account;
    account.hear(reply, call, askedAtMs);
    this.breaker.hear(reply, call, askedAtMs);
    this.retries.share(reply.isolates, account.triesMax);
    this.patience.hearOut();
  }

  /**
   * By least-connections hardly a request comes to an instance that owes an answer, and nobody would ever know why. So it gets some first
   * that can go on elsewhere. In turn, it gets its share anyway.
   */
  #onTrial({ forTrial }: SelectScope, barring: Barring): Selection | undefined {
    if (forTrial !== true || barring.tried.length > 0 || traitsOf(this.#account.roster.strategy).inTurn)
      return undefined;
    return this.#choice.chosen(this.patience.findTrial(barring), "local", 0);
  }

  async #afterAsking(scope: SelectScope, sinceMs: number): Promise<Selection | undefined> {
    const account = this.#account;
    account.ranges.giveBackExpired(sinceMs);
    account.waiting++;
    try {
      for (let asks = 0; asks < ASKS_MAX; asks++) {
        const flight = this.#line.ask(scope.ctx, account.wantsPick);
        const landing = await this.#line.landing(flight, sinceMs);
        if (landing?.answered !== true) break;
        const nowMs = this.#time.read();
        const barring = this.#barringNow(scope, nowMs);
        if (scanAvailable(account.slots.all, 0, barring) === -1) return undefined;
        const granted = this.#granted(landing, barring, nowMs);
        if (granted === undefined && account.isForRegistry(scope.lasting) && asks < ASKS_MAX - 1) continue;
        const selection = granted ?? this.#fromLease(barring, nowMs, scope.key);
        if (selection !== undefined) return promise(selection);
      }
    } finally {
      account.waiting--;
    }
    const nowMs = this.#time.read();
    return this.#choice.locally(this.#barringNow(scope, nowMs), nowMs, scope.key);
  }

  #barringNow({ tried }: SelectScope, nowMs: number): Barring {
    return this.#choice.barring(tried, nowMs);
  }

  /** The object's pick, for whichever of those who waited comes first. It knows nothing of what this request has tried. */
  #granted(landing: Landing, { tried }: Barring, nowMs: number): Selection | undefined {
    const slot = landing.pick === undefined ? undefined : this.#account.slots.find(landing.pick);
    landing.pick = undefined;
    if (slot === undefined || tried.some(({ id }) => id === slot.instance.id)) return undefined;
    return { instance: slot.instance, slot, how: "object", ageMs: nowMs - this.#account.snapshotAtMs };
  }

  #fromLease(barring: Barring, nowMs: number, key?: string): Selection | undefined {
    return this.#isOutOfDate(nowMs) ? undefined : this.#choice.fromLease(barring, nowMs, key);
  }

  /** Whoever was idle may not have heard who is in by now, and asks first; while the registry is down, there is nobody to ask. */
  #isOutOfDate(nowMs: number): boolean {
    const ageMs = nowMs - this.#account.snapshotAtMs;
    return ageMs >= asksFirstAfterMs(this.#line.renewAfterMs) && !this.#line.isDown(nowMs);
  }

  #forgetTimes(nowMs: number): void {
    this.#account.forgetTimes(nowMs);
    this.breaker.forgetTimes();
    this.#line.reset();
    this.#reports.reset();
  }
}

/** Requests that waited together choose one after another, before any of them begins: each must see what the others chose. */
const promise = (selection: Selection): Selection => {
  selection.slot.promised++;
  return selection;
};
