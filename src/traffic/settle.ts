// Gives the instance back, cleans what comes back from it, answers the client and writes the one log line.

import type { Refusal } from "../contracts/refusals.ts";
import { isLogged, writeAccessLine } from "../http/access-log.ts";
import { clientIpOf } from "../http/client-ip.ts";
import { prefersHtml, problem } from "../http/reply.ts";
import { rawPath } from "../policies/forwarding/address.ts";
import { endsAtHeaders } from "../policies/forwarding/ends-at-headers.ts";
import { HOP_BY_HOP, nominatedBy } from "../policies/forwarding/header-rule.ts";
import type { CompiledRoute } from "../policies/routing/compiled-config.ts";
import { carry } from "./carry.ts";
import type { Forwarded } from "./forward.ts";
import { relay } from "./relay.ts";
import type { Scope } from "./scope.ts";
import type { Trail } from "./trail.ts";

export function settle(scope: Scope, trail: Trail, outcome: Forwarded | Refusal): Response {
  if (outcome.ok && outcome.response.webSocket !== null) return upgrade(scope, trail, outcome);
  trail.leash?.letGo();
  const response = outcome.ok ? finish(scope, trail, outcome) : refuseWith(scope, trail, outcome);
  if (trail.limitHeaders !== undefined)
    for (const [name, value] of trail.limitHeaders) response.headers.set(name, value);
  const stale = staleParts(trail);
  if (stale !== undefined) response.headers.set("X-Signalbox-Stale", stale.join(", "));
  if (isLogged(response.status, trail.sampleRate))
    writeLine(scope, trail, { status: response.status, stale, why: outcome.ok ? "forwarded" : outcome.code });
  return response;
}

/** Passed through untouched, or relayed: then another line is written when it ends. */
function upgrade(scope: Scope, trail: Trail, { response, route, hold }: Forwarded): Response {
  const isWritten = isLogged(response.status, trail.sampleRate);
  const { webSocket: instance, headers } = response;
  let answer = response;
  if (route.webSocket === "relay" && instance !== null) {
    answer = relay(scope, trail, { instance, headers, hold, isLogged: isWritten });
  } else {
    hold.releaseUncounted(scope.ctx);
    trail.slots?.release(scope);
  }
  if (isWritten) writeLine(scope, trail, { status: response.status, stale: staleParts(trail), why: "forwarded" });
  return answer;
}

function refuseWith(scope: Scope, trail: Trail, refusal: Refusal): Response {
  trail.slots?.release(scope);
  return problem(refusal, { requestId: trail.requestId, html: prefersHtml(scope.request.headers.get("Accept")) });
}

function finish(scope: Scope, trail: Trail, { response, route, hold }: Forwarded): Response {
  // The copy's headers are the only ones looked at: each look at a response's headers wraps them anew.
  const answer = new Response(response.body, response);
  const { headers } = answer;
  const { contentLength, eventStream, dropped } = readResponse(headers);
  for (const name of dropped ?? []) headers.delete(name);
  headers.set("X-Request-Id", trail.requestId);
  const { slots } = trail;
  if (answer.body === null || (slots === undefined && endsAtHeaders(contentLength))) {
    hold.release(scope.ctx);
    slots?.release(scope);
    return answer;
  }
  if (scope.request.signal.aborted) {
    // The client left before it was answered: nobody would read the body, and so nobody learn of its end.
    scope.ctx.waitUntil(answer.body.cancel().catch(() => undefined));
    hold.release(scope.ctx);
    slots?.release(scope);
    return new Response(null, answer);
  }
  const carriage = carry(answer.body, {
    contentLength,
    idleTimeoutMs: eventStream ? undefined : route.idleTimeoutMs,
  });
  hold.releaseAfter(carriage.ended, scope.ctx);
  slots?.releaseAfter(carriage.ended, scope);
  return new Response(carriage.body, answer);
}

type ResponseFacts = { contentLength: number | undefined; eventStream: boolean; dropped: string[] | undefined };

/** One walk: what ends at this hop, and what says how the body ends. */
function readResponse(headers: Headers): ResponseFacts {
  const facts: ResponseFacts = { contentLength: undefined, eventStream: false, dropped: undefined };
  for (const [name, value] of headers) {
    if (name === "content-length") facts.contentLength = Number(value);
    else if (name === "content-type") facts.eventStream = value.startsWith("text/event-stream");
    else if (HOP_BY_HOP.has(name)) {
      facts.dropped ??= [];
      facts.dropped.push(name);
      if (name === "connection") facts.dropped.push(...nominatedBy(value));
    }
  }
  return facts;
}

function staleParts(trail: Trail): string[] | undefined {
  if (!trail.configStale && !trail.sessionStale) return undefined;
  return [...(trail.configStale ? ["config"] : []), ...(trail.sessionStale ? ["session"] : [])];
}

type Verdict = { readonly status: number; readonly stale: readonly string[] | undefined; readonly why: string };

function writeLine(scope: Scope, trail: Trail, { status, stale, why }: Verdict): void {
  const { route } = trail;
  writeAccessLine({
    requestId: trail.requestId,
    method: trail.method,
    host: trail.host,
    // A request refused before it was read still says where it meant to go, and from where.
    path: trail.path || rawPath(scope.request.url),
    clientIp: trail.clientIp || clientIpOf(scope.request, scope.deployment),
    status,
    ms: Date.now() - trail.startedAtMs,
    route: route?.id,
    pool: route?.pool.name,
    instance: trail.instance,
    tries: trail.tries,
    hedge: trail.hedge,
    lease: trail.lease,
    leaseAgeMs: trail.leaseAgeMs,
    configVersion: trail.config?.version ?? 0,
    limitedBy: trail.limitedBy,
    overrun: trail.overrun,
    stale,
    failed: trail.failed,
    why,
    ...(trail.verbose && route !== undefined && { rules: rulesOf(route) }),
  });
}

/** What decided, for whoever is looking for the reason. */
const rulesOf = ({ host, path, session, priority, auth, webSocket, timeoutMs, attemptsMax }: CompiledRoute) => ({
  host,
  path,
  session,
  priority,
  auth,
  webSocket,
  timeoutMs,
  attemptsMax,
});
