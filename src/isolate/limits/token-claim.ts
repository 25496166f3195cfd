// One request under one rate: its tokens are set aside, spent when every limit admits it, put back when one does not.

import type { RateRule } from "../../contracts/limits.ts";
import type { TokenHold } from "../../policies/limits/allowance.ts";
import type { CompiledLimit } from "../../policies/limits/compiled-limit.ts";
import type { LimitFact } from "../../policies/limits/limit-answer.ts";
import type { RateAccount } from "../../policies/limits/rate-account.ts";
import type { Access } from "../refreshed.ts";
import type { Asking, LimitClaim, Outcome } from "./limit-claim.ts";
import type { LimiterLine } from "./limiter-line.ts";

export type TokenClaimFacts = {
  readonly limit: CompiledLimit;
  readonly rule: RateRule;
  readonly line: LimiterLine;
  readonly account: RateAccount;
  /** Counts this request without the shard; false when it is one too many. */
  readonly countAlone: () => boolean;
};

export class TokenClaim implements LimitClaim {
  readonly limit: CompiledLimit;
  outcome: Outcome | undefined;
  readonly #facts: TokenClaimFacts;
  #hold: TokenHold | undefined;
  /** What was waited for and came must be spent at once: no clock that may step says whether it was. */
  #isOld = false;
  #ageing: ReturnType<typeof setTimeout> | undefined;

  /** Takes what is at hand; nobody overtakes those who wait. */
  constructor(facts: TokenClaimFacts, nowMs: number) {
    const { limit, account } = facts;
    this.limit = limit;
    this.#facts = facts;
    if (account.waiters.length === 0) this.#hold = account.allowance.take(limit.cost, nowMs);
    if (this.#hold !== undefined) this.outcome = "admitted";
    else if (account.allowance.isDenied(nowMs)) this.outcome = "denied";
  }

  lookAgain(nowMs: number): void {
    if (this.#hold === undefined || (nowMs < this.#hold.lease.untilMs && !this.#isOld)) return;
    this.#facts.account.allowance.putBack(this.#hold);
    this.#letGo();
    this.outcome = undefined;
  }

  async ask(asking: Asking, holdMs: number): Promise<void> {
    const { line, account } = this.#facts;
    const got = await line.waitForTokens(account, { cost: this.limit.cost, holdMs }, asking);
    if (got === "denied") this.outcome = "denied";
    else if (got === "failed") this.outcome = this.#withoutShard();
    else this.#setAside(got, holdMs);
  }

  confirm(access: Access): void {
    if (this.#hold !== undefined) this.#facts.line.spend(this.#facts.account, this.#hold, access);
    this.#letGo();
  }

  giveBack(asking: Asking): void {
    if (this.#hold !== undefined) this.#facts.line.putBack(this.#facts.account, this.#hold, asking);
    this.#letGo();
  }

  fact(nowMs: number): LimitFact {
    const { rule, account } = this.#facts;
    const { name } = this.limit;
    const view = account.allowance.view(nowMs);
    const remaining = this.outcome === "denied" ? 0 : view.remaining;
    return { name, limit: rule.limit, windowMs: rule.windowMs, remaining, releaseInMs: view.releaseInMs };
  }

  #setAside(hold: TokenHold, holdMs: number): void {
    this.outcome = "admitted";
    this.#hold = hold;
    this.#isOld = false;
    if (holdMs > 0) this.#ageing = setTimeout(() => (this.#isOld = true), holdMs);
  }

  #letGo(): void {
    this.#hold = undefined;
    if (this.#ageing !== undefined) clearTimeout(this.#ageing);
    this.#ageing = undefined;
  }

  #withoutShard(): Outcome {
    if (this.limit.onError === "closed") return "unavailable";
    if (this.limit.onError === "local" && !this.#facts.countAlone()) return "denied";
    return "uncounted";
  }
}
