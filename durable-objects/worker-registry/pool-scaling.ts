// Scales a pool: looks at its load tick by tick, writes decisions down, and tells the pool's webhook of them without anyone waiting for it.
// Built and called by the WorkerRegistry object only.

import type { AutoscaleStatus, ScaleDecision, ScaleDelivery } from "../../src/contracts/autoscale.ts";
import { callScaleWebhook } from "../../src/instances/call-scale-webhook.ts";
import { log } from "../../src/log.ts";
import { afterAttempt, deliverable, dueAt, overtaken } from "../../src/policies/autoscale/delivery.ts";
import { describeScale, nextScaleAtMs, scalePool, scalingOf } from "../../src/policies/autoscale/scale-pool.ts";
import { isAtRest, type RegistryBooks } from "../../src/policies/balancing/registry-books.ts";
import type { ScaleTables } from "./scale-tables.ts";

type PoolScalingParts = {
  readonly books: RegistryBooks;
  readonly tables: ScaleTables;
  readonly env: Env;
  readonly pool: string;
};

export class PoolScaling {
  readonly #parts: PoolScalingParts;
  /** Whether the webhook is being called just now. */
  #isCalling = false;

  constructor(parts: PoolScalingParts) {
    this.#parts = parts;
  }

  /** When there is something to look at or to deliver next, epoch ms. */
  nextDueMs(nowMs: number): number {
    const { books } = this.#parts;
    const due = this.#isCalling ? undefined : this.#deliverable()?.delivery.nextAtMs;
    return Math.min(nextScaleAtMs(books, { atRest: isAtRest(books), nowMs }), due ?? Number.POSITIVE_INFINITY);
  }

  /** Decides, if it is time to. */
  tick(nowMs: number): void {
    const { books, tables, pool } = this.#parts;
    if (nextScaleAtMs(books, { atRest: isAtRest(books), nowMs }) > nowMs) return;
    const made = scalePool(books, pool, nowMs);
    if (made === undefined) return;
    const decision = scalingOf(books)?.webhook === undefined ? made : { ...made, delivery: dueAt(nowMs) };
    const { id, from, to, reason, why } = decision;
    tables.add(decision);
    this.#replace(decision);
    for (const { id: earlier, delivery } of overtaken(books.scale.decisions)) this.#note(earlier, delivery);
    log("info", "autoscale", { pool, id, from, to, reason, why });
  }

  /** Resolves when the webhook has answered or been given up; at once where there is nothing to deliver. */
  async deliver(nowMs: number): Promise<void> {
    const { books, env, pool } = this.#parts;
    const webhook = scalingOf(books)?.webhook;
    const decision = this.#deliverable();
    if (webhook === undefined || decision === undefined || this.#isCalling || decision.delivery.nextAtMs > nowMs)
      return;
    this.#isCalling = true;
    const { id, from, to, reason, why, signals } = decision;
    const failure = await callScaleWebhook(env, webhook, { pool, id, from, to, reason, why, signals });
    this.#isCalling = false;
    // It may have been overtaken meanwhile.
    const delivery = books.scale.decisions.find((one) => one.id === id)?.delivery;
    if (delivery !== undefined) this.#note(id, afterAttempt(delivery, failure, Date.now()));
    if (failure !== undefined) log("warn", "scale webhook failed", { pool, id, cause: failure });
  }

  status(nowMs: number): AutoscaleStatus | undefined {
    return describeScale(this.#parts.books, this.#parts.pool, nowMs);
  }

  #deliverable() {
    const { books } = this.#parts;
    return scalingOf(books)?.webhook === undefined ? undefined : deliverable(books.scale.decisions);
  }

  #note(id: string, delivery: ScaleDelivery): void {
    const { books, tables } = this.#parts;
    const decision = books.scale.decisions.find((one) => one.id === id);
    if (decision === undefined) return;
    tables.saveDelivery(id, delivery);
    this.#replace({ ...decision, delivery });
  }

  #replace(decision: ScaleDecision): void {
    const { scale } = this.#parts.books;
    scale.decisions = scale.decisions.map((one) => (one.id === decision.id ? decision : one));
  }
}
