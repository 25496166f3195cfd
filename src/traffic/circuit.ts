// Whether the pool's circuit breaker lets the next try through: asked once per try, and only where the pool has one.

import { type Refusal, refuse } from "../contracts/refusals.ts";
import type { Passage, Trial } from "../isolate/pools/pool-breaker.ts";
import type { PoolLeases } from "../isolate/pools/pool-leases.ts";
import { retryAfterSeconds } from "../policies/forwarding/retry-after-seconds.ts";
import type { Scope } from "./scope.ts";

/** `ok` with the trial this request is, if it is one. */
type Circuit = { readonly ok: true; readonly trial?: Trial } | Refusal;

/** At once while what the isolate knows is good. */
export function circuit({ ctx }: Pick<Scope, "ctx">, leases: PoolLeases, nowMs: number): Circuit | Promise<Circuit> {
  const passage = leases.breaker.pass(ctx, nowMs);
  return passage instanceof Promise ? passage.then(judge) : judge(passage);
}

const judge = (passage: Passage): Circuit =>
  passage.kind === "refuse"
    ? refuseForMs(passage.retryAfterMs)
    : { ok: true, ...(passage.trial && { trial: passage.trial }) };

export const refuseForMs = (ms: number): Refusal =>
  refuse("circuit_open", undefined, { retryAfter: retryAfterSeconds(ms) });
