// One key's rate as an isolate deals with it: what it may spend, and who waits for more. Spoken for by limiter-desk.ts.

import type { RateRule } from "../../contracts/limits.ts";
import { Allowance, type TokenHold } from "./allowance.ts";

/** `failed`: the shard did not answer. */
export type TokenOutcome = TokenHold | "denied" | "failed";
export type Waiters = ReadonlySet<TokenWaiter>;
export type TokenWaiter = {
  readonly cost: number;
  /** How long it may keep them before it spends them, by a timer of its own: 0 unless it waits for other limits too. */
  readonly holdMs: number;
  readonly settle: (outcome: TokenOutcome) => void;
};

export class RateAccount {
  readonly key: string;
  readonly allowance: Allowance;
  readonly waiters: TokenWaiter[] = [];
  /** The desk knows it no longer: nothing more is spent from it at once. */
  isForgotten = false;
  /** Who only wants to know what remains. */
  readonly lookers: ((remaining: number | undefined) => void)[] = [];

  constructor(key: string, rule: RateRule) {
    this.key = key;
    this.allowance = new Allowance(rule);
  }

  /** Nobody waits. */
  get isIdle(): boolean {
    return this.waiters.length === 0;
  }

  /** When the shard should be told of it unasked, epoch ms; undefined while there is nothing to tell. */
  get tellAtMs(): number | undefined {
    const { tellAtMs } = this.allowance;
    return tellAtMs === Number.POSITIVE_INFINITY ? undefined : tellAtMs;
  }
}

/** What the shard is told that those who wait may need. */
export function longestHold(waiters: Iterable<TokenWaiter>): number {
  let longestMs = 0;
  for (const { holdMs } of waiters) longestMs = Math.max(longestMs, holdMs);
  return longestMs;
}
