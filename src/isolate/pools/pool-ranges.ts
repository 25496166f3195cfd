// The cursor positions an isolate holds, and what it has to report of them. Never spends one after its time, nor one twice.
// PoolAccount owns them, PoolLeases spends from them.

import type { PositionRange, RangeReport } from "../../contracts/registry.ts";
import type { Barring } from "../../policies/balancing/instance-availability.ts";
import { spendPosition, type Turns } from "../../policies/balancing/spend-position.ts";

type HeldRange = PositionRange & {
  readonly askedAtMs: number;
  readonly expiresAtMs: number;
  used: number;
  /** What the registry is known to know. */
  reported: number;
  /** Given back: not spent any more, still to be reported. */
  closed: boolean;
};

export type LeasedRange = PositionRange & { readonly validMs: number };

/** Below the REPORTS_MAX that the registry reads (answer-lease-call.ts); what is dropped here lapses there. */
const RANGES_MAX = 12;

export class PoolRanges {
  /** In the order they came; those settled with the registry are gone. */
  #ranges: HeldRange[] = [];
  #current: HeldRange | undefined;

  /** Index of the instance the next position falls on, positions of barred ones being spent on the way; -1 when nothing fits. */
  spend(turns: Turns, barring: Barring, nowMs: number): number {
    for (let range = this.#current; range !== undefined; range = this.#closeCurrent()) {
      if (nowMs >= range.expiresAtMs) continue;
      const at = spendPosition(range, turns, barring);
      if (at !== -1 || range.used < range.count) return at;
    }
    return -1;
  }

  /** When the range that was spent from last was asked for; epoch ms. */
  get askedAtMs(): number {
    return this.#current?.askedAtMs ?? 0;
  }

  /** Positions still to be spent. */
  get held(): number {
    let held = 0;
    for (const range of this.#ranges) if (!range.closed) held += range.count - range.used;
    return held;
  }

  accept({ validMs, ...range }: LeasedRange, askedAtMs: number): void {
    this.#add({ ...range, askedAtMs, expiresAtMs: askedAtMs + validMs, used: 0, reported: 0, closed: false });
  }

  /** For a range that came too late to be of use: all of it goes back. */
  refuse(range: LeasedRange): void {
    this.#add({ ...range, askedAtMs: 0, expiresAtMs: 0, used: 0, reported: 0, closed: true });
  }

  giveBackExpired(nowMs: number): void {
    for (const range of this.#ranges) range.closed ||= nowMs >= range.expiresAtMs;
    this.#turn();
  }

  /** Gives all back: the clock can't be trusted to say when they end. */
  giveBack(): void {
    for (const range of this.#ranges) range.closed = true;
    this.#current = undefined;
  }

  /** Forgets all: positions of another roster mean nothing, to the registry neither. */
  clear(): void {
    this.#ranges = [];
    this.#current = undefined;
  }

  reports(): RangeReport[] {
    return this.#ranges.map(({ leaseId, rosterVersion, from, count, used, closed }) => ({
      leaseId,
      rosterVersion,
      from,
      count,
      used,
      done: closed || used === count,
    }));
  }

  /** The registry has answered these reports. */
  acknowledge(reports: readonly RangeReport[]): void {
    for (const { leaseId, used, done } of reports) {
      const range = this.#ranges.find((held) => held.leaseId === leaseId);
      if (range === undefined) continue;
      range.reported = used;
      range.closed ||= done;
      if (done) this.#ranges.splice(this.#ranges.indexOf(range), 1);
    }
    this.#turn();
  }

  hasNews(): boolean {
    return this.#ranges.some(({ used, reported, closed }) => closed || used !== reported);
  }

  #add(range: HeldRange): void {
    this.#ranges.push(range);
    if (this.#ranges.length > RANGES_MAX) this.#ranges.shift();
    this.#turn();
  }

  #closeCurrent(): HeldRange | undefined {
    if (this.#current !== undefined) this.#current.closed = true;
    this.#turn();
    return this.#current;
  }

  #turn(): void {
    if (this.#current === undefined || this.#current.closed) this.#current = this.#ranges.find(({ closed }) => !closed);
  }
}
