// One rolling window of one key, as its shard keeps it: in no interval of `windowMs` are more than `limit` tokens spent.
// Exact on the safe side: a token counts from its grant until `windowMs` after the last moment at which it can have been spent.
// Plain data in, plain data out; the clock comes in as an argument and never goes back.

import type { LeaseReport, RateAnswer, TokenWish } from "../../contracts/limits.ts";
import { LEASES_MAX, leaseTimes, spareTokens } from "./lease-size.ts";

/** Tokens lent to an isolate; those it has reported are counted in `buckets`, the others here. */
export type TokenLease = {
  readonly id: string;
  readonly isolateId: string;
  readonly tokens: number;
  /** How long it may be spent, counted by its isolate from before it asked. */
  readonly validMs: number;
  /** Until then what is left may be given back. */
  readonly endsAt: number;
  /** The last moment at which one can have been spent. */
  readonly lastAt: number;
  used: number;
};

/** As it is stored. */
export type RateState = {
  readonly windowMs: number;
  /** The latest time seen, epoch ms. */
  readonly seenAt: number;
  /** `[end of the bucket in epoch ms, tokens spent before that]`, oldest first. */
  readonly buckets: readonly (readonly [endsAt: number, tokens: number])[];
  readonly leases: readonly TokenLease[];
};

/** A bucket counts until its end plus the window: at most a thousandth of the window too long. */
const BUCKETS = 1_000;

export type Grant = { readonly isolateId: string; readonly wish: TokenWish; readonly limit: number };

export class RateWindow {
  readonly #windowMs: number;
  readonly #bucketMs: number;
  #seenAt: number;
  #buckets: Map<number, number>;
  #leases: TokenLease[];

  /** Restores what `state` holds, also when the policy's window was another one then. Whatever happens next happens at `nowMs`. */
  constructor(windowMs: number, nowMs: number, state?: RateState) {
    this.#windowMs = windowMs;
    this.#bucketMs = Math.ceil(windowMs / BUCKETS);
    this.#seenAt = Math.max(nowMs, state?.seenAt ?? nowMs);
    this.#leases = (state?.leases ?? []).map((lease) => ({ ...lease }));
    // Buckets of another width keep their ends: moved to ends of this width, windows that take turns would push them ahead.
    this.#buckets = new Map(state?.buckets);
    this.#lapse();
  }

  toState(): RateState {
    const buckets = [...this.#buckets].toSorted(([a], [b]) => a - b);
    return { windowMs: this.#windowMs, seenAt: this.#seenAt, buckets, leases: this.#leases };
  }

  holds(leaseId: string | undefined): boolean {
    return this.#leases.some(({ id }) => id === leaseId);
  }

  /** Tokens that count now, unspent ones of leases included. */
  get used(): number {
    return this.#spent + this.#unspent;
  }

  get leases(): readonly TokenLease[] {
    return this.#leases;
  }

  /** From when on nothing counts any longer, epoch ms. */
  get idleAt(): number {
    const lapses = this.#leases.map(({ lastAt }) => this.#endOf(lastAt));
    return Math.max(this.#seenAt, ...[...this.#buckets.keys(), ...lapses].map((endsAt) => endsAt + this.#windowMs));
  }

  /** Until the oldest tokens come free; 0 while nothing counts. */
  get releaseInMs(): number {
    const ends = [...this.#buckets.keys(), ...this.#leases.map(({ lastAt }) => this.#endOf(lastAt))];
    return ends.length === 0 ? 0 : Math.max(1, Math.min(...ends) + this.#windowMs - this.#seenAt);
  }

  /** Moves what was spent into the window, and takes back what was not while the lease still runs. Unknown ids change nothing. */
  settle({ leaseId, used, done }: LeaseReport): void {
    const lease = this.#leases.find(({ id }) => id === leaseId);
    if (lease === undefined) return;
    const more = Math.min(used, lease.tokens) - lease.used;
    if (more > 0) {
      this.#count(more, Math.min(this.#seenAt, lease.lastAt));
      lease.used += more;
    }
    if (lease.used === lease.tokens || (done && this.#seenAt < lease.endsAt)) this.#drop(lease);
  }

  /** The lease wished for, or none. The same id again gets what it got before. */
  grant({ isolateId, wish, limit }: Grant): RateAnswer {
    const known = this.#leases.find(({ id }) => id === wish.leaseId);
    if (known !== undefined) return this.#answer(known.tokens, known.validMs, limit);
    const free = Math.max(0, limit - this.used);
    const waiting = Math.floor(Math.min(wish.waiting, free) / wish.cost) * wish.cost;
    const fits = this.#leases.length < LEASES_MAX;
    const spare = fits ? this.#spareFor(isolateId, wish, { limit, free: free - waiting }) : 0;
    const times = { windowMs: this.#windowMs, spare, withinMs: wish.withinMs, leases: this.#leases.length };
    const { validMs, lastMs, giveBackMs } = leaseTimes(times);
    const tokens = waiting + spare;
    const endsAt = this.#seenAt + giveBackMs;
    const lastAt = this.#seenAt + lastMs;
    // With no room to remember the lease, its tokens count as spent at the last moment.
    if (fits && tokens > 0)
      this.#leases.push({ id: wish.leaseId, isolateId, tokens, validMs, used: 0, endsAt, lastAt });
    else if (tokens > 0) this.#count(tokens, lastAt);
    return this.#answer(tokens, validMs, limit);
  }

  /** The answer to who only reports. */
  view(limit: number): RateAnswer {
    return this.#answer(0, 0, limit);
  }

  /** Spends without a lease, where whoever asks is the one who counts. */
  spend(tokens: number, limit: number): boolean {
    if (this.used + tokens > limit) return false;
    this.#count(tokens, this.#seenAt);
    return true;
  }

  /** Takes back up to `tokens` of what was spent, newest first; returns how many. Leases are left alone. */
  refund(tokens: number): number {
    let left = tokens;
    for (const endsAt of [...this.#buckets.keys()].toSorted((a, b) => b - a)) {
      const spent = this.#buckets.get(endsAt) ?? 0;
      const taken = Math.min(left, spent);
      if (taken < spent) this.#buckets.set(endsAt, spent - taken);
      else this.#buckets.delete(endsAt);
      left -= taken;
    }
    return tokens - left;
  }

  /** Forgets what was spent. Leases stay: their tokens may be spent yet. */
  reset(): void {
    this.#buckets.clear();
  }

  /** In multiples of the cost: nobody can spend the rest of one. */
  #spareFor(isolateId: string, wish: TokenWish, { limit, free }: { limit: number; free: number }): number {
    const others = new Set(this.#leases.map((lease) => lease.isolateId));
    others.delete(isolateId);
    const facts = { wanted: wish.spare, limit, free, unspent: this.#unspent, isolates: others.size + 1 };
    return Math.floor(spareTokens(facts) / wish.cost) * wish.cost;
  }

  #answer(granted: number, validMs: number, limit: number): RateAnswer {
    const remaining = Math.max(0, limit - this.used);
    return { kind: "rate", granted, validMs, remaining, releaseInMs: this.releaseInMs };
  }

  get #spent(): number {
    let sum = 0;
    for (const tokens of this.#buckets.values()) sum += tokens;
    return sum;
  }

  get #unspent(): number {
    let sum = 0;
    for (const { tokens, used } of this.#leases) sum += tokens - used;
    return sum;
  }

  #drop(lease: TokenLease): void {
    this.#leases = this.#leases.filter((other) => other !== lease);
  }

  /** What no isolate can spend any longer counts as spent at the last moment at which it could have been. */
  #lapse(): void {
    for (const lease of this.#leases) {
      const { lastAt, endsAt } = lease;
      if (Math.max(lastAt, endsAt) > this.#seenAt) continue;
      this.#count(lease.tokens - lease.used, lastAt);
      this.#drop(lease);
    }
    for (const endsAt of this.#buckets.keys()) {
      if (endsAt + this.#windowMs <= this.#seenAt) this.#buckets.delete(endsAt);
    }
  }

  #count(tokens: number, atMs: number): void {
    const endsAt = this.#endOf(atMs);
    if (tokens > 0) this.#buckets.set(endsAt, (this.#buckets.get(endsAt) ?? 0) + tokens);
  }

  /** The end of the bucket that holds `atMs`. */
  #endOf(atMs: number): number {
    return (Math.floor(atMs / this.#bucketMs) + 1) * this.#bucketMs;
  }
}
