// What an isolate knows of each instance of a pool: its own requests under way, the others' as last heard, recent failures.
// Slots outlive a change of the roster by instance id, so a request ends on the slot it began on.
// PoolAccount keeps them, PoolLeases chooses among them and counts on them.

import { afterFailure } from "../../policies/balancing/instance-availability.ts";
import { hotThreshold, type SnapshotLoad } from "../../policies/balancing/pick-by-snapshot.ts";
import type { CompiledInstance } from "../../policies/routing/compiled-config.ts";

export type PoolSlot = { -readonly [K in keyof SnapshotLoad]: SnapshotLoad[K] };

export class PoolSlots {
  #slots: readonly PoolSlot[] = [];
  /** Of instances no longer in the pool, while requests on them are under way. */
  #retired: readonly PoolSlot[] = [];

  /** In the roster's order. */
  get all(): readonly PoolSlot[] {
    return this.#slots;
  }

  bind(instances: readonly CompiledInstance[]): void {
    const known = new Map([...this.#retired, ...this.#slots].map((slot) => [slot.instance.id, slot]));
    this.#slots = instances.map((instance) => {
      const slot = known.get(instance.id) ?? openSlot(instance);
      slot.instance = instance;
      known.delete(instance.id);
      return slot;
    });
    this.#retired = [...known.values()].filter(({ inFlight }) => inFlight > 0);
  }

  find(instanceId: string): PoolSlot | undefined {
    return this.#slots.find(({ instance }) => instance.id === instanceId);
  }

  /** Own requests under way, absolute and whole. */
  inFlight(): [instanceId: string, requests: number][] {
    return [...this.#slots, ...this.#retired].flatMap(({ instance, inFlight }) =>
      inFlight > 0 ? [[instance.id, inFlight]] : [],
    );
  }

  isBusy(): boolean {
    return this.#slots.some(({ inFlight }) => inFlight > 0) || this.#retired.some(({ inFlight }) => inFlight > 0);
  }

  /** Takes in a snapshot; what a pick needs of it is worked out here, once. */
  hear(others: readonly (readonly [instanceId: string, requests: number])[]): void {
    const requestsOf = new Map(others);
    for (const slot of this.#slots) {
      slot.others = requestsOf.get(slot.instance.id) ?? 0;
      // Whoever was promised an instance has begun by now or never will.
      slot.promised = 0;
    }
    const hotAbove = hotThreshold(this.#slots.map(({ inFlight, others }) => inFlight + others));
    for (const slot of this.#slots) slot.hot = slot.inFlight + slot.others > hotAbove;
  }

  /** Ids of the instances passed over at `nowMs`. */
  skipped(nowMs: number): string[] {
    return this.#slots.flatMap(({ instance, outUntilMs }) => (outUntilMs > nowMs ? [instance.id] : []));
  }
}

export const failSlot = (slot: PoolSlot, nowMs: number): void => {
  Object.assign(slot, afterFailure(slot, nowMs));
};

export const restoreSlot = (slot: PoolSlot): void => {
  slot.failures = 0;
  slot.outUntilMs = 0;
};

const openSlot = (instance: CompiledInstance): PoolSlot => ({
  instance,
  inFlight: 0,
  promised: 0,
  others: 0,
  hot: false,
  failures: 0,
  outUntilMs: 0,
});
