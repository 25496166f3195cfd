// An isolate in virtual time: the plane's own account with its registry, its choice and its patience with instances. Only what the plane does
// with promises is done here with events: it calls the registry every so often, and is answered at once.

import { PoolAccount } from "../../../src/isolate/pools/pool-account.ts";
import { PoolChoice } from "../../../src/isolate/pools/pool-choice.ts";
import { PoolPatience } from "../../../src/isolate/pools/pool-patience.ts";
import type { PoolSlot } from "../../../src/isolate/pools/pool-slot.ts";
import type { Selection } from "../../../src/isolate/pools/selection.ts";
import { answerLeaseCall } from "../../../src/policies/balancing/answer-lease-call.ts";
import type { Barring } from "../../../src/policies/balancing/instance-availability.ts";
import type { RegistryBooks } from "../../../src/policies/balancing/registry-books.ts";
import { RetryBudget } from "../../../src/policies/forwarding/retry-budget.ts";
import type { CompiledInstance, CompiledPool } from "../../../src/policies/routing/compiled-config.ts";
import type { EventQueue } from "../event-queue.ts";
import type { Random } from "../random.ts";

/** Where virtual time begins, epoch ms. */
const EPOCH_MS = 1_800_000_000_000;

export type Surroundings = {
  readonly queue: EventQueue;
  readonly books: RegistryBooks;
  readonly pool: CompiledPool;
  readonly random: Random;
  /** Between two calls to the registry. */
  readonly renewAfterMs: number;
};

export class SimulatedIsolate {
  readonly retries = new RetryBudget();
  readonly #around: Surroundings;
  readonly #account: PoolAccount;
  readonly #choice: PoolChoice;
  readonly #patience: PoolPatience;
  /** Where contenders without a memory of their own begin, so that ties take turns. */
  turn: number;

  constructor(id: string, around: Surroundings) {
    this.#around = around;
    this.#account = new PoolAccount(id);
    this.#account.bind(around.pool, 1, 0);
    this.#choice = new PoolChoice({
      account: this.#account,
      random: around.random,
      renewAfterMs: () => around.renewAfterMs,
    });
    this.#patience = new PoolPatience({ slots: this.#account.slots, clock: () => this.nowMs, retries: this.retries });
    this.turn = Math.floor(around.random() * 1_000);
  }

  get nowMs(): number {
    return EPOCH_MS + this.#around.queue.nowMs;
  }

  get slots(): readonly PoolSlot[] {
    return this.#account.slots.all;
  }

  /** From now on, each isolate at times of its own. */
  renew(): void {
    const { queue, random, renewAfterMs } = this.#around;
    const again = (): void => {
      this.#exchange();
      queue.after(renewAfterMs, again);
    };
    queue.after(random() * renewAfterMs, again);
  }

  /** What the plane's strategy chooses. */
  choose(tried: readonly CompiledInstance[], key?: string): number {
    const { nowMs } = this;
    this.#account.countRequest(nowMs, this.#around.renewAfterMs);
    const barring = this.#choice.barring(tried, nowMs);
    const chosen = this.#choice.fromLease(barring, nowMs, key) ?? this.#afterAsking(barring, key);
    return chosen === undefined ? -1 : this.slots.indexOf(chosen.slot);
  }

  begin(at: number): void {
    const slot = this.slots[at];
    if (slot !== undefined) slot.inFlight++;
  }

  end(at: number, sentAtMs: number, isAnswer: boolean): void {
    const slot = this.slots[at];
    if (slot === undefined) return;
    const { nowMs } = this;
    slot.inFlight--;
    const ms = nowMs - sentAtMs;
    this.#patience.answered(slot, { sentAtMs, slow: undefined }, { status: isAnswer ? 200 : 503, nowMs, ms });
  }

  #afterAsking(barring: Barring, key: string | undefined): Selection | undefined {
    this.#account.waiting++;
    this.#exchange();
    this.#account.waiting--;
    return this.#choice.fromLease(barring, this.nowMs, key) ?? this.#choice.locally(barring, this.nowMs, key);
  }

  #exchange(): void {
    const { books } = this.#around;
    const call = this.#account.compose(false, this.nowMs);
    const first = answerLeaseCall(books, call, this.nowMs);
    const { roster } = this.#account;
    const reply = first.kind === "roster_wanted" ? answerLeaseCall(books, { ...call, roster }, this.nowMs) : first;
    if (reply.kind !== "leased") throw new Error(`simulated-isolate: ${reply.kind}`);
    this.#account.hear(reply, call, this.nowMs);
    this.retries.share(reply.isolates, this.#account.triesMax);
  }
}
