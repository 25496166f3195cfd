// What tries tell of a pool's instances, and how long they are waited for: which are passed over after failures, and which have fallen
// silent, so that whoever waits for them goes on elsewhere. Decides by policies only. PoolLeases owns it; tries report through a Hold.

import type { Gauge } from "../../policies/balancing/gauge.ts";
import { afterFailure, type Barring, isBarred, whileTried } from "../../policies/balancing/instance-availability.ts";
import type { RetryBudget } from "../../policies/forwarding/retry-budget.ts";
import { fateOf, judgeSilence, type Silence, wantsTrial } from "../../policies/health/silence.ts";
import type { PoolSlot, SlowTry } from "./pool-slot.ts";
import type { PoolSlots } from "./pool-slots.ts";

/** One try on one instance. Epoch ms. */
type Sent = { readonly sentAtMs: number; readonly slow: SlowTry | undefined };

/** `ms`: what the answer took; absent where that says nothing of the instance. */
export type Answer = { readonly status: number; readonly nowMs: number; readonly ms?: number | undefined };

type PatienceOptions = {
  readonly slots: PoolSlots;
  /** Epoch ms. */
  readonly clock: () => number;
  readonly retries: RetryBudget;
};

/** Where so many wait on one instance they are looked through at most this often, for each time they are sorted. */
const CROWD = 100;
const CROWD_MS = 50;

export class PoolPatience {
  readonly #options: PatienceOptions;
  /** Whether any instance may be doubtful, so that else no request need look for one. */
  #isInDoubt = false;

  constructor(options: PatienceOptions) {
    this.#options = options;
  }

  sent(slot: PoolSlot, sentAtMs: number): void {
    if (sentAtMs > slot.heardAtMs) slot.unheard++;
  }

  /** What was sent then is under way no more, answered or not. */
  left(slot: PoolSlot, sentAtMs: number): void {
    if (sentAtMs > slot.heardAtMs && slot.unheard > 0) slot.unheard--;
  }

  /** Index of an instance that a request is to be tried on to find out whether it has fallen silent; -1 where there is none. */
  findTrial(barring: Barring): number {
    if (!this.#isInDoubt) return -1;
    const { all } = this.#options.slots;
    this.#isInDoubt = all.some(({ doubtful }) => doubtful);
    return all.findIndex((slot) => wantsTrial(slot) && !isBarred(slot, barring));
  }

  /** A 5xx is an answer: it goes to the client, and counts against the instance's health. `nowMs`: when it came. */
  answered(slot: PoolSlot, { sentAtMs, slow }: Sent, { status, nowMs, ms }: Answer): void {
    slot.heardAtMs = nowMs;
    slot.unheard = 0;
    if (sentAtMs > slot.provenAtMs) slot.provenAtMs = sentAtMs;
    slot.failures = 0;
    slot.outUntilMs = 0;
    slot.silentAtMs = 0;
    slot.doubtful = false;
    if (slot.gauge !== undefined) slot.slowness = gaugeAnswer(slot, slot.gauge, { status, nowMs, ms });
    if (status < 500) slot.outcomes.answer(Math.max(0, nowMs - sentAtMs));
    else if (slow?.isTold !== true) slot.outcomes.fail();
  }

  /** The instance is passed over from now on, for as long as afterFailure (instance-availability.ts) says. */
  failed(slot: PoolSlot, slow: SlowTry | undefined): void {
    if (slow?.isTold !== true) slot.outcomes.fail();
    const nowMs = this.#options.clock();
    if (slot.gauge !== undefined) slot.slowness = slot.gauge.miss(nowMs);
    this.#passOver(slot, nowMs);
  }

  /** A request begins on an instance that was found silent. */
  tryAgain(slot: PoolSlot): void {
    slot.outUntilMs = whileTried(slot, this.#options.clock());
  }

  /** The try is waited for from now on until `endWait`; it may have to go on at once. */
  wait(slot: PoolSlot, slow: SlowTry): void {
    slot.waiting.add(slow);
    if (slot.silentAtMs > 0) this.#decide(slot, slow, { silence: "silent", nowMs: this.#options.clock() });
  }

  endWait(slot: PoolSlot, slow: SlowTry): void {
    slot.waiting.delete(slow);
    if (slot.waiting.size === 0) slot.doubtful = false;
  }

  /** Some try on the instance has become overdue, or still is. */
  overdue(slot: PoolSlot): void {
    const nowMs = this.#options.clock();
    if (slot.waiting.size > CROWD && Math.abs(nowMs - slot.judgedAtMs) < CROWD_MS) return;
    slot.judgedAtMs = nowMs;
    this.#options.slots.dropEnded(nowMs);
    this.#judge(slot, nowMs);
  }

  /** The registry has told who is out. */
  hearOut(): void {
    const { slots, clock } = this.#options;
    const nowMs = clock();
    slots.dropEnded(nowMs);
    for (const slot of slots.awaitedOut(nowMs)) this.#judge(slot, nowMs);
  }

  #judge(slot: PoolSlot, nowMs: number): void {
    const isKnown = slot.silentAtMs > 0 || slot.ejectedUntilMs > nowMs;
    const silence = judgeSilence(slot, { instances: this.#options.slots.all, isKnown, nowMs });
    slot.doubtful = silence !== "alive";
    this.#isInDoubt ||= slot.doubtful;
    if (silence === "silent") {
      // What is sent to it from time to time, and not answered either, is no further failure.
      if (slot.silentAtMs === 0) {
        this.#passOver(slot, nowMs);
        slot.outUntilMs = whileTried(slot, nowMs);
      }
      slot.silentAtMs = nowMs;
    }
    for (const slow of slot.waiting) this.#decide(slot, slow, { silence, nowMs });
  }

  #decide(slot: PoolSlot, slow: SlowTry, judged: { readonly silence: Silence; readonly nowMs: number }): void {
    const fate = fateOf(slow, slot, judged);
    if (fate !== "waits") tell(slot, slow);
    if (fate === "goes-on") this.#goOn(slot, slow, judged.nowMs);
  }

  /** Paid for from the pool's retries: whoever finds none left waits on. */
  #goOn(slot: PoolSlot, slow: SlowTry, nowMs: number): void {
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

/** What the answer tells of how long the next one takes. */
function gaugeAnswer({ slowness }: PoolSlot, gauge: Gauge, { status, nowMs, ms }: Answer): number {
  if (status >= 500) return gauge.fail(nowMs);
  return ms === undefined ? slowness : gauge.hear(ms, nowMs);
}

/** Once: whatever comes of the try later counts no more. */
function tell(slot: PoolSlot, slow: SlowTry): void {
  if (slow.isTold) return;
  slow.isTold = true;
  slot.outcomes.fail();
}
