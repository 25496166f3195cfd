// When an isolate reports to a pool's registry without being asked: soon after something happened, once for all requests of that time,
// and every KEEP_MS while requests are under way, so that they do not lapse there. Used by PoolLeases only.

import { waitAtMost } from "../../deadline.ts";
import type { Lifetime } from "../lifetime.ts";
import type { PoolLine } from "./pool-line.ts";

export type ReportOptions = {
  readonly line: PoolLine;
  readonly clock: () => number;
  readonly hasNews: () => boolean;
  /** Whether there is news that cannot wait until something else happens. */
  readonly owesWord: () => boolean;
  /** Whether requests are under way. */
  readonly isBusy: () => boolean;
};

/** The registry forgets an isolate that was silent for ISOLATE_LAPSE_MS_MIN (lease-timing.ts): two reports may get lost. */
const KEEP_MS = 5_000;
const KEEP_ROUNDS_MAX = 180;
/** A report this late is taken for lost with the request that was to make it. */
const LATE_MS = 1_000;
const NEVER = Number.NEGATIVE_INFINITY;

export class PoolReports {
  readonly #options: ReportOptions;
  #dueAtMs = NEVER;
  #keptUntilMs = NEVER;

  constructor(options: ReportOptions) {
    this.#options = options;
  }

  /** Sees to it that what changes now is reported within renewAfterMs. Costs a busy isolate's request one comparison. */
  soon(ctx: Lifetime, nowMs: number): void {
    if (this.#dueAtMs > nowMs - LATE_MS) return;
    this.#dueAtMs = nowMs + this.#options.line.renewAfterMs;
    ctx.waitUntil(this.#report());
  }

  /** Keeps what is under way from lapsing until `work` settles: for bodies that stream for long. */
  renewWhile(work: Promise<unknown>, ctx: Lifetime): void {
    ctx.waitUntil(this.#renewUntil(work.then(settled, settled)));
  }

  /** Times kept by a clock that stepped back mean nothing. */
  reset(): void {
    this.#dueAtMs = NEVER;
    this.#keptUntilMs = NEVER;
  }

  async #report(): Promise<void> {
    const { line, clock } = this.#options;
    await scheduler.wait(line.renewAfterMs);
    // A call made meanwhile has said most of it, so the rest may wait until that one is as old.
    const restMs = line.askedAtMs + line.renewAfterMs - clock();
    // A clock that stepped back makes no report wait for longer.
    if (restMs > 0) await scheduler.wait(Math.min(restMs, line.renewAfterMs));
    this.#dueAtMs = NEVER;
    await this.#tell();
    await this.#keep();
  }

  async #tell(): Promise<void> {
    const { line, hasNews, owesWord } = this.#options;
    await line.calm();
    if (hasNews()) await line.tell();
    if (owesWord()) await line.tell();
  }

  /** While requests are under way and nobody else sees to it. Where such a loop is cut off, the next report's takes over. */
  async #keep(): Promise<void> {
    const { isBusy, clock } = this.#options;
    for (let round = 0; round < KEEP_ROUNDS_MAX; round++) {
      const nowMs = clock();
      if (!isBusy() || nowMs < this.#keptUntilMs) return;
      this.#keptUntilMs = nowMs + KEEP_MS + LATE_MS;
      await scheduler.wait(KEEP_MS);
      this.#keptUntilMs = NEVER;
      await this.#tellIfSilent();
    }
  }

  async #renewUntil(settling: Promise<true>): Promise<void> {
    while ((await waitAtMost(settling, KEEP_MS)) === undefined) await this.#tellIfSilent();
  }

  async #tellIfSilent(): Promise<void> {
    const { line, clock } = this.#options;
    if (clock() - line.askedAtMs >= KEEP_MS) await this.#tell();
  }
}

const settled = (): true => true;
