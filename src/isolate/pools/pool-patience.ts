// What tries tell of a pool's instances, and how long they are waited for: which are passed over after failures, and which have fallen
// silent, so that whoever waits for them goes on elsewhere. Decides by policies only. PoolLeases owns it; tries report through a Hold.

import { afterFailure, whileTried } from "../../policies/balancing/instance-availability.ts";
import type { RetryBudget } from "../../policies/forwarding/retry-budget.ts";
import { isUnheard, judgeSilence } from "../../policies/health/silence.ts";
import type { PoolSlot, PoolSlots, SlowTry } from "./pool-slots.ts";

/** One try on one instance. Epoch ms. */
export type Sent = { readonly sentAtMs: number; readonly slow: SlowTry | undefined };

export type PatienceOptions = {
  readonly slots: PoolSlots;
  /** Epoch ms. */
  readonly clock: () => number;
  readonly retries: RetryBudget;
};

/** Where so many wait, they are looked through at most this often. */
const CROWD = 100;
const CROWD_MS = 50;

export class PoolPatience {
  readonly #options: PatienceOptions;
  #judgedAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: PatienceOptions) {
    this.#options = options;
  }

  /** A 5xx is an answer: it goes to the client, and counts against the instance's health. */
  answered(slot: PoolSlot, { sentAtMs, slow }: Sent, status: number): void {
    slot.heardAtMs = this.#options.clock();
    if (sentAtMs > slot.provenAtMs) slot.provenAtMs = sentAtMs;
    slot.failures = 0;
    slot.outUntilMs = 0;
    slot.silentAtMs = 0;
    slot.doubtful = false;
    if (slow?.isTold === true) return;
    if (status >= 500) slot.outcomes.fail();
    else slot.outcomes.answer();
  }

  /** The instance is passed over from now on, for as long as afterFailure (instance-availability.ts) says. */
  failed(slot: PoolSlot, slow: SlowTry | undefined): void {
    if (slow?.isTold !== true) slot.outcomes.fail();
    this.#passOver(slot, this.#options.clock());
  }

  /** A request begins on an instance that was found silent. */
  tryAgain(slot: PoolSlot): void {
    slot.outUntilMs = whileTried(slot, this.#options.clock());
  }

  /** The try is waited for from now on until `leave`; it may have to go on at once. */
  enter(slot: PoolSlot, slow: SlowTry): void {
    slot.waiting.add(slow);
    if (slot.silentAtMs >= slow.sentAtMs && isUnheard(slow, slot)) this.#giveUp(slot, slow, this.#options.clock());
  }

  leave(slot: PoolSlot, slow: SlowTry): void {
    slot.waiting.delete(slow);
    if (slot.waiting.size === 0) slot.doubtful = false;
  }

  /** Some try on the instance has become overdue, or still is. */
  overdue(slot: PoolSlot): void {
    const nowMs = this.#options.clock();
    if (slot.waiting.size > CROWD && Math.abs(nowMs - this.#judgedAtMs) < CROWD_MS) return;
    this.#judgedAtMs = nowMs;
    this.#judge(slot, nowMs);
  }

  /** The registry has told who is out. */
  hearOut(): void {
    const nowMs = this.#options.clock();
    for (const slot of this.#options.slots.awaitedOut(nowMs)) this.#judge(slot, nowMs);
  }

  #judge(slot: PoolSlot, nowMs: number): void {
    const isKnown = slot.silentAtMs > 0 || slot.ejectedUntilMs > nowMs;
    const silence = judgeSilence(slot, { instances: this.#options.slots.all, isKnown, nowMs });
    if (silence !== "alive") slot.doubtful = true;
    if (silence === "silent") {
      slot.silentAtMs = nowMs;
      this.#passOver(slot, nowMs);
    }
    for (const slow of slot.waiting) {
      const [isLate, isNew] = [slow.overdueAtMs <= nowMs, isUnheard(slow, slot)];
      // Once nothing comes any more, those that were sent before the last that came have nothing to wait for either.
      if (slot.silentAtMs > 0 && (isLate || (isNew && slow.sentAtMs <= slot.silentAtMs)))
        this.#giveUp(slot, slow, nowMs);
      else if (silence === "doubtful" && isLate && isNew) tell(slot, slow);
    }
  }

  /** Paid for from the pool's retries: whoever finds none left waits on. */
  #giveUp(slot: PoolSlot, slow: SlowTry, nowMs: number): void {
    tell(slot, slow);
    const { goOn } = slow;
    if (goOn === undefined || !this.#options.retries.spend(nowMs)) return;
    slow.goOn = undefined;
    slot.waiting.delete(slow);
    goOn();
  }

  #passOver(slot: PoolSlot, nowMs: number): void {
    Object.assign(slot, afterFailure(slot, nowMs));
  }
}

/** Once: whatever comes of the try later counts no more. */
function tell(slot: PoolSlot, slow: SlowTry): void {
  if (slow.isTold) return;
  slow.isTold = true;
  slot.outcomes.fail();
}
