// An isolate's line to one pool's registry: one call at a time for all its requests, and peace for a registry that is down.
// Knows nothing of what is said: PoolAccount composes and hears. No request waits longer than WAIT_MS_MAX.
// PoolLeases asks through it for requests, PoolReports tells through it without any.

import type { LeaseCall, LeaseReply, Roster } from "../../contracts/registry.ts";
import { waitAtMost } from "../../deadline.ts";
import { log } from "../../log.ts";
import type { Lifetime } from "../lifetime.ts";

export type Lease = (call: LeaseCall) => Promise<LeaseReply>;
export type Leased = Extract<LeaseReply, { kind: "leased" }>;

export type LineOptions = {
  readonly lease: Lease;
  /** Epoch ms. */
  readonly clock: () => number;
  readonly compose: (pick: boolean) => LeaseCall;
  readonly roster: () => Roster;
  readonly hear: (reply: Leased, call: LeaseCall, askedAtMs: number) => void;
  /** A reply that came after the line had given its call up. */
  readonly hearLate: (reply: Leased) => void;
  /** The registry decides on a later roster already, of that configuration. */
  readonly hearOutdated: (configVersion: number) => void;
};

/** `pick`: the instance decided for one request; the first to take it leaves undefined. */
export type Landing = { readonly answered: boolean; pick?: string | undefined };
export type Flight = { readonly askedAtMs: number; readonly landed: Promise<Landing>; failed: boolean };

/** How long a request waits for an answer. */
const WAIT_MS_MAX = 500;
/** A call still out after this is given up: its request may have been cut, and then it never lands. */
const FLIGHT_MS_MAX = 5_000;
/** After a failure nobody waits for this long; the registry is asked again in the background, at first after a second. */
const DOWN_MS = 10_000;
const PROBE_AFTER_MS = 1_000;
const PROBE_AFTER_MS_MAX = 8_000;
/** Until the registry has said how often. */
const RENEW_AFTER_MS = 100;
const NEVER = Number.NEGATIVE_INFINITY;

export class PoolLine {
  readonly #options: LineOptions;
  #flight: Flight | undefined;
  #askedAtMs = NEVER;
  #renewAfterMs = RENEW_AFTER_MS;
  #failures = 0;
  #downUntilMs = NEVER;
  #probeAtMs = NEVER;

  constructor(options: LineOptions) {
    this.#options = options;
  }

  get renewAfterMs(): number {
    return this.#renewAfterMs;
  }

  /** When the registry was last called, answered or not; epoch ms. */
  get askedAtMs(): number {
    return this.#askedAtMs;
  }

  /** Whether a call is out that may still be answered. */
  isAsking(nowMs: number): boolean {
    return this.#flight !== undefined && nowMs - this.#flight.askedAtMs < FLIGHT_MS_MAX;
  }

  /** Whether requests had better not wait: the registry has just failed to answer. */
  isDown(nowMs: number): boolean {
    return nowMs < this.#downUntilMs;
  }

  mayAsk(nowMs: number): boolean {
    return nowMs >= this.#probeAtMs && !this.isAsking(nowMs);
  }

  /** The call that is out, or a new one, kept alive by this request. */
  ask(ctx: Lifetime, pick = false): Flight {
    const nowMs = this.#options.clock();
    if (this.#flight !== undefined && this.isAsking(nowMs)) return this.#flight;
    const flight = this.#depart(nowMs, pick);
    ctx.waitUntil(flight.landed);
    return flight;
  }

  /** How the call ended, or undefined when it, or the caller who waits since `sinceMs`, has waited long enough. */
  async landing(flight: Flight, sinceMs: number): Promise<Landing | undefined> {
    const waitMs = Math.min(flight.askedAtMs, sinceMs) + WAIT_MS_MAX - this.#options.clock();
    const landing = waitMs > 0 ? await waitAtMost(flight.landed, waitMs) : undefined;
    if (landing === undefined && this.#options.clock() - flight.askedAtMs >= WAIT_MS_MAX) this.#fail(flight);
    return landing;
  }

  /** Asks if nobody is asking, and waits for the answer: for work that is kept alive already. */
  async tell(): Promise<void> {
    const nowMs = this.#options.clock();
    if (this.mayAsk(nowMs)) await waitAtMost(this.#depart(nowMs, false).landed, FLIGHT_MS_MAX);
  }

  /** Waits for the call that is out, if any. */
  async calm(): Promise<void> {
    if (this.#flight !== undefined) await waitAtMost(this.#flight.landed, FLIGHT_MS_MAX);
  }

  /** What is out no longer counts, nor do times kept so far: for a new roster or a clock that stepped back. */
  reset(): void {
    this.#flight = undefined;
    this.#askedAtMs = NEVER;
    this.#downUntilMs = NEVER;
    this.#probeAtMs = NEVER;
  }

  #depart(nowMs: number, pick: boolean): Flight {
    const { promise, resolve } = Promise.withResolvers<Landing>();
    const flight = { askedAtMs: nowMs, landed: promise, failed: false };
    this.#flight = flight;
    this.#askedAtMs = nowMs;
    void this.#converse(flight, pick).then(resolve);
    return flight;
  }

  async #converse(flight: Flight, pick: boolean): Promise<Landing> {
    const { compose, roster, lease } = this.#options;
    try {
      let call = compose(pick);
      let reply = await lease(call);
      if (reply.kind === "roster_wanted") {
        call = { ...compose(pick), roster: roster() };
        reply = await lease(call);
      }
      return this.#understand(flight, call, reply);
    } catch (error) {
      log("warn", "registry did not answer", { cause: String(error) });
      this.#fail(flight);
      return { answered: false };
    } finally {
      if (this.#flight === flight) this.#flight = undefined;
    }
  }

  #understand(flight: Flight, call: LeaseCall, reply: LeaseReply): Landing {
    if (reply.kind !== "leased") {
      this.#fail(flight);
      if (reply.kind === "roster_outdated") this.#options.hearOutdated(reply.configVersion);
      return { answered: false };
    }
    if (this.#flight !== flight) {
      this.#options.hearLate(reply);
      return { answered: true };
    }
    this.#renewAfterMs = reply.renewAfterMs;
    this.#failures = 0;
    this.#downUntilMs = NEVER;
    this.#probeAtMs = NEVER;
    this.#options.hear(reply, call, flight.askedAtMs);
    return { answered: true, pick: reply.pick };
  }

  /** Once per call, however many waited for it; a call given up says nothing of the one after it. */
  #fail(flight: Flight): void {
    if (flight.failed || this.#flight !== flight) return;
    flight.failed = true;
    const nowMs = this.#options.clock();
    this.#downUntilMs = nowMs + DOWN_MS;
    this.#probeAtMs = nowMs + Math.min(PROBE_AFTER_MS_MAX, PROBE_AFTER_MS * 2 ** this.#failures);
    this.#failures = Math.min(10, this.#failures + 1);
  }
}
