// One request under one limit of what goes on at one time: it holds a slot from its admission until its end.

import type { SlotRule } from "../../contracts/limits.ts";
import type { CompiledLimit } from "../../policies/limits/compiled-limit.ts";
import type { LimitFact } from "../../policies/limits/limit-answer.ts";
import { RENEW_SHARE, type SlotAccount } from "../../policies/limits/slot-account.ts";
import type { Asking, LimitClaim, Outcome } from "./limit-claim.ts";
import type { LimiterLine } from "./limiter-line.ts";

/** When one comes free is anybody's guess. */
const RETRY_MS = 1_000;

export type SlotClaimFacts = {
  readonly limit: CompiledLimit;
  readonly rule: SlotRule;
  readonly line: LimiterLine;
  readonly account: SlotAccount;
  /** Of the slot wished for; nobody else's. */
  readonly slotId: string;
};

export class SlotClaim implements LimitClaim {
  readonly limit: CompiledLimit;
  outcome: Outcome | undefined;
  readonly #facts: SlotClaimFacts;
  #isHeld = false;

  constructor(facts: SlotClaimFacts) {
    this.limit = facts.limit;
    this.#facts = facts;
  }

  /** A slot's lease is far longer than any wait. */
  lookAgain(): void {}

  /** Every slot is asked for: an isolate alone can't know how many are taken elsewhere, so `local` is as good as `open` here. */
  async ask(asking: Asking): Promise<void> {
    const { line, account, slotId } = this.#facts;
    const got = await line.waitForSlot(account, slotId, asking);
    this.#isHeld = got === "held";
    if (got === "failed") this.outcome = this.limit.onError === "closed" ? "unavailable" : "uncounted";
    else this.outcome = got === "held" ? "admitted" : "denied";
  }

  /** The slot is held already. */
  confirm(): void {}

  giveBack(asking: Asking): void {
    if (!this.#isHeld) return;
    this.#isHeld = false;
    this.#facts.line.releaseSlot(this.#facts.account, this.#facts.slotId, asking);
  }

  fact(): LimitFact {
    const { rule, account } = this.#facts;
    const { name } = this.limit;
    const isDenied = this.outcome === "denied";
    const remaining = isDenied ? 0 : account.remaining;
    return { name, limit: rule.limit, windowMs: undefined, remaining, releaseInMs: isDenied ? RETRY_MS : 0 };
  }

  /** Whether there is something to give back when the request has ended. */
  get isHeld(): boolean {
    return this.#isHeld;
  }

  /** How often `renew` is due, ms. */
  get renewEveryMs(): number {
    return this.#facts.rule.leaseMs * RENEW_SHARE;
  }

  /** This request goes on. */
  renew(asking: Asking): void {
    this.#facts.line.renewSlot(this.#facts.account, this.#facts.slotId, asking);
  }
}
