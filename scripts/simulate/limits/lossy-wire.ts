// The way between isolates and their shard: messages get lost, are repeated and come late. Resends a call like src/objects.ts.

import type { LimiterCall, LimiterReply } from "../../../src/contracts/limits.ts";
import type { EventQueue } from "../event-queue.ts";
import { exponential, type Random } from "../random.ts";
import type { SimulatedShard } from "./simulated-shard.ts";

const LOST = 0.02;
const REPEATED = 0.02;
/** Of what gets lost, this share breaks a connection, which its caller notices; the rest is silence. */
const NOTICED = 0.9;
const DELAY_MS_MEAN = 10;
/** One message in two hundred takes long. */
const LATE = 0.005;
const LATE_MS_MEAN = 1_000;
/** As in src/objects.ts. */
const ATTEMPTS_MAX = 3;
const BACKOFF_BASE_MS = 20;

/** The answer, or undefined when the call failed. Not called at all when nobody notices that a message is lost. */
export type Answered = (reply: LimiterReply | undefined) => void;

export class LossyWire {
  readonly #queue: EventQueue;
  readonly #random: Random;
  readonly #shard: SimulatedShard;

  constructor(queue: EventQueue, random: Random, shard: SimulatedShard) {
    this.#queue = queue;
    this.#random = random;
    this.#shard = shard;
  }

  call(call: LimiterCall, answered: Answered, attempt = 1): void {
    const retry = (): void => {
      const backoffMs = BACKOFF_BASE_MS * 2 ** attempt * this.#random();
      if (attempt === ATTEMPTS_MAX) answered(undefined);
      else this.#queue.after(backoffMs, () => this.call(call, answered, attempt + 1));
    };
    if (this.#random() < REPEATED) this.#repeat(call);
    this.#carry(() => {
      const reply = this.#shard.isDown ? undefined : this.#shard.exchange(call);
      this.#carry(() => (reply === undefined ? retry() : answered(reply)), retry);
    }, retry);
  }

  /** A second copy of the same message. Nobody hears its answer. */
  #repeat(call: LimiterCall): void {
    this.#queue.after(this.#delayMs() + this.#delayMs(), () => {
      if (!this.#shard.isDown) this.#shard.exchange(call);
    });
  }

  #carry(arrived: () => void, broken: () => void): void {
    if (this.#random() >= LOST) this.#queue.after(this.#delayMs(), arrived);
    else if (this.#random() < NOTICED) this.#queue.after(this.#delayMs(), broken);
  }

  #delayMs(): number {
    return exponential(this.#random, this.#random() < LATE ? LATE_MS_MEAN : DELAY_MS_MEAN);
  }
}
