// What an isolate knows of all instances of a pool, those included that have left it while requests on them are under way.
// Slots outlive a change of the roster while their instance leads to the same place, and a request ends on the slot it began on.
// PoolAccount keeps them, PoolLeases chooses among them and counts on them.

import type { Strategy } from "../../contracts/balancing-config.ts";
import type { Membership } from "../../contracts/lifecycle.ts";
import type { FleetPace, Outcome } from "../../contracts/registry.ts";
import { openGauge } from "../../policies/balancing/gauge.ts";
import { PoolPace } from "../../policies/balancing/instance-pace.ts";
import { othersShare } from "../../policies/balancing/pick-by-snapshot.ts";
import { tierOf } from "../../policies/balancing/serving-tier.ts";
import { relativeShares, slowStartShare } from "../../policies/balancing/slow-start.ts";
import { turnSchedule } from "../../policies/balancing/turn-schedule.ts";
import type { CompiledInstance, CompiledPool } from "../../policies/routing/compiled-config.ts";
import type { Leased } from "./pool-line.ts";
import { NOTHING_KNOWN, openSlot, type PoolSlot, placeOf } from "./pool-slot.ts";

export class PoolSlots {
  #slots: readonly PoolSlot[] = [];
  #open = 0;
  /** Of instances no longer in the pool, or no longer there, while requests on them are under way. */
  #retired: readonly PoolSlot[] = [];
  #strategy: Strategy = "round-robin";
  #pace = new PoolPace();
  #slowStartMs = 0;
  /** Whose each position is; undefined where instances take equal turns. */
  schedule: Uint16Array | undefined;
  /** Whether some instances serve only while others are not enough. */
  hasTiers = false;
  /** What one of the others' requests counts for, and how many isolates there are, at the last snapshot. */
  share = 0;
  isolates = 1;

  /** In the roster's order. */
  get all(): readonly PoolSlot[] {
    return this.#slots;
  }

  /** How many are not closed. */
  get open(): number {
    return this.#open;
  }

  /** How instances are chosen from now on. */
  follow({ strategy, slowStartMs }: Pick<CompiledPool, "strategy" | "slowStartMs">): void {
    this.#slowStartMs = slowStartMs;
    if (strategy === this.#strategy) return;
    this.#strategy = strategy;
    this.#gaugeAnew();
  }

  #gaugeAnew(): void {
    this.#pace = new PoolPace();
    for (const slot of [...this.#slots, ...this.#retired])
      Object.assign(slot, { gauge: openGauge(this.#strategy, this.#pace), slowness: 1 });
  }

  bind(instances: readonly CompiledInstance[]): void {
    const known = new Map([...this.#retired, ...this.#slots].map((slot) => [placeOf(slot.instance), slot]));
    this.#slots = instances.map((instance) => {
      const place = placeOf(instance);
      const slot = known.get(place) ?? openSlot(instance, openGauge(this.#strategy, this.#pace));
      slot.instance = instance;
      slot.tier = tierOf(instance);
      slot.burden = 1 / (instance.weight * slot.ramp);
      known.delete(place);
      return slot;
    });
    this.#retired = [...known.values()].filter(({ inFlight }) => inFlight > 0);
    this.schedule = this.#strategy === "weighted" ? turnSchedule(instances.map(({ weight }) => weight)) : undefined;
    this.hasTiers = this.#slots.some(({ tier }) => tier !== this.#slots[0]?.tier);
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
  hear(reply: Leased, nowMs: number): void {
    const requestsOf = new Map(reply.others);
    let [own, others] = [0, 0];
    for (const slot of this.#slots) {
      slot.others = requestsOf.get(slot.instance.id) ?? 0;
      // Whoever was promised an instance has begun by now or never will.
      slot.promised = 0;
      slot.slowness = slot.gauge?.at(nowMs) ?? 1;
      own += slot.inFlight;
      others += slot.others;
    }
    this.share = othersShare(own, others);
    this.isolates = reply.isolates;
    if (reply.paces !== undefined) this.#learn(reply.paces, reply.degraded ?? [], nowMs);
    this.#startSlowly(reply.starting ?? [], nowMs);
  }

  #learn(paces: readonly FleetPace[], degraded: readonly string[], nowMs: number): void {
    const paceOf = new Map(paces.map(([id, ms, failedShare]) => [id, { ms, failedShare }]));
    for (const slot of this.#slots) {
      const { id } = slot.instance;
      const word = { ms: 0, failedShare: 0, ...paceOf.get(id), degraded: degraded.includes(id) };
      slot.slowness = slot.gauge?.learn(word, nowMs) ?? 1;
    }
  }

  /** Only those that requests go to count among the old ones. */
  #startSlowly(starting: readonly (readonly [instanceId: string, agoMs: number])[], nowMs: number): void {
    const agoMsOf = new Map(starting);
    const isIn = ({ closed, ejectedUntilMs }: PoolSlot): boolean => !closed && ejectedUntilMs <= nowMs;
    const shares = relativeShares(
      this.#slots.map((slot) => (isIn(slot) ? slowStartShare(agoMsOf.get(slot.instance.id), this.#slowStartMs) : 0)),
    );
    for (const [at, slot] of this.#slots.entries()) {
      slot.ramp = shares[at] || 1;
      slot.burden = 1 / (slot.instance.weight * slot.ramp);
    }
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
    this.#gaugeAnew();
  }

  /** Ids of the instances passed over at `nowMs`. */
  skipped(nowMs: number): string[] {
    return this.#slots.flatMap(({ instance, outUntilMs, ejectedUntilMs, closed }) =>
      closed || Math.max(outUntilMs, ejectedUntilMs) > nowMs ? [instance.id] : [],
    );
  }
}
