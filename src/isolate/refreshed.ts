// One value an isolate remembers and keeps fresh: the revocation log, the compiled configuration.
// Never answers with anything older than the asked bound while its source answers in time; what it
// answers instead says so (`stale`). One load at a time, shared by all requests of the isolate.

import { withDeadline } from "../deadline.ts";
import { log } from "../log.ts";
import { LatestTime } from "./latest-time.ts";
import type { Lifetime } from "./lifetime.ts";

/** What a request lends to the load it starts: its environment, its lifetime and its clock (epoch ms). */
export type Access = {
  readonly env: Env;
  readonly ctx: Lifetime;
  readonly nowMs: number;
};

/** `askedAt` is the isolate's clock before it asked, so age is never understated. `stale`: older than the bound, for want of better. */
export type Held<T> = { readonly value: T; readonly askedAt: number; readonly stale: boolean };

export type RefreshedOptions<T> = {
  /** Names the value in the log when a load fails. */
  readonly name: string;
  /** Fetches the value anew. `known` is the last good one, so that the source can answer "unchanged": then return `known`. */
  readonly load: (known: T | undefined, env: Env) => Promise<T>;
  /** How long a request waits when there is no last good value to fall back on. */
  readonly firstWaitMs?: number;
  /** The isolate's clock, epoch ms. */
  readonly clock?: () => number;
};

type Flight<T> = { readonly askedAt: number; readonly landed: Promise<Held<T>> };

/** How long a request waits for a refresh while there is a last good value. */
const WAIT_MS = 500;
const FIRST_WAIT_MS = 5_000;
/** A load still out after this is given up: its request may have been cut, and then it never settles. */
const FLIGHT_MS_MAX = 5_000;
/** From this share of the bound on a value is asked for anew, early enough for an answer before the bound is reached. */
const EARLY = 0.75;
/** After a failed load the last good value serves this long before the source is asked again. */
const RETRY_PAUSE_MS = 100;
/** The flight that was out already may have asked too early for this request; the next one cannot have. */
const FLIGHTS_AWAITED_MAX = 2;

export class Refreshed<T> {
  readonly #options: Required<RefreshedOptions<T>>;
  readonly #time: LatestTime;
  #held: Held<T> | undefined;
  #flight: Flight<T> | undefined;
  #failedAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: RefreshedOptions<T>) {
    this.#options = { firstWaitMs: FIRST_WAIT_MS, clock: () => Date.now(), ...options };
    this.#time = new LatestTime(this.#options.clock, () => this.drop());
  }

  /**
   * The value, at most `freshnessMs` old: at once when that is so (asking again in the background from three quarters of that age on),
   * else after a wait of at most 500 ms for a refresh, else the last good one marked `stale`.
   * Rejects only when no load has ever succeeded, or none since the clock stepped back.
   */
  current(access: Access, freshnessMs: number): Held<T> | Promise<Held<T>> {
    const nowMs = this.#time.see(access.nowMs);
    const held = this.#held;
    if (held === undefined) return this.#renewed(access, nowMs - freshnessMs, this.#options.firstWaitMs);
    const ageMs = nowMs - held.askedAt;
    const mayAsk = nowMs - this.#failedAtMs >= RETRY_PAUSE_MS;
    if (ageMs <= freshnessMs) {
      if (ageMs > freshnessMs * EARLY && mayAsk) this.#flightFrom(access);
      return held;
    }
    if (!mayAsk) return stale(held);
    const waitMs = this.#flightFrom(access).askedAt + WAIT_MS - nowMs;
    return waitMs > 0 ? this.#renewed(access, nowMs - freshnessMs, waitMs) : stale(held);
  }

  /** The last good value of whatever age, for callers that only want to know whether there is one. */
  peek(): Held<T> | undefined {
    return this.#held;
  }

  /** Makes the value too old for any bound: the next request waits for a new one, and falls back on it if there is none. */
  expire(): void {
    if (this.#held !== undefined) this.#held = { ...this.#held, askedAt: Number.NEGATIVE_INFINITY };
    this.#flight = undefined;
  }

  /** Forgets the value; a load that is out no longer counts. */
  drop(): void {
    this.#held = undefined;
    this.#flight = undefined;
    this.#failedAtMs = Number.NEGATIVE_INFINITY;
  }

  async #renewed(access: Access, oldestMs: number, waitMs: number): Promise<Held<T>> {
    try {
      return await withDeadline(this.#landedSince(access, oldestMs), waitMs);
    } catch (error) {
      if (this.#held === undefined) throw error;
      return stale(this.#held);
    }
  }

  async #landedSince(access: Access, oldestMs: number): Promise<Held<T>> {
    let held = await this.#flightFrom(access).landed;
    for (let flights = 1; held.askedAt < oldestMs && flights < FLIGHTS_AWAITED_MAX; flights++) {
      held = await this.#flightFrom(access).landed;
    }
    return held;
  }

  /** The load that is out, or a new one kept alive by this request. */
  #flightFrom(access: Access): Flight<T> {
    const nowMs = this.#time.read();
    if (this.#flight !== undefined && nowMs - this.#flight.askedAt < FLIGHT_MS_MAX) return this.#flight;
    const flight: Flight<T> = { askedAt: nowMs, landed: this.#load(access.env, nowMs) };
    this.#flight = flight;
    access.ctx.waitUntil(this.#settle(flight));
    return flight;
  }

  async #load(env: Env, askedAt: number): Promise<Held<T>> {
    return { value: await this.#options.load(this.#held?.value, env), askedAt, stale: false };
  }

  async #settle(flight: Flight<T>): Promise<void> {
    try {
      const held = await flight.landed;
      if (this.#flight === flight) this.#held = held;
    } catch (error) {
      if (this.#flight === flight) this.#failedAtMs = this.#time.read();
      log("warn", "refresh failed", { value: this.#options.name, cause: String(error) });
    } finally {
      if (this.#flight === flight) this.#flight = undefined;
    }
  }
}

const stale = <T>(held: Held<T>): Held<T> => ({ ...held, stale: true });
