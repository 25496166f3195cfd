// What an isolate holds of one key's slots: taken for requests that wait, renewed while they go on, told when they have ended.
// Pure: the clock comes in as an argument. Spoken for by limiter-desk.ts.

import type { SlotAnswer, SlotAsk, SlotRule } from "../../contracts/limits.ts";

export type SlotOutcome = "held" | "denied" | "failed";
export type SlotWaiter = { readonly id: string; readonly settle: (outcome: SlotOutcome) => void };
type Asked = {
  readonly ask: SlotAsk;
  readonly sent: { readonly account: SlotAccount; readonly ids: readonly string[] };
};

/** A slot is renewed after this share of its lease, early enough for another try. */
export const RENEW_SHARE = 1 / 3;

export class SlotAccount {
  readonly key: string;
  rule: SlotRule;
  remaining = 0;
  readonly #waiters = new Map<string, SlotWaiter>();
  /** Slot → when to renew it, epoch ms. */
  readonly #held = new Map<string, number>();
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
    return this.#held.size === 0 ? undefined : Math.min(...this.#held.values());
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

  /** Every slot held is due to be renewed: for a clock that stepped back. */
  renewAll(): void {
    for (const id of this.#held.keys()) this.#held.set(id, 0);
  }

  ask(nowMs: number): Asked | undefined {
    const released = [...this.#released];
    const renewed = [...this.#held].filter(([, renewAtMs]) => renewAtMs <= nowMs).map(([id]) => id);
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
      this.#waiters.delete(id);
      if (held.has(id) && (waiter !== undefined || this.#held.has(id)))
        this.#held.set(id, nowMs + this.rule.leaseMs * RENEW_SHARE);
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
}
