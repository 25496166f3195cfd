// The slots of one key, as its shard keeps them: how many requests go on at one time, and who holds each.
// A slot is held until it is released or its lease ends; it is never held twice. The clock comes in and never goes back.

import type { SlotAnswer } from "../../contracts/limits.ts";

export type Slot = { readonly id: string; readonly isolateId: string; endsAt: number };
/** As it is stored. */
export type SlotState = { readonly seenAt: number; readonly slots: readonly Slot[] };

export type SlotsAsked = {
  readonly isolateId: string;
  readonly limit: number;
  readonly leaseMs: number;
  readonly released: readonly string[];
  readonly renewed: readonly string[];
  readonly wanted: readonly string[];
};

export class SlotBook {
  readonly #seenAt: number;
  #slots: Slot[];

  constructor(nowMs: number, state?: SlotState) {
    this.#seenAt = Math.max(nowMs, state?.seenAt ?? nowMs);
    this.#slots = (state?.slots ?? []).filter(({ endsAt }) => endsAt > this.#seenAt).map((slot) => ({ ...slot }));
  }

  toState(): SlotState {
    return { seenAt: this.#seenAt, slots: this.#slots };
  }

  get slots(): readonly Slot[] {
    return this.#slots;
  }

  /** From when on nothing is held any longer, epoch ms. */
  get idleAt(): number {
    return Math.max(this.#seenAt, ...this.#slots.map(({ endsAt }) => endsAt));
  }

  get releaseInMs(): number {
    return this.#slots.length === 0 ? 0 : Math.min(...this.#slots.map(({ endsAt }) => endsAt)) - this.#seenAt;
  }

  /** Releases first, so that who waits gets what has just come free. A renewal that comes too late gets a free slot or none. */
  serve({ isolateId, limit, leaseMs, released, renewed, wanted }: SlotsAsked): SlotAnswer {
    const gone = new Set(released);
    this.#slots = this.#slots.filter(({ id }) => !gone.has(id));
    const held: string[] = [];
    for (const id of [...renewed, ...wanted]) {
      if (gone.has(id)) continue;
      const slot = this.#slots.find((one) => one.id === id);
      if (slot !== undefined) slot.endsAt = Math.max(slot.endsAt, this.#seenAt + leaseMs);
      else if (this.#slots.length < limit) this.#slots.push({ id, isolateId, endsAt: this.#seenAt + leaseMs });
      else continue;
      held.push(id);
    }
    return { kind: "slots", held, remaining: Math.max(0, limit - this.#slots.length) };
  }
}
