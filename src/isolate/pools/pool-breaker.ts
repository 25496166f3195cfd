// What an isolate knows of its pool's circuit breaker: lets requests pass, refuses them, or lets one through that the registry granted as a
// trial. Decides nothing about the pool itself. PoolLeases owns it; asked only for pools that have a breaker.

import type { BreakerNotice, TrialVerdict } from "../../contracts/breaker.ts";
import type { LeaseCall, LeaseReply } from "../../contracts/registry.ts";
import type { Lifetime } from "../lifetime.ts";
import type { PoolLine } from "./pool-line.ts";

/** `trial`: the request may be sent once, and what becomes of it is to be told. */
export type Passage =
  | { readonly kind: "pass"; readonly trial?: Trial }
  | { readonly kind: "refuse"; readonly retryAfterMs: number };

/** One request let through to try the pool; only the first verdict counts. */
export type Trial = { readonly conclude: (verdict: Exclude<TrialVerdict, "pending">) => void };

type BreakerOptions = {
  readonly line: PoolLine;
  /** Epoch ms. */
  readonly clock: () => number;
  /** Whether what the registry said last is too old to go by while it can be asked. */
  readonly isOutOfDate: (nowMs: number) => boolean;
};

/** Until then, epoch ms, requests are refused without asking. */
type Known = { readonly state: BreakerNotice["state"]; readonly untilMs: number } | undefined;
type Told = Pick<LeaseCall, "callId" | "trials">;
type Heard = Pick<Extract<LeaseReply, { kind: "leased" }>, "breaker" | "trial">;

const PASS: Passage = { kind: "pass" };
/** A trial not taken by then goes back: the registry takes it for lost after ISOLATE_LAPSE_MS_MIN (lease-timing.ts). */
const SPARE_MS = 5_000;
/** So many calls may it take until a request that waits is let through or refused; pool-line.ts bounds the time. */
const ASKS_MAX = 4;

export class PoolBreaker {
  readonly #options: BreakerOptions;
  /** Undefined while the circuit is closed. */
  #known: Known;
  /** Requests that wait for a trial just now. */
  #waiting = 0;
  /** Granted, and no request has taken it yet: the call that was answered with it. */
  #spare: { readonly callId: number; readonly untilMs: number }[] = [];
  readonly #trials = new Map<number, TrialVerdict>();

  constructor(options: BreakerOptions) {
    this.#options = options;
  }

  /** At once while what the registry said last is good; waits for it as long as select does. What it said holds until it lapses, then all pass. */
  pass(ctx: Lifetime, nowMs: number): Passage | Promise<Passage> {
    const { line, isOutOfDate } = this.#options;
    const passage = isOutOfDate(nowMs) ? undefined : this.#judge(nowMs);
    if (passage !== undefined) return passage;
    if (!line.isDown(nowMs)) return this.#afterAsking(ctx, nowMs);
    if (line.mayAsk(nowMs)) line.ask(ctx);
    return PASS;
  }

  get isClosed(): boolean {
    return this.#known === undefined;
  }

  /** For whoever looks on: as the registry says now, and takes no trial. `forMs`: for how long requests are refused without asking. */
  async look(ctx: Lifetime, nowMs: number): Promise<BreakerNotice | undefined> {
    const { line, clock, isOutOfDate } = this.#options;
    if (isOutOfDate(nowMs)) await line.landing(line.ask(ctx), nowMs);
    return this.#known && { state: this.#known.state, forMs: Math.max(0, this.#known.untilMs - clock()) };
  }

  /** A call is about to be made. Trials that nobody took go back with it. */
  tell(): Pick<LeaseCall, "trial" | "trials"> {
    for (const { callId } of this.#spare.splice(0)) this.#trials.set(callId, "unused");
    return {
      ...(this.#waiting > 0 && { trial: true }),
      ...(this.#trials.size > 0 && { trials: [...this.#trials] }),
    };
  }

  hear({ breaker, trial }: Heard, { callId, trials = [] }: Told, askedAtMs: number): void {
    for (const [told, verdict] of trials) if (verdict !== "pending") this.#trials.delete(told);
    this.#known = breaker && { state: breaker.state, untilMs: askedAtMs + breaker.forMs };
    if (trial === true) this.#spare.push({ callId, untilMs: askedAtMs + SPARE_MS });
  }

  /** Whether the registry waits for a verdict. */
  hasNews(): boolean {
    for (const verdict of this.#trials.values()) if (verdict !== "pending") return true;
    return this.#spare.length > 0;
  }

  /** For a clock that stepped back: until when something holds is not known any more. */
  forgetTimes(): void {
    this.#known = undefined;
  }

  /** Undefined when the registry has to be asked for a trial. */
  #judge(nowMs: number): Passage | undefined {
    if (this.#known === undefined) return PASS;
    const spare = this.#spare[0];
    if (spare !== undefined && nowMs < spare.untilMs) {
      this.#spare.shift();
      return { kind: "pass", trial: this.#begin(spare.callId) };
    }
    const retryAfterMs = this.#known.untilMs - nowMs;
    return retryAfterMs > 0 ? { kind: "refuse", retryAfterMs } : undefined;
  }

  #begin(callId: number): Trial {
    this.#trials.set(callId, "pending");
    return {
      conclude: (verdict) => {
        if (this.#trials.get(callId) === "pending") this.#trials.set(callId, verdict);
      },
    };
  }

  async #afterAsking(ctx: Lifetime, sinceMs: number): Promise<Passage> {
    const { line, clock } = this.#options;
    for (let asks = 0; asks < ASKS_MAX; asks++) {
      const isTrial = this.#known !== undefined;
      if (isTrial) this.#waiting++;
      const landing = await line.landing(line.ask(ctx), sinceMs);
      if (isTrial) this.#waiting--;
      const passage = this.#judge(clock());
      if (landing?.answered !== true) return passage ?? PASS;
      if (passage !== undefined) return passage;
    }
    return { kind: "refuse", retryAfterMs: 0 };
  }
}
