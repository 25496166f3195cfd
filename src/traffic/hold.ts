// One request's claim on one instance: counted from the moment it is made until it is released, by whoever comes first. What becomes of
// the try is told through it, so that nothing is told twice.

import type { Lifetime } from "../isolate/lifetime.ts";
import type { Trial } from "../isolate/pools/pool-breaker.ts";
import type { PoolLeases } from "../isolate/pools/pool-leases.ts";
import type { Answer } from "../isolate/pools/pool-patience.ts";
import type { SlowTry } from "../isolate/pools/pool-slot.ts";
import type { Selection } from "../isolate/pools/selection.ts";

export class Hold {
  readonly selection: Selection;
  /** Epoch ms. */
  readonly sentAtMs: number;
  /** Once it has waited for a while. */
  slow: SlowTry | undefined;
  /** Of a pool whose circuit is not closed. */
  trial: Trial | undefined;
  readonly #leases: PoolLeases;
  #released = false;
  #forget: (() => void) | undefined;

  constructor(leases: PoolLeases, selection: Selection, sentAtMs: number) {
    this.#leases = leases;
    this.selection = selection;
    this.sentAtMs = sentAtMs;
    leases.begin(selection);
    leases.patience.sent(selection.slot, sentAtMs);
  }

  answered(answer: Answer): void {
    this.trial?.conclude(answer.status < 500 ? "answered" : "failed");
    this.#leases.patience.answered(this.selection.slot, this, answer);
  }

  failed(): void {
    this.trial?.conclude("failed");
    this.#leases.patience.failed(this.selection.slot, this.slow);
  }

  /** From now on the instance may be found silent by it, and it be called on to go on elsewhere, until `endWait`. */
  wait(slow: SlowTry): void {
    this.slow = slow;
    this.#leases.patience.wait(this.selection.slot, slow);
  }

  overdue(ctx: Lifetime): void {
    this.#leases.overdue(this.selection, ctx);
  }

  endWait(): void {
    if (this.slow !== undefined) this.#leases.patience.endWait(this.selection.slot, this.slow);
  }

  /**
   * For a relayed WebSocket: resolves when its instance is closed, to how soon it is to be gone, ms. Made and awaited by the socket's own
   * request, whoever hears of the closing.
   */
  closing(): Promise<number> {
    const { sockets, closed } = this.selection.slot;
    const { promise, resolve } = Promise.withResolvers<number>();
    // It was closed while the handshake was under way.
    if (closed) resolve(0);
    sockets.add(resolve);
    this.#forget = () => sockets.delete(resolve);
    return promise;
  }

  /** Any time after the first does nothing. */
  readonly release = (ctx: Lifetime): void => {
    if (this.#released) return;
    this.#released = true;
    // Where nothing has been told, nothing is known.
    this.trial?.conclude("unused");
    this.#forget?.();
    this.#leases.patience.left(this.selection.slot, this.sentAtMs);
    this.#leases.end(this.selection, ctx);
  };

  /** When `ended` settles; until then the registry is told every few seconds that it goes on. */
  releaseAfter(ended: Promise<void>, ctx: Lifetime): void {
    ctx.waitUntil(ended.then(() => this.release(ctx)));
    this.#leases.renewWhile(ended, ctx);
  }

  /** A WebSocket passed through: what becomes of it is never seen, so it is told apart from what is in flight. */
  releaseUncounted(ctx: Lifetime): void {
    this.#leases.passedSocket(ctx);
    this.release(ctx);
  }
}
