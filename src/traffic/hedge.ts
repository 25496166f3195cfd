// A first try that is slow is joined by a second one on another instance (route field `hedge`). The first good answer wins; the other is
// broken off and given back, and never counts as a failure. Only for GET and HEAD of routes that ask, and no more than their budget bears.

import { hedgesOf } from "../isolate/pools/route-hedges.ts";
import type { HedgeBudget } from "../policies/forwarding/hedge-budget.ts";
import type { CompiledRoute, HedgeRule } from "../policies/routing/compiled-config.ts";
import type { Parcel } from "./parcel.ts";
import { discardBody, Superseded, send, type Try } from "./send.ts";

/** How one of the tries ended. */
type End = { readonly attempt: Try } & ({ readonly response: Response } | { readonly error: unknown });

type Hedging = {
  readonly rule: HedgeRule;
  /** The second try, on an instance held for it; undefined where there is none to be had. */
  readonly join: () => Try | undefined;
  /** A try that ended badly while the other is what counts: to be told of, as a failed try is. */
  readonly lost: (attempt: Try, failure: unknown) => void;
};

/** Whether a first try of this request may be hedged at all. */
export const ruleOf = ({ hedge }: CompiledRoute, { method, upgrade }: Parcel): HedgeRule | undefined =>
  hedge !== undefined && !upgrade && (method === "GET" || method === "HEAD") ? hedge : undefined;

export class HedgedSend {
  /** The try whose end is the end of both. */
  decisive: Try;
  readonly #hedging: Hedging;

  constructor(first: Try, hedging: Hedging) {
    this.decisive = first;
    this.#hedging = hedging;
  }

  /** As send, for `decisive`. */
  async send(): Promise<Response> {
    const end = await this.#race(supersedable(this.decisive));
    this.decisive = end.attempt;
    if ("error" in end) throw end.error;
    return end.response;
  }

  async #race(first: Runner): Promise<End> {
    const { route, hold } = this.decisive;
    const { delay, budget } = hedgesOf(route, this.#hedging.rule);
    budget.earn();
    const early = await endWithin(first.ended, delay.delayMs(this.#hedging.rule.afterMs));
    const second = early === undefined ? this.#join(budget) : undefined;
    const end = early ?? (second === undefined ? await first.ended : await this.#better(first, second));
    // Of a first one that was given up this much is known: it would have taken longer.
    if (isGood(end)) delay.hear(Math.max(0, Date.now() - hold.sentAtMs));
    return end;
  }

  #join(budget: HedgeBudget): Runner | undefined {
    const attempt = budget.isSpent ? undefined : this.#hedging.join();
    if (attempt === undefined) return undefined;
    budget.spend();
    return supersedable(attempt);
  }

  async #better(first: Runner, second: Runner): Promise<End> {
    const end = await Promise.race([first.ended, second.ended]);
    const other = end.attempt === first.attempt ? second : first;
    if (isGood(end)) {
      other.supersede();
      return end;
    }
    const later = await other.ended;
    // An answer, however bad, says more than none.
    const kept = isGood(later) || "error" in end ? later : end;
    const lost = kept === end ? later : end;
    if ("error" in lost) this.#hedging.lost(lost.attempt, lost.error);
    else {
      discardBody(lost.response);
      this.#hedging.lost(lost.attempt, `status ${lost.response.status}`);
    }
    return kept;
  }
}

type Runner = { readonly attempt: Try; readonly ended: Promise<End>; readonly supersede: () => void };

function supersedable(plain: Try): Runner {
  const { promise: superseded, reject } = Promise.withResolvers<never>();
  superseded.catch(() => undefined);
  const attempt = { ...plain, superseded };
  const ended = send(attempt).then(
    (response): End => ({ attempt, response }),
    (error): End => ({ attempt, error }),
  );
  const supersede = () => {
    reject(new Superseded());
    attempt.hold.release(attempt.scope.ctx);
    // What answered at the very same time is not wanted any more.
    void ended.then((end) => "response" in end && discardBody(end.response));
  };
  return { attempt, ended, supersede };
}

const isGood = (end: End): boolean => "response" in end && end.response.status < 500;

/** Undefined when it has not ended by then. */
async function endWithin(ended: Promise<End>, delayMs: number | undefined): Promise<End | undefined> {
  if (delayMs === undefined) return await ended;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const over = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), delayMs);
  });
  const early = await Promise.race([ended, over]);
  clearTimeout(timer);
  return early;
}
