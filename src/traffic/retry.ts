// Whether a request goes on to another instance, and after how long: while it may be sent twice, has time, and the pool's budget lasts.

import { DeadlineExceeded } from "../deadline.ts";
import { ApiKeyUnset } from "../instances/call-instance.ts";
import type { PoolLeases } from "../isolate/pools/pool-leases.ts";
import { tryMsMin } from "../policies/forwarding/resend.ts";
import {
  isWorthRetrying,
  RETRY_AFTER_MS_MAX,
  retryAfterMs,
  retryDelayMs,
} from "../policies/forwarding/retry-profile.ts";
import type { CompiledInstance, CompiledRoute } from "../policies/routing/compiled-config.ts";
import type { Hold } from "./hold.ts";
import { InstanceSilent } from "./outwait.ts";

/** `beganAtMs`: when the first try could begin, epoch ms. */
type Sending = { readonly isResendable: boolean; readonly beganAtMs: number };

export class Tries {
  /** Not selected again. */
  readonly tried: CompiledInstance[] = [];
  readonly deadlineAtMs: number;
  readonly #route: CompiledRoute;
  readonly #leases: PoolLeases;
  #sentMax: number;
  #sent = 0;

  constructor(route: CompiledRoute, leases: PoolLeases, { isResendable, beganAtMs }: Sending) {
    this.#route = route;
    this.#leases = leases;
    this.#sentMax = isResendable ? route.attemptsMax : 1;
    this.deadlineAtMs = beganAtMs + route.timeoutMs;
  }

  /** Whether another try could follow the one that is about to be made. */
  get hasMore(): boolean {
    const isLeft = this.tried.length + 1 < this.#leases.size;
    return isLeft && this.#sent + 1 < this.#sentMax && !this.#leases.retries.isSpent;
  }

  /** The try that is about to be made is the only one: more would be sent to the pool than its circuit breaker lets through. */
  makeLast(): void {
    this.#sentMax = this.#sent + 1;
  }

  /** Whether no instance has been sent to yet. */
  get isUnsent(): boolean {
    return this.#sent === 0;
  }

  /** Whether a try that has `remainingMs` could be answered by a sound instance. */
  isWorthMaking(remainingMs: number): boolean {
    return remainingMs > 0 && remainingMs >= tryMsMin(this.#route.tryTimeoutMs);
  }

  /**
   * Books the try, and one of the pool's retries where an instance not tried yet is to be asked for a better answer: how long to pause before,
   * ms. Undefined when this answer is passed on.
   */
  bookAnswer(instance: CompiledInstance, { status, headers }: Response): number | undefined {
    if (!isWorthRetrying(this.#route.retryProfile, status)) return undefined;
    const askedMs = retryAfterMs(headers.get("Retry-After"), Date.now());
    return askedMs > RETRY_AFTER_MS_MAX ? undefined : this.#book(instance, askedMs);
  }

  /** As bookAnswer, for a try that rejected with `error` of send after `waitMs` at most; undefined when the request has failed for good. */
  bookError(error: unknown, hold: Hold, waitMs: number): number | undefined {
    const { instance } = hold.selection;
    // Nothing was sent, so the next is no second try, nor is this instance's health in question.
    if (error instanceof ApiKeyUnset) return this.#bookUnsent(instance);
    if (error instanceof InstanceSilent) return this.#bookSilence(instance);
    this.#blame(error, hold, waitMs);
    return this.#book(instance, 0);
  }

  /** Of two tries that were out at one time, the one that does not count: it failed with `failure`, or answered with a status of 5xx. */
  bookLost(failure: unknown, hold: Hold, waitMs: number): void {
    this.tried.push(hold.selection.instance);
    if (failure instanceof Error) this.#blame(failure, hold, waitMs);
  }

  /** One that was given no time is not to blame, nor is one that was told of or not even sent. */
  #blame(error: unknown, hold: Hold, waitMs: number): void {
    if (error instanceof ApiKeyUnset || error instanceof InstanceSilent) return;
    if (!(error instanceof DeadlineExceeded) || this.isWorthMaking(waitMs)) hold.failed();
  }

  #bookUnsent(instance: CompiledInstance): number {
    this.tried.push(instance);
    return 0;
  }

  /** It was told of, and its successor is paid for, which begins at once. */
  #bookSilence(instance: CompiledInstance): number | undefined {
    this.tried.push(instance);
    this.#sent++;
    return this.#hasTimeAfter(0, Date.now()) ? 0 : undefined;
  }

  #book(instance: CompiledInstance, askedMs: number): number | undefined {
    this.tried.push(instance);
    this.#sent++;
    if (this.#sent >= this.#sentMax || this.tried.length >= this.#leases.size) return undefined;
    const pauseMs = Math.max(askedMs, retryDelayMs(this.#route.retryProfile, this.#sent, Math.random));
    const nowMs = Date.now();
    return this.#hasTimeAfter(pauseMs, nowMs) && this.#leases.retries.spend(nowMs) ? pauseMs : undefined;
  }

  #hasTimeAfter(pauseMs: number, nowMs: number): boolean {
    return this.isWorthMaking(this.deadlineAtMs - nowMs - pauseMs);
  }
}
