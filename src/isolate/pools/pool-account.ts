// An isolate's account with one pool's registry: what it holds, what it owes a report of, what it asks for next. Decides no request.
// Used by PoolLeases only.

import type { Membership } from "../../contracts/lifecycle.ts";
import type { LeaseCall, Roster } from "../../contracts/registry.ts";
import { heldAtFirst } from "../../policies/autoscale/scale-settings.ts";
import { rosterOf } from "../../policies/balancing/describe-instance.ts";
import { asksFirstAfterMs } from "../../policies/balancing/lease-timing.ts";
import { fadeRecent, isPrefetchDue, positionsWanted } from "../../policies/balancing/range-size.ts";
import { isSameOrder } from "../../policies/balancing/roster-order.ts";
import { traitsOf } from "../../policies/balancing/strategies.ts";
import { asInstance, withRegistered } from "../../policies/lifecycle/read-registration.ts";
import type { CompiledPool } from "../../policies/routing/compiled-config.ts";
import { OutcomeReports } from "./outcome-reports.ts";
import type { Leased } from "./pool-line.ts";
import { PoolRanges } from "./pool-ranges.ts";
import { PoolSlots } from "./pool-slots.ts";

const NEVER = Number.NEGATIVE_INFINITY;
const NO_MEMBERS: Membership = { version: 0, registered: [], closed: [], reconnect: [] };

export class PoolAccount {
  readonly slots = new PoolSlots();
  readonly ranges = new PoolRanges();
  /** Requests that wait for the registry just now. */
  waiting = 0;
  /** WebSockets passed through and not reported yet. */
  uncounted = 0;
  readonly #isolateId: string;
  #pool: CompiledPool | undefined;
  /** As configured. */
  #roster: Roster = { configVersion: 0, deployedAt: 0, strategy: "round-robin", instances: [] };
  /** A request that began under one of them must not bring it back. */
  readonly #superseded = new WeakSet<CompiledPool>();
  #snapshotAtMs = NEVER;
  #recentRequests = 0;
  #recentAtMs = NEVER;
  #callId = 0;
  #membership = NO_MEMBERS;
  /** What the registry knows that this isolate knows. */
  #membershipTold = 0;
  readonly #outcomes = new OutcomeReports();
  #hasReportedLoad = false;

  constructor(isolateId: string) {
    this.#isolateId = isolateId;
  }

  /** Of one request. */
  get triesMax(): number {
    return Math.min(this.#pool?.attemptsMax ?? 1, this.slots.all.length);
  }

  get roster(): Roster {
    return this.#roster;
  }

  /** When the fleet's in-flight was asked for; epoch ms. */
  get snapshotAtMs(): number {
    return this.#snapshotAtMs;
  }

  /** Takes on the pool as configured now: counters and failures carry over by instance id, positions if they still mean the same. */
  bind(pool: CompiledPool, configVersion: number, deployedAt: number): boolean {
    if (pool === this.#pool || this.#superseded.has(pool)) return false;
    if (this.#pool !== undefined) this.#superseded.add(this.#pool);
    this.#pool = pool;
    this.slots.follow(pool);
    this.#enrol(rosterOf(pool, configVersion, deployedAt));
    return true;
  }

  /** The pool with whoever is registered. What is held of decisions over another order of instances is void. */
  #enrol(roster: Roster): void {
    const registered = this.#membership.registered.map(asInstance);
    const instances = withRegistered(this.#pool?.instances ?? [], registered);
    const before = this.slots.all.map(({ instance }) => instance);
    if (!isSameOrder({ ...roster, instances }, { ...this.#roster, instances: before })) {
      this.ranges.clear();
      this.#snapshotAtMs = NEVER;
    }
    this.#roster = roster;
    this.slots.bind(instances);
    this.slots.close(this.#membership === NO_MEMBERS ? this.#untold() : this.#membership);
  }

  /** Until the registry has said who is needed, no more serve than have to: enough where it is down. */
  #untold(): Pick<Membership, "closed" | "reconnect"> {
    const { autoscale, instances } = this.#pool ?? {};
    return { closed: autoscale && instances ? heldAtFirst(autoscale, instances.length) : [], reconnect: [] };
  }

  countRequest(nowMs: number, renewAfterMs: number): void {
    this.#recentRequests = fadeRecent(this.#recentRequests, nowMs - this.#recentAtMs, renewAfterMs) + 1;
    this.#recentAtMs = nowMs;
  }

  /** Of a pool's only instance nothing is leased but the word that it is in: that is renewed before a busy isolate must wait for it. */
  isPrefetchDue(nowMs: number, renewAfterMs: number): boolean {
    if (this.slots.all.length === 1) return nowMs - this.#snapshotAtMs >= asksFirstAfterMs(renewAfterMs) / 2;
    return traitsOf(this.#roster.strategy).inTurn && isPrefetchDue(this.#earlierRequests(), this.ranges.held);
  }

  /** Whether each choice is the registry's own: isolates see each other's late, which evens out by itself only where requests are short. */
  isForRegistry(lasting = false): boolean {
    return lasting && this.wantsPick;
  }

  /** Whether the registry may decide for a request that waits. */
  get wantsPick(): boolean {
    return traitsOf(this.#roster.strategy).byRegistry && this.slots.all.length > 1;
  }

  compose(pick: boolean, nowMs: number): LeaseCall {
    const { configVersion, deployedAt } = this.#roster;
    const avoid = this.slots.skipped(nowMs);
    return {
      isolateId: this.#isolateId,
      callId: ++this.#callId,
      rosterKey: { configVersion, deployedAt },
      reports: this.ranges.reports(),
      inFlight: this.slots.inFlight(),
      ...this.#outcomes.tell(this.slots, this.#callId, nowMs),
      uncounted: this.uncounted,
      want: this.#positionsWanted(avoid.length),
      pick,
      avoid,
      membership: this.#membership.version,
    };
  }

  hear(reply: Leased, call: LeaseCall, askedAtMs: number): void {
    this.#membershipTold = call.membership ?? 0;
    if (reply.membership !== undefined) {
      this.#membership = reply.membership;
      this.#enrol(this.#roster);
    }
    this.ranges.acknowledge(call.reports);
    if (reply.range !== undefined) this.ranges.accept(reply.range, askedAtMs);
    this.uncounted -= call.uncounted;
    this.#outcomes.hear(this.slots, call);
    this.slots.eject(reply.out, askedAtMs);
    // A pick is counted there at once, so it too must be reported gone when it is.
    this.#hasReportedLoad = call.inFlight.length > 0 || reply.pick !== undefined;
    this.slots.hear(reply, askedAtMs);
    this.#snapshotAtMs = askedAtMs;
  }

  /** Whether it acts on a membership that the registry does not know it acts on: somebody may wait for that. */
  owesWord(): boolean {
    return this.#membershipTold !== this.#membership.version;
  }

  hasNews(): boolean {
    return (
      this.uncounted > 0 ||
      this.owesWord() ||
      this.#hasReportedLoad ||
      this.slots.isBusy() ||
      this.slots.hasFailed() ||
      this.ranges.hasNews()
    );
  }

  /** For a clock that stepped back to `nowMs`: positions go back, since their end is not known any more. */
  forgetTimes(nowMs: number): void {
    this.ranges.giveBack();
    this.slots.forgetTimes(nowMs);
    this.#snapshotAtMs = NEVER;
    this.#recentAtMs = nowMs;
  }

  #positionsWanted(skipped: number): number {
    if (!traitsOf(this.#roster.strategy).inTurn || this.slots.all.length < 2) return 0;
    const { waiting } = this;
    return positionsWanted({ recentRequests: this.#earlierRequests(), waiting, skipped, held: this.ranges.held });
  }

  /** Not counting the one that is asking, so that a lone request asks for one position. */
  #earlierRequests(): number {
    return Math.max(0, this.#recentRequests - 1);
  }
}
