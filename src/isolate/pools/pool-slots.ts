// What an isolate knows of each instance of a pool: its own requests under way, the others' as last heard, recent failures.
// Slots outlive a change of the roster while their instance leads to the same place, and a request ends on the slot it began on.
// PoolAccount keeps them, PoolLeases chooses among them and counts on them.

import type { Membership } from "../../contracts/lifecycle.ts";
import type { Outcome } from "../../contracts/registry.ts";
import { describeTarget } from "../../policies/balancing/describe-instance.ts";
import { hotThreshold, type SnapshotLoad } from "../../policies/balancing/pick-by-snapshot.ts";
import { OutcomeCount } from "../../policies/health/outcomes.ts";
import type { Doubt, Listening, Waiting } from "../../policies/health/silence.ts";
import type { CompiledInstance } from "../../policies/routing/compiled-config.ts";

/** A try that has waited for a while. */
export type SlowTry = Waiting & {
  /** No request waits for longer, epoch ms: what is still here then was cut with its request and never left. */
  readonly endsAtMs: number;
  /** Counted as a failure already, whatever comes of it. */
  isTold: boolean;
  /** Ends the try so that its request goes on to another instance; undefined where it may not, or has gone. */
  goOn: (() => void) | undefined;
};

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
export type PoolSlot = Mutable<SnapshotLoad> &
  Mutable<Doubt> &
  Mutable<Omit<Listening, "waiting">> & {
    readonly outcomes: OutcomeCount;
    readonly waiting: Set<SlowTry>;
    /** Woken, once, when the instance is closed: its relayed WebSockets, with how soon they are to be gone, ms. */
    readonly sockets: Set<(withinMs: number) => void>;
    /** When all that wait for it were last looked through, epoch ms. */
    judgedAtMs: number;
  };

const NEVER = Number.NEGATIVE_INFINITY;
const NOTHING_KNOWN = {
  heardAtMs: NEVER,
  provenAtMs: NEVER,
  silentAtMs: 0,
  judgedAtMs: NEVER,
  doubtful: false,
  unheard: 0,
  outUntilMs: 0,
};

export class PoolSlots {
  #slots: readonly PoolSlot[] = [];
  #open = 0;
  /** Of instances no longer in the pool, or no longer there, while requests on them are under way. */
  #retired: readonly PoolSlot[] = [];

  /** In the roster's order. */
  get all(): readonly PoolSlot[] {
    return this.#slots;
  }

  /** How many are not closed. */
  get open(): number {
    return this.#open;
  }

  bind(instances: readonly CompiledInstance[]): void {
    const known = new Map([...this.#retired, ...this.#slots].map((slot) => [placeOf(slot.instance), slot]));
    this.#slots = instances.map((instance) => {
      const place = placeOf(instance);
      const slot = known.get(place) ?? openSlot(instance);
      slot.instance = instance;
      known.delete(place);
      return slot;
    });
    this.#retired = [...known.values()].filter(({ inFlight }) => inFlight > 0);
  }

  find(instanceId: string): PoolSlot | undefined {
    return this.#slots.find(({ instance }) => instance.id === instanceId);
  }

  /** Own requests under way or about to begin, absolute and whole. */
  inFlight(): [instanceId: string, requests: number][] {
    const requestsOf = new Map<string, number>();
    for (const { instance, inFlight, promised } of [...this.#slots, ...this.#retired]) {
      const requests = inFlight + promised;
      if (requests > 0) requestsOf.set(instance.id, (requestsOf.get(instance.id) ?? 0) + requests);
    }
    return [...requestsOf];
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

  /** What became of requests since the registry last answered; instances without any are left out. */
  outcomes(): Outcome[] {
    return this.#slots.flatMap(({ instance, outcomes }) => (outcomes.isEmpty ? [] : [outcomes.tell(instance.id)]));
  }

  hasFailed(): boolean {
    return this.#slots.some(({ outcomes }) => outcomes.hasFailed);
  }

  /** The registry has heard these. */
  acknowledge(heard: readonly Outcome[]): void {
    for (const outcome of heard) this.find(outcome.instanceId)?.outcomes.forget(outcome);
  }

  /** Takes in who is out for the whole fleet, counted from `askedAtMs`. */
  eject(out: readonly (readonly [instanceId: string, forMs: number])[], askedAtMs: number): void {
    const forMsOf = new Map(out);
    for (const slot of this.#slots) {
      const forMs = forMsOf.get(slot.instance.id);
      slot.ejectedUntilMs = forMs === undefined ? 0 : askedAtMs + forMs;
    }
  }

  /** After each `bind`: takes in who is closed, and whose WebSockets are to go elsewhere. */
  close({ closed, reconnect }: Pick<Membership, "closed" | "reconnect">): void {
    const ids = new Set(closed);
    for (const slot of this.#slots) slot.closed = ids.has(slot.instance.id);
    this.#open = this.#slots.filter((slot) => !slot.closed).length;
    for (const [id, withinMs] of reconnect) {
      const sockets = this.find(id)?.sockets;
      for (const wake of sockets ?? []) wake(withinMs);
      sockets?.clear();
    }
  }

  /** Those put out for the whole fleet that requests wait for. */
  awaitedOut(nowMs: number): PoolSlot[] {
    return this.#slots.filter(({ ejectedUntilMs, waiting }) => waiting.size > 0 && ejectedUntilMs > nowMs);
  }

  /** Forgets tries that nobody waits for any more: they would tell of silence, or hide it, for ever. */
  dropEnded(nowMs: number): void {
    for (const slot of [...this.#slots, ...this.#retired]) {
      for (const slow of slot.waiting) if (slow.endsAtMs <= nowMs) slot.waiting.delete(slow);
      if (slot.waiting.size === 0) slot.doubtful = false;
    }
  }

  /** For a clock that stepped back to `nowMs`: when something was heard, sent or passed over is not known any more. */
  forgetTimes(nowMs: number): void {
    for (const slot of [...this.#slots, ...this.#retired]) {
      slot.waiting.clear();
      Object.assign(slot, { ...NOTHING_KNOWN, heardAtMs: nowMs });
    }
  }

  /** Ids of the instances passed over at `nowMs`. */
  skipped(nowMs: number): string[] {
    return this.#slots.flatMap(({ instance, outUntilMs, ejectedUntilMs, closed }) =>
      closed || Math.max(outUntilMs, ejectedUntilMs) > nowMs ? [instance.id] : [],
    );
  }
}

/** An instance that leads elsewhere begins anew, whatever befell the one that had its id. */
const placeOf = ({ id, target }: CompiledInstance): string => `${id} ${describeTarget(target)}`;

const openSlot = (instance: CompiledInstance): PoolSlot => ({
  instance,
  inFlight: 0,
  promised: 0,
  others: 0,
  hot: false,
  failures: 0,
  ejectedUntilMs: 0,
  closed: false,
  outcomes: new OutcomeCount(),
  waiting: new Set(),
  sockets: new Set(),
  ...NOTHING_KNOWN,
});
