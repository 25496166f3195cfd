// Sends the request to the selected instance, and on to one not yet tried where sending again is allowed.

import { type Refusal, refuse } from "../contracts/refusals.ts";
import { DeadlineExceeded } from "../deadline.ts";
import { ApiKeyUnset } from "../instances/call-instance.ts";
import { poolLeases } from "../isolate/pools/leased-pools.ts";
import type { Trial } from "../isolate/pools/pool-breaker.ts";
import type { PoolLeases } from "../isolate/pools/pool-leases.ts";
import type { Selection } from "../isolate/pools/selection.ts";
import { log } from "../log.ts";
import { type HashKey, hashKeyOf } from "../policies/balancing/hash-key.ts";
import { tryWaitMs } from "../policies/forwarding/resend.ts";
import type { CompiledPool, CompiledRoute } from "../policies/routing/compiled-config.ts";
import { circuit } from "./circuit.ts";
import type { Decision } from "./handle.ts";
import { HedgedSend, ruleOf } from "./hedge.ts";
import { Hold } from "./hold.ts";
import { BodyOverrun, BrokenBody, type Parcel, packParcel } from "./parcel.ts";
import { Tries } from "./retry.ts";
import type { Incoming } from "./sanitise.ts";
import type { Scope } from "./scope.ts";
import { select } from "./select.ts";
import { send, type Try } from "./send.ts";
import type { Trail } from "./trail.ts";

export type Forwarded = {
  readonly ok: true;
  readonly response: Response;
  readonly route: CompiledRoute;
  /** The instance that answered, to be given back exactly once, now or when the body has gone by. */
  readonly hold: Hold;
};

/** One request under way to its pool. */
type Sending = {
  readonly scope: Scope;
  readonly trail: Trail;
  readonly route: CompiledRoute;
  readonly parcel: Parcel;
  readonly leases: PoolLeases;
  readonly tries: Tries;
  readonly key: string | undefined;
};

export async function forward(scope: Scope, decision: Decision, trail: Trail): Promise<Forwarded | Refusal> {
  const { incoming, config, route } = decision;
  const packed = packParcel(scope.request, incoming, route);
  const parcel = packed instanceof Promise ? await packed : packed;
  if (!parcel.ok) return parcel;
  const leases = poolLeases(scope.env, config, route.pool, scope.deployment.deployedAt);
  // The client's upload is over, so from here on it is the instances that are waited for.
  const startedAtMs = Date.now();
  const tries = new Tries(route, leases, { isResendable: parcel.resendable, beganAtMs: startedAtMs });
  const key = route.pool.hashKey && affinityOf(trail, incoming, route.pool.hashKey);
  const sending: Sending = { scope, trail, route, parcel, leases, tries, key };
  /** What the client gets unless a later try does better. */
  let fallback: Forwarded | Refusal = noneToTry(route.pool);
  for (let beganAtMs = startedAtMs; ; beganAtMs = Date.now()) {
    const asked = route.pool.breaker === undefined ? undefined : circuit(scope, leases, beganAtMs);
    const passage = asked instanceof Promise ? await asked : asked;
    if (passage?.ok === false) return passOn(tries.isUnsent ? passage : fallback, trail);
    const selected = selectNext(sending, beganAtMs, passage?.trial);
    const selection = selected instanceof Promise ? await selected : selected;
    const sentAtMs = selected instanceof Promise || asked instanceof Promise ? Date.now() : beganAtMs;
    if (selection === undefined || sentAtMs >= tries.deadlineAtMs) {
      passage?.trial?.conclude("unused");
      const isLate = selection !== undefined && tries.isUnsent;
      return passOn(isLate ? failed(route.pool, new DeadlineExceeded(0)) : fallback, trail);
    }
    let attempt = begin(sending, selection, sentAtMs);
    attempt.hold.trial = passage?.trial;
    const hedged = hedge(sending, attempt);
    let pauseMs: number | undefined;
    try {
      const response = await (hedged === undefined ? send(attempt) : hedged.send());
      attempt = decisiveOf(hedged, attempt, trail);
      const { hold } = attempt;
      pauseMs = tries.bookAnswer(hold.selection.instance, response);
      discard(fallback);
      fallback = { ok: true, response, route, hold };
      if (pauseMs === undefined) return fallback;
      hold.release(scope.ctx);
      noteFailure(`status ${response.status}`, hold.selection, trail);
    } catch (error) {
      attempt = decisiveOf(hedged, attempt, trail);
      const clientFault = faultOfClient(error, parcel);
      // What became of a try that was sent says more than a key that is missing.
      if (!fallback.ok && (tries.isUnsent || !(error instanceof ApiKeyUnset))) fallback = failed(route.pool, error);
      if (clientFault === undefined) pauseMs = bookFailure(sending, attempt, error);
      attempt.hold.release(scope.ctx);
      if (clientFault !== undefined || pauseMs === undefined) return clientFault ?? passOn(fallback, trail);
    }
    if (pauseMs > 0) await scheduler.wait(pauseMs);
  }
}

/** What the request has in common with others that are to go to the same instance. */
const affinityOf = ({ identity }: Trail, { headers }: Incoming, by: HashKey): string | undefined =>
  hashKeyOf(by, {
    session: identity?.session?.name,
    user: identity?.session?.data.userId,
    header: (name) => (Object.hasOwn(headers, name) ? headers[name] : undefined),
  });

/** A trial is the request's only try: more would be sent to the pool than its circuit breaker lets through. */
function selectNext(sending: Sending, nowMs: number, trial: Trial | undefined) {
  const { scope, trail, route, parcel, leases, tries, key } = sending;
  if (trial !== undefined) tries.makeLast();
  const lasting = parcel.upgrade && route.webSocket === "relay";
  const forTrial = tries.hasMore && !parcel.upgrade;
  return select(scope, { leases, tried: tries.tried, nowMs, lasting, forTrial, key }, trail);
}

function begin({ scope, route, parcel, leases, tries }: Sending, selection: Selection, sentAtMs: number): Try {
  const hold = new Hold(leases, selection, sentAtMs);
  const mayGoOn = tries.hasMore;
  const remainingMs = tries.deadlineAtMs - sentAtMs;
  const waitMs = tryWaitMs({ remainingMs, tryTimeoutMs: route.tryTimeoutMs, moreTries: mayGoOn });
  return { parcel, route, hold, scope, waitMs, mayGoOn, isFirst: tries.isUnsent };
}

/** Only a first try is hedged, and no trial of the circuit breaker. */
function hedge(sending: Sending, first: Try): HedgedSend | undefined {
  const rule = first.isFirst && first.hold.trial === undefined ? ruleOf(first.route, first.parcel) : undefined;
  if (rule === undefined) return undefined;
  const join = () => joinIn(sending, first.hold.selection);
  const lost = ({ hold, waitMs }: Try, failure: unknown) => {
    noteFailure(failure, hold.selection, sending.trail);
    sending.tries.bookLost(failure, hold, waitMs);
    hold.release(sending.scope.ctx);
  };
  return new HedgedSend(first, { rule, join, lost });
}

/** A second try beside one that is slow, unless retries are spent, the circuit has opened or no other instance is available. */
function joinIn(sending: Sending, first: Selection): Try | undefined {
  const { leases, tries, trail } = sending;
  const nowMs = Date.now();
  if (leases.retries.isSpent || !leases.breaker.isClosed || nowMs >= tries.deadlineAtMs) return undefined;
  const selection = leases.selectOther([first.instance], nowMs);
  if (selection === undefined) return undefined;
  trail.tries++;
  trail.hedge = "lost";
  return begin(sending, selection, nowMs);
}

/** The try that counts: of two, the one whose end is the request's. */
function decisiveOf(hedged: HedgedSend | undefined, attempt: Try, trail: Trail): Try {
  if (hedged === undefined || hedged.decisive.hold === attempt.hold) return attempt;
  trail.hedge = "won";
  trail.noteSelection(hedged.decisive.hold.selection);
  return hedged.decisive;
}

/** How long to pause before the next try, ms; undefined when there is none. */
function bookFailure({ trail, tries }: Sending, { hold, waitMs }: Try, error: unknown): number | undefined {
  noteFailure(error, hold.selection, trail);
  return tries.bookError(error, hold, waitMs);
}

/** What no other instance could do better. */
function faultOfClient(error: unknown, { upload }: Parcel): Refusal | undefined {
  if (error instanceof BrokenBody) return refuse(error instanceof BodyOverrun ? "body_too_large" : "body_broken");
  return error instanceof DeadlineExceeded && upload?.awaitsClient === true ? refuse("body_timeout") : undefined;
}

/** An earlier answer was given by an earlier instance, on an earlier decision. */
function passOn(fallback: Forwarded | Refusal, trail: Trail): Forwarded | Refusal {
  if (fallback.ok) trail.noteSelection(fallback.hold.selection);
  return fallback;
}

function discard(fallback: Forwarded | Refusal): void {
  if (fallback.ok) fallback.response.body?.cancel().catch(nothing);
}

const nothing = (): void => undefined;

/** The words are document 001's (R21). */
function noteFailure(error: unknown, { instance }: Selection, trail: Trail): void {
  trail.failed = [...(trail.failed ?? []), instance.id];
  const { requestId } = trail;
  log("error", `Error communicating with backend worker ${instance.id}`, { requestId, cause: String(error) });
}

/** Pools fed by discovery keep document 001's texts (R18, R31); where all that was found are taken out, it is no pool without backends. */
export const noneToTry = ({ discovered, instances }: CompiledPool): Refusal =>
  refuse(discovered && instances.length === 0 ? "no_backend_discovered" : "no_instance");

function failed(pool: CompiledPool, error: unknown): Refusal {
  if (error instanceof ApiKeyUnset) return refuse("api_key_unset");
  if (pool.discovered) return refuse("all_backends_failed");
  return refuse(error instanceof DeadlineExceeded ? "upstream_timeout" : "upstream_failed");
}
