// An isolate's account with one pool's registry: what it holds, what it owes a report of, what it asks for next. Decides no request.
// Used by PoolLeases only.

import type { LeaseCall, Roster } from "../../contracts/registry.ts";
import { rosterOf } from "../../policies/balancing/describe-instance.ts";
import { fadeRecent, isPrefetchDue, positionsWanted } from "../../policies/balancing/range-size.ts";
import { isSameOrder } from "../../policies/balancing/roster-order.ts";
import type { CompiledPool } from "../../policies/routing/compiled-config.ts";
import { OutcomeReports } from "./outcome-reports.ts";
import type { Leased } from "./pool-line.ts";
import { PoolRanges } from "./pool-ranges.ts";
import { PoolSlots } from "./pool-slots.ts";

const NEVER = Number.NEGATIVE_INFINITY;
/** How old what an isolate knows of who is out may be, and what a busy one's report may take beyond renewAfterMs. */
const VERDICT_MS = 1_000;
const REPORT_MS = 500;

export class PoolAccount {
  readonly slots = new PoolSlots();
  readonly ranges = new PoolRanges();
  /** Requests that wait for the registry just now. */
  waiting = 0;
  /** WebSockets passed through and not reported yet. */
  uncounted = 0;
  readonly #isolateId: string;
  #pool: CompiledPool | undefined;
  #roster: Roster = { configVersion: 0, deployedAt: 0, strategy: "round-robin", instances: [] };
  /** A request that began under one of them must not bring it back. */
  readonly #superseded = new WeakSet<CompiledPool>();
  #snapshotAtMs = NEVER;
  #recentRequests = 0;
  #recentAtMs = NEVER;
  #callId = 0;
  readonly #outcomes = new OutcomeReports();
  #hasReportedLoad = false;

  constructor(isolateId: string) {
    this.#isolateId = isolateId;
  }

  /** Of one request. */
  get triesMax(): number {
    return this.#pool?.attemptsMax ?? 1;
  }

  get roster(): Roster {
    return this.#roster;
  }

  /** When the fleet's in-flight was asked for; epoch ms. */
  get snapshotAtMs(): number {
    return this.#snapshotAtMs;
  }

  /** Whether what the registry said of who is out, and of the circuit, may have changed for long. */
  isOutOfDate(nowMs: number, renewAfterMs: number): boolean {
    return nowMs - this.#snapshotAtMs >= Math.max(VERDICT_MS, renewAfterMs + REPORT_MS);
  }

  /** Takes on the pool as configured now: counters and failures carry over by instance id, positions if they still mean the same. */
  bind(pool: CompiledPool, configVersion: number, deployedAt: number): boolean {
    if (pool === this.#pool || this.#superseded.has(pool)) return false;
    if (this.#pool !== undefined) this.#superseded.add(this.#pool);
    const roster = rosterOf(pool, configVersion, deployedAt);
    if (!isSameOrder(roster, this.#roster)) {
      this.ranges.clear();
      this.#snapshotAtMs = NEVER;
    }
    this.#pool = pool;
    this.#roster = roster;
    this.slots.bind(pool.instances);
    return true;
  }

  countRequest(nowMs: number, renewAfterMs: number): void {
    this.#recentRequests = fadeRecent(this.#recentRequests, nowMs - this.#recentAtMs, renewAfterMs) + 1;
    this.#recentAtMs = nowMs;
  }

  isPrefetchDue(): boolean {
    return this.#roster.strategy === "round-robin" && isPrefetchDue(this.#earlierRequests(), this.ranges.held);
  }

  /** Whether each choice is the registry's own: isolates see each other's late, which evens out by itself only where requests are short. */
  isForRegistry(lasting = false): boolean {
    return lasting && this.#roster.strategy === "least-connections";
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
    };
  }

  hear(reply: Leased, call: LeaseCall, askedAtMs: number): void {
    this.ranges.acknowledge(call.reports);
    if (reply.range !== undefined) this.ranges.accept(reply.range, askedAtMs);
    this.uncounted -= call.uncounted;
    this.#outcomes.hear(this.slots, call);
    this.slots.eject(reply.out, askedAtMs);
    // A pick is counted there at once, so it too must be reported gone when it is.
    this.#hasReportedLoad = call.inFlight.length > 0 || reply.pick !== undefined;
    this.slots.hear(reply.others);
    this.#snapshotAtMs = askedAtMs;
  }

  hasNews(): boolean {
    return (
      this.uncounted > 0 ||
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
    if (this.#roster.strategy !== "round-robin" || this.slots.all.length < 2) return 0;
    const { waiting } = this;
    return positionsWanted({ recentRequests: this.#earlierRequests(), waiting, skipped, held: this.ranges.held });
  }

  /** Not counting the one that is asking, so that a lone request asks for one position. */
  #earlierRequests(): number {
    return Math.max(0, this.#recentRequests - 1);
  }
}
