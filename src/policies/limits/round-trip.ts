// How long an isolate's calls to a shard take, and so how long it is worth waiting for an answer. The times come in.

import { AT_ONCE_MS_MAX } from "./lease-size.ts";

const REMEMBERED = 20;
/** Of the latest calls so many may have taken longer than what counts as usual: one that was resent says little about the next. */
const OUTLIERS = 2;
const USUAL_TIMES = 1.5;
/** What an isolate under load may be held up by. */
const WITHIN_MS_MIN = 50;

export class RoundTrip {
  /** Ms, the latest last. */
  readonly #took: number[] = [];

  /** One call took so long; a clock that was set back meanwhile says nothing. */
  note(ms: number): void {
    if (ms < 0) return;
    this.#took.push(ms);
    if (this.#took.length > REMEMBERED) this.#took.shift();
  }

  /** Nearly every answer comes within this time, ms. */
  get withinMs(): number {
    const outliers = Math.min(OUTLIERS, Math.floor(this.#took.length / 4));
    const usualMs = this.#took.toSorted((a, b) => b - a)[outliers] ?? AT_ONCE_MS_MAX;
    return Math.min(AT_ONCE_MS_MAX, Math.max(WITHIN_MS_MIN, usualMs * USUAL_TIMES));
  }
}
