// An instance that serves so many requests at a time and lets the others wait in line; it may be slow for a while, or fail some at once.
// Knows nothing of who sends to it.

import type { EventQueue } from "../event-queue.ts";
import type { Random } from "../random.ts";

/** `workMs`: how long it takes where nothing is slow. `done` is called once. */
export type Job = { readonly workMs: number; readonly done: (isAnswer: boolean) => void };

/** How long a failure takes: less than any answer. */
const FAILURE_MS = 1;

export class SimulatedInstance {
  /** Served and waiting. */
  inFlight = 0;
  /** How many times as long as usual it takes. */
  slowness = 1;
  /** Of what it is sent, so much fails at once. */
  failingShare = 0;
  readonly #queue: EventQueue;
  readonly #random: Random;
  #line: Job[] = [];
  #first = 0;
  #freeSlots: number;

  constructor(slots: number, queue: EventQueue, random: Random) {
    this.#freeSlots = slots;
    this.#queue = queue;
    this.#random = random;
  }

  accept(job: Job): void {
    this.inFlight++;
    if (this.failingShare > 0 && this.#random() < this.failingShare) {
      this.#queue.after(FAILURE_MS, () => this.#end(job, false));
    } else if (this.#freeSlots > 0) this.#serve(job);
    else this.#line.push(job);
  }

  #serve(job: Job): void {
    this.#freeSlots--;
    this.#queue.after(job.workMs * this.slowness, () => {
      this.#freeSlots++;
      this.#serveNext();
      this.#end(job, true);
    });
  }

  #serveNext(): void {
    const next = this.#line[this.#first];
    if (next === undefined) return;
    this.#first++;
    if (this.#first * 2 >= this.#line.length) {
      this.#line = this.#line.slice(this.#first);
      this.#first = 0;
    }
    this.#serve(next);
  }

  #end({ done }: Job, isAnswer: boolean): void {
    this.inFlight--;
    done(isAnswer);
  }
}
