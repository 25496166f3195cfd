// What an isolate holds of one key's slots: taken for requests that wait, renewed while they go on, told when they have ended.
// Pure: the clock comes in as an argument. Spoken for by limiter-desk.ts.

import type { SlotAnswer, SlotAsk, SlotRule } from "../../contracts/limits.ts";

export type SlotOutcome = "held" | "denied" | "failed";
type SlotWaiter = { readonly id: string; readonly settle: (outcome: SlotOutcome) => void };
type Asked = {
  readonly ask: SlotAsk;
  readonly sent: { readonly account: SlotAccount; readonly ids: readonly string[] };
};

/** When to renew it, and when its request last said that it goes on: epoch ms. */
type HeldSlot = { renewAtMs: number; goesOnAtMs: number };

/** A slot is renewed after this share of its lease, early enough for another try. */
export const RENEW_SHARE = 1 / 3;

export class SlotAccount {
  readonly key: string;
  rule: SlotRule;
  remaining = 0;
  readonly #waiters = new Map<string, SlotWaiter>();
  readonly #held = new Map<string, HeldSlot>();
  readonly #released = new Set<string>();

  constructor(key: string, rule: SlotRule) {
    this.key = key;
    this.rule = rule;
  }

  get isIdle(): boolean {
    return this.#waiters.size + this.#held.size + this.#released.size === 0;
  }

  /** When a slot is to be renewed, epoch ms; undefined while none is held. */
  get renewAtMs(): number | undefined {
    return this.#held.size === 0 ? undefined : Math.min(...[...this.#held.values()].map(({ renewAtMs }) => renewAtMs));
  }

  wait(waiter: SlotWaiter): void {
    this.#waiters.set(waiter.id, waiter);
  }

  /** The request has ended, or waits no longer: a slot it has or may yet get comes back. */
  release(id: string): void {
    this.#waiters.delete(id);
    this.#held.delete(id);
    this.#released.add(id);
  }

  /** Said by the request itself, every now and then. */
  goesOn(id: string, nowMs: number): void {
    const slot = this.#held.get(id);
    if (slot !== undefined) slot.goesOnAtMs = nowMs;
  }

  /** Every slot held is due to be renewed: for a clock that stepped back. */
  renewAll(): void {
    for (const slot of this.#held.values()) slot.renewAtMs = 0;
  }

  ask(nowMs: number): Asked | undefined {
    this.#releaseCut(nowMs);
    const released = [...this.#released];
    const renewed = [...this.#held].filter(([, { renewAtMs }]) => renewAtMs <= nowMs).map(([id]) => id);
    const wanted = [...this.#waiters.keys()];
    if (released.length + renewed.length + wanted.length === 0) return undefined;
    const ask: SlotAsk = { kind: "slots", key: this.key, rule: this.rule, released, renewed, wanted };
    return { ask, sent: { account: this, ids: [...released, ...renewed, ...wanted] } };
  }

  /** `ids` are those the call spoke of. A slot that could not be renewed goes on uncounted: its request is under way. */
  hear(answer: SlotAnswer, ids: readonly string[], nowMs: number): void {
    this.remaining = answer.remaining;
    const held = new Set(answer.held);
    for (const id of ids) {
      const waiter = this.#waiters.get(id);
      const known = this.#held.get(id);
      this.#waiters.delete(id);
      const renewAtMs = nowMs + this.rule.leaseMs * RENEW_SHARE;
      if (held.has(id) && (waiter !== undefined || known !== undefined))
        this.#held.set(id, { renewAtMs, goesOnAtMs: known?.goesOnAtMs ?? nowMs });
      else this.#held.delete(id);
      if (!held.has(id)) this.#released.delete(id);
      waiter?.settle(held.has(id) ? "held" : "denied");
    }
  }

  /** Releases and renewals are told again with the next call. */
  fail(ids: readonly string[]): void {
    for (const id of ids) {
      const waiter = this.#waiters.get(id);
      if (waiter === undefined) continue;
      // The shard may have heard after all.
      this.release(id);
      waiter.settle("failed");
    }
  }

  /** A request not heard of for a whole lease was cut with its client, and gives nothing back itself. */
  #releaseCut(nowMs: number): void {
    for (const [id, slot] of this.#held) {
      // By a clock that stepped back, whoever is held goes on from now.
      slot.goesOnAtMs = Math.min(slot.goesOnAtMs, nowMs);
      if (nowMs - slot.goesOnAtMs >= this.rule.leaseMs) this.release(id);
    }
  }
}
