// Which instance of a pool by what this isolate holds: a leased position, a snapshot of the fleet, or nothing but what it sees itself.
// Asks nobody and counts nothing. PoolLeases owns it and asks it for each request.

import { type Barring, barringAt, scanAvailable, withinTiers } from "../../policies/balancing/instance-availability.ts";
import { pickByLoad } from "../../policies/balancing/pick-by-load.ts";
import { isSnapshotUsable } from "../../policies/balancing/pick-by-snapshot.ts";
import { traitsOf } from "../../policies/balancing/strategies.ts";
import type { CompiledInstance } from "../../policies/routing/compiled-config.ts";
import type { PoolAccount } from "./pool-account.ts";
import type { Selection } from "./selection.ts";

export type PoolChoiceOptions = {
  readonly account: PoolAccount;
  /** Evenly from 0 to below 1. */
  readonly random: () => number;
  /** How often the registry is asked just now. */
  readonly renewAfterMs: () => number;
};

export class PoolChoice {
  readonly #account: PoolAccount;
  readonly #random: () => number;
  readonly #renewAfterMs: () => number;
  /** Where decisions without a position begin; isolates that start together begin apart. */
  #turn: number;

  constructor({ account, random, renewAfterMs }: PoolChoiceOptions) {
    this.#account = account;
    this.#random = random;
    this.#renewAfterMs = renewAfterMs;
    this.#turn = Math.floor(random() * 1_000);
  }

  /** Whom a request that has `tried` some passes over. */
  barring(tried: readonly CompiledInstance[] | undefined, nowMs: number): Barring {
    const { all, hasTiers } = this.#account.slots;
    const barring = barringAt(all, tried, nowMs);
    return hasTiers ? withinTiers(all, barring) : barring;
  }

  /** By what the registry has leased; undefined where that is not enough. `key`: what the request has in common with others (hash-key.ts). */
  fromLease(barring: Barring, nowMs: number, key?: string): Selection | undefined {
    const { slots, ranges, roster, snapshotAtMs } = this.#account;
    if (slots.all.length === 1) return this.chosen(scanAvailable(slots.all, 0, barring), "only", 0);
    if (traitsOf(roster.strategy).inTurn) {
      const at = ranges.spend(slots, barring, nowMs);
      return this.chosen(at, "range", nowMs - ranges.askedAtMs);
    }
    const ageMs = nowMs - snapshotAtMs;
    if (!isSnapshotUsable(ageMs, this.#renewAfterMs())) return undefined;
    return this.chosen(this.#byLoad(barring, nowMs, key), "snapshot", ageMs);
  }

  /** Without the registry: in turn, or by this isolate's own requests and whatever the last snapshot is still worth. */
  locally(barring: Barring, nowMs: number, key?: string): Selection | undefined {
    const { slots, roster } = this.#account;
    if (!traitsOf(roster.strategy).inTurn) return this.chosen(this.#byLoad(barring, nowMs, key), "local", 0);
    return this.chosen(scanAvailable(slots.all, this.#nextStart(), barring), "local", 0);
  }

  chosen(at: number, how: Selection["how"], ageMs: number): Selection | undefined {
    const slot = this.#account.slots.all[at];
    return slot && { instance: slot.instance, slot, how, ageMs };
  }

  #byLoad(barring: Barring, nowMs: number, key: string | undefined): number {
    const { slots, roster, snapshotAtMs } = this.#account;
    const { share, isolates } = slots;
    const ageMs = nowMs - snapshotAtMs;
    const start = this.#nextStart();
    return pickByLoad(roster.strategy)(slots.all, {
      barring,
      ageMs,
      share,
      isolates,
      start,
      key,
      random: this.#random,
    });
  }

  #nextStart(): number {
    const turn = this.#turn++;
    const { schedule } = this.#account.slots;
    return schedule === undefined ? turn : (schedule[turn % schedule.length] ?? 0);
  }
}
