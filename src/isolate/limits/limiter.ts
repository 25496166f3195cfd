// Whether a request is within its limits, from what this isolate has been lent: without a call while that lasts.
// All or nothing: what one limit refuses costs the others nothing. Called by src/traffic and src/router.ts.

import { limiterShards } from "../../objects.ts";
import { type CompiledLimit, ruleFor } from "../../policies/limits/compiled-limit.ts";
import { HOLD_MS_MAX } from "../../policies/limits/lease-size.ts";
import type { Denial, LimitFact } from "../../policies/limits/limit-answer.ts";
import type { Standing } from "../../policies/limits/limit-key.ts";
import { RateWindow } from "../../policies/limits/rate-window.ts";
import { BoundedMap } from "../bounded-map.ts";
import { LatestTime } from "../latest-time.ts";
import type { Access } from "../refreshed.ts";
import { HeldSlots } from "./held-slots.ts";
import { limitAddress } from "./limit-address.ts";
import { isRefusal, type LimitClaim } from "./limit-claim.ts";
import { type Exchange, type KeyRate, LimiterLine } from "./limiter-line.ts";
import { SlotClaim } from "./slot-claim.ts";
import { TokenClaim } from "./token-claim.ts";

/** `facts`: of the limits that show them. `overrun`: limits in shadow that would have refused. `slots`: held until the request ends. */
export type Admitted = {
  readonly ok: true;
  readonly facts: readonly LimitFact[];
  readonly overrun: readonly string[];
  readonly slots: HeldSlots | undefined;
};
export type Denied = Denial & { readonly ok: false };
export type Admission = Admitted | Denied;

export type LimiterOptions = {
  readonly isolateId: string;
  /** Calls a shard; the objects' own unless told otherwise. */
  readonly exchange?: Exchange;
  /** Epoch ms. */
  readonly clock?: () => number;
};

/** A rate that had tokens at hand when it was last claimed, and where they are spent. */
type KnownRate = { readonly line: LimiterLine; readonly rate: KeyRate };

/** Of all limits together: when there are more, all are learnt anew. */
const KNOWN_RATES_MAX = 10_000;
/** A key may be as long as a header. */
const KNOWN_KEY_LENGTH_MAX = 200;
const LOCAL_KEYS_MAX = 10_000;
/** Tokens set aside may lapse while another limit's shard lets the request wait. */
const ASK_ROUNDS_MAX = 3;

export class Limiter {
  readonly #options: LimiterOptions;
  readonly #lines = new Map<number, LimiterLine>();
  /** Windows this isolate counts by itself while their shard is down. */
  readonly #local = new BoundedMap<RateWindow>({ entriesMax: LOCAL_KEYS_MAX });
  /** By the limit as configured and the key's text: neither names nor shards are looked up for what comes again and again. */
  #known = new WeakMap<CompiledLimit, Map<string, KnownRate>>();
  #knownRates = 0;
  readonly #clock: () => number;
  readonly #time: LatestTime;
  #slots = 0;

  constructor(options: LimiterOptions) {
    this.#options = options;
    this.#clock = options.clock ?? Date.now;
    this.#time = new LatestTime(this.#clock, () => {
      for (const line of this.#lines.values()) line.dropLeases();
    });
  }

  /**
   * Whether one rate, which this request is under by itself, admits it with what is at hand: then that is spent. False says nothing of
   * the limit: `admit` knows. Not for a limit with `headers`, for it tells nothing of what is left.
   */
  spendAtHand(limit: CompiledLimit, text: string, access: Access): boolean {
    const known = this.#known.get(limit)?.get(text);
    return known?.line.spendAtHand(known.rate, this.#time.see(access.nowMs), access) ?? false;
  }

  /** At once (no promise) while everything needed is at hand. Never rejects. */
  admit(standings: readonly Standing[], access: Access): Admission | Promise<Admission> {
    const { env, ctx } = access;
    const now = { env, ctx, nowMs: this.#time.see(access.nowMs) };
    const claims: LimitClaim[] = [];
    for (const standing of standings) claims.push(this.#claim(standing, now));
    const isOpen = claims.some(isUnknown) && !claims.some(isKnownToRefuse);
    return isOpen ? this.#askAll(claims, now) : conclude(claims, now);
  }

  /** Whether nothing is left of a rate; spends nothing. False while its shard does not answer. */
  async isExhausted({ limit, key: text }: Standing, access: Access): Promise<boolean> {
    const rule = ruleFor(limit, text);
    if (rule.kind === "slots") return false;
    const { key, shard } = limitAddress(limit.name, text, limiterShards(access.env));
    const line = this.#lineTo(shard);
    return (await line.look(line.rateAccount(key, rule), access)) === 0;
  }

  async #askAll(claims: readonly LimitClaim[], access: Access): Promise<Admission> {
    // Whatever is asked for alone now may have to wait for another that lapses meanwhile.
    const holdMs = claims.length > 1 ? HOLD_MS_MAX : 0;
    for (let rounds = 0; rounds < ASK_ROUNDS_MAX; rounds++) {
      const open = claims.filter(isUnknown);
      if (open.length === 0) break;
      await Promise.all(open.map((claim) => claim.ask(access, holdMs)));
      const nowMs = this.#time.read();
      for (const claim of claims) claim.lookAgain(nowMs);
    }
    return conclude(claims, { ...access, nowMs: this.#time.read() });
  }

  #claim({ limit, key: text }: Standing, { env, nowMs }: Access): LimitClaim {
    const rule = ruleFor(limit, text);
    const { key, shard } = limitAddress(limit.name, text, limiterShards(env));
    const line = this.#lineTo(shard);
    if (rule.kind === "slots") {
      const slotId = `${this.#options.isolateId}.${++this.#slots}`;
      return new SlotClaim({ limit, rule, line, account: line.slotAccount(key, rule), slotId });
    }
    const countAlone = (): boolean => this.#countAlone(key, { ...rule, cost: limit.cost });
    const account = line.rateAccount(key, rule);
    const claim = new TokenClaim({ limit, rule, line, account, countAlone }, nowMs);
    if (claim.outcome === "admitted") this.#know(limit, text, { line, rate: { account, rule, cost: limit.cost } });
    return claim;
  }

  #countAlone(key: string, { limit, windowMs, cost }: { limit: number; windowMs: number; cost: number }): boolean {
    const window = new RateWindow(windowMs, this.#clock(), this.#local.get(key)?.toState());
    this.#local.set(key, window);
    return window.spend(cost, limit);
  }

  #know(limit: CompiledLimit, text: string, known: KnownRate): void {
    if (text.length > KNOWN_KEY_LENGTH_MAX) return;
    if (this.#knownRates === KNOWN_RATES_MAX) {
      this.#known = new WeakMap();
      this.#knownRates = 0;
    }
    const rates = this.#known.get(limit) ?? new Map<string, KnownRate>();
    if (rates.size === 0) this.#known.set(limit, rates);
    if (!rates.has(text)) this.#knownRates++;
    rates.set(text, known);
  }

  #lineTo(shard: number): LimiterLine {
    const known = this.#lines.get(shard);
    if (known !== undefined) return known;
    const line = new LimiterLine({ ...this.#options, shard });
    this.#lines.set(shard, line);
    return line;
  }
}

let own: Limiter | undefined;

/** This isolate's own. Made at the first request: no random id can be made before there is one. */
export function limiter(): Limiter {
  own ??= new Limiter({ isolateId: crypto.randomUUID() });
  return own;
}

const isUnknown = ({ outcome }: LimitClaim): boolean => outcome === undefined;
const isKnownToRefuse = ({ outcome, limit }: LimitClaim): boolean =>
  outcome !== undefined && !limit.shadow && isRefusal(outcome);

/** Spends what was set aside, or gives all of it back. */
function conclude(claims: readonly LimitClaim[], access: Access): Admission {
  // The first, in the order given, that is known not to let the request pass, before any that has no answer.
  const refused = claims.find(isKnownToRefuse) ?? claims.find((claim) => isUnknown(claim) && !claim.limit.shadow);
  if (refused !== undefined) {
    for (const claim of claims) claim.giveBack(access);
    const why = refused.outcome === "denied" ? "exceeded" : "unavailable";
    return { ok: false, fact: refused.fact(access.nowMs), why };
  }
  const facts: LimitFact[] = [];
  const overrun: string[] = [];
  const holding: SlotClaim[] = [];
  for (const claim of claims) {
    claim.confirm(access);
    const { limit, outcome } = claim;
    if (limit.headers) facts.push(claim.fact(access.nowMs));
    if (limit.shadow && isRefusal(outcome)) overrun.push(limit.name);
    if (claim instanceof SlotClaim && claim.isHeld) holding.push(claim);
  }
  return { ok: true, facts, overrun, slots: holding.length === 0 ? undefined : new HeldSlots(holding) };
}
