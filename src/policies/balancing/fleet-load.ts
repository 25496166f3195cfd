// What every isolate has in flight, as each last reported it, and the sums. Soft state: after a restart the next reports bring it back.
// Plain data, changed in place by the registry.

import type { LeaseCall, LeaseReply, Outcome } from "../../contracts/registry.ts";
import { keepTold, newOutcomes, type Told } from "../health/outcomes.ts";

/** Beyond this the isolate heard of longest ago is forgotten. */
export const ISOLATES_MAX = 10_000;

type IsolateLoad = {
  readonly lastSeenMs: number;
  readonly lastCallId: number;
  /** Sent again to the same call. */
  lastReply: LeaseReply | undefined;
  readonly inFlight: Map<string, number>;
  readonly told: Told;
  /** Version of the membership it acts on; undefined where it knows of none. */
  readonly membership: number | undefined;
};

export type FleetLoad = {
  /** The one heard of longest ago first. */
  readonly isolates: Map<string, IsolateLoad>;
  /** In-flight per instance over all isolates; no zeros. */
  readonly totals: Map<string, number>;
};

export const emptyFleet = (): FleetLoad => ({ isolates: new Map(), totals: new Map() });

export type CallOrder =
  | { readonly kind: "new" }
  /** This very call was answered before. */
  | { readonly kind: "repeated"; readonly reply: LeaseReply }
  /** A later call of this isolate was answered before: its report of requests in flight is old. */
  | { readonly kind: "overtaken" };

export function orderOf(fleet: FleetLoad, call: Pick<LeaseCall, "isolateId" | "callId">): CallOrder {
  const isolate = fleet.isolates.get(call.isolateId);
  if (isolate === undefined || call.callId > isolate.lastCallId) return { kind: "new" };
  const { lastCallId, lastReply } = isolate;
  return call.callId === lastCallId && lastReply !== undefined
    ? { kind: "repeated", reply: lastReply }
    : { kind: "overtaken" };
}

/** Puts this report in the place of the isolate's last one. Returns what has become of requests since. */
export function hearIsolate(
  fleet: FleetLoad,
  call: Pick<LeaseCall, "isolateId" | "callId" | "inFlight" | "outcomes" | "since" | "membership">,
  { instances, nowMs }: { readonly instances: readonly { readonly id: string }[]; readonly nowMs: number },
): Outcome[] {
  const news = newOutcomes(call, fleet.isolates.get(call.isolateId)?.told);
  forgetIsolate(fleet, call.isolateId);
  const inFlight = new Map(call.inFlight.filter(([, requests]) => requests > 0));
  for (const [id, requests] of inFlight) addTotal(fleet, id, requests);
  const { callId: lastCallId, membership } = call;
  const told = keepTold(call, instances);
  fleet.isolates.set(call.isolateId, {
    lastSeenMs: nowMs,
    lastCallId,
    lastReply: undefined,
    inFlight,
    told,
    membership,
  });
  if (fleet.isolates.size > ISOLATES_MAX) forgetIsolate(fleet, oldestOf(fleet));
  return news;
}

export function rememberReply(fleet: FleetLoad, isolateId: string, reply: LeaseReply): void {
  const isolate = fleet.isolates.get(isolateId);
  if (isolate !== undefined) isolate.lastReply = reply;
}

/** Counts a request decided for an isolate before it can report it. */
export function countPick(fleet: FleetLoad, isolateId: string, instanceId: string): void {
  const isolate = fleet.isolates.get(isolateId);
  if (isolate === undefined) return;
  isolate.inFlight.set(instanceId, (isolate.inFlight.get(instanceId) ?? 0) + 1);
  addTotal(fleet, instanceId, 1);
}

/** In-flight of all isolates but this one, per instance; instances at 0 are left out. */
export function othersThan(fleet: FleetLoad, isolateId: string): [instanceId: string, requests: number][] {
  const own = fleet.isolates.get(isolateId)?.inFlight;
  const others: [string, number][] = [];
  for (const [id, total] of fleet.totals) {
    const requests = total - (own?.get(id) ?? 0);
    if (requests > 0) others.push([id, requests]);
  }
  return others;
}

/** Forgets isolates not heard of for `lapseMs`, and what they had in flight. */
export function lapseIsolates(fleet: FleetLoad, nowMs: number, lapseMs: number): void {
  for (const [id, isolate] of fleet.isolates) {
    if (isolate.lastSeenMs + lapseMs > nowMs) return;
    forgetIsolate(fleet, id);
  }
}

function forgetIsolate(fleet: FleetLoad, isolateId: string): void {
  for (const [id, requests] of fleet.isolates.get(isolateId)?.inFlight ?? []) addTotal(fleet, id, -requests);
  fleet.isolates.delete(isolateId);
}

function addTotal(fleet: FleetLoad, instanceId: string, requests: number): void {
  const total = (fleet.totals.get(instanceId) ?? 0) + requests;
  if (total > 0) fleet.totals.set(instanceId, total);
  else fleet.totals.delete(instanceId);
}

const oldestOf = (fleet: FleetLoad): string => fleet.isolates.keys().next().value ?? "";
