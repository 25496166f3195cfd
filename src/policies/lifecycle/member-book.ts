// Who belongs to a pool beyond its configuration, and who was taken out of it, as the pool's registry keeps it. Plain data, changed in
// place; the clock comes in. Each change counts the version up, and the caller writes down what it is told has changed.

import type {
  HeartbeatBody,
  InstanceState,
  LifecycleAction,
  Membership,
  RegisteredInstance,
  Registration,
} from "../../contracts/lifecycle.ts";
import { ok, type Result, refuse } from "../../contracts/refusals.ts";
import { asRegistered } from "./read-registration.ts";

/** Of one pool: the whole list goes to every isolate with each change. */
export const REGISTERED_MAX = 256;

/** Over so long those connected to an instance that is not needed any more come back to another one. */
const HELD_RECONNECT_MS = 15_000;

/** An instance that is not in. Epoch ms. */
export type Closing = {
  readonly instanceId: string;
  readonly state: Exclude<InstanceState, "in">;
  readonly action: Exclude<LifecycleAction, "start">;
  readonly changeId: string;
  readonly sinceMs: number;
  /** Nothing is waited for any longer. */
  readonly deadlineMs: number;
  /** The membership that told of it first. */
  readonly version: number;
};

export type MemberBook = {
  version: number;
  /** In the order they came. */
  readonly registrations: Map<string, Registration>;
  readonly closings: Map<string, Closing>;
  /** Standby instances that are not needed (autoscale); worked out anew after a restart. */
  held: ReadonlySet<string>;
};
export type StoredMembers = {
  readonly version: number;
  readonly registrations: readonly Registration[];
  readonly closings: readonly Closing[];
};

export const openMembers = ({ version, registrations, closings }: StoredMembers): MemberBook => ({
  version,
  registrations: new Map(registrations.map((one) => [one.id, one])),
  closings: new Map(closings.map((one) => [one.instanceId, one])),
  held: new Set(),
});
export const NO_MEMBERS: StoredMembers = { version: 0, registrations: [], closings: [] };

/** What is told to an isolate that acts on `known`; undefined when that is this one, or the isolate knows nothing of members. */
export function membershipFor(book: MemberBook, known: number | undefined, nowMs: number): Membership | undefined {
  if (known === undefined || known === book.version) return undefined;
  const closings = [...book.closings.values()];
  return {
    version: book.version,
    registered: [...book.registrations.values()].map(asRegistered),
    closed: [...closings.map(({ instanceId }) => instanceId), ...book.held],
    reconnect: [
      ...closings.map(
        ({ instanceId, sinceMs, deadlineMs }) =>
          [instanceId, Math.max(0, Math.round((sinceMs + deadlineMs) / 2) - nowMs)] as const,
      ),
      ...[...book.held].map((instanceId) => [instanceId, HELD_RECONNECT_MS] as const),
    ],
  };
}

/** The same again only renews it. `isNew`: whether it was not registered before. Refuses `registry_full`. */
export function registerInstance(
  book: MemberBook,
  instance: RegisteredInstance,
  { ttlMs, nowMs }: { readonly ttlMs: number; readonly nowMs: number },
): Result<{ readonly registration: Registration; readonly isNew: boolean }> {
  const before = book.registrations.get(instance.id);
  if (before === undefined && book.registrations.size >= REGISTERED_MAX)
    return refuse("registry_full", `at most ${REGISTERED_MAX}`);
  const isSame = before !== undefined && JSON.stringify(asRegistered(before)) === JSON.stringify(instance);
  const registration: Registration = {
    ...instance,
    ttlMs,
    registeredAtMs: before?.registeredAtMs ?? nowMs,
    heardAtMs: nowMs,
    expiresAtMs: nowMs + ttlMs,
    ...(before?.cpu !== undefined && { cpu: before.cpu }),
  };
  book.registrations.set(instance.id, registration);
  if (!isSame) book.version++;
  return ok({ registration, isNew: before === undefined });
}

/** Refuses `unknown_instance`. */
export function renewRegistration(
  book: MemberBook,
  id: string,
  { load, nowMs }: { readonly load: HeartbeatBody; readonly nowMs: number },
): Result<Registration> {
  const before = book.registrations.get(id);
  if (before === undefined) return refuse("unknown_instance");
  const cpu = load.cpu ?? before.cpu;
  const times = { heardAtMs: nowMs, expiresAtMs: nowMs + before.ttlMs };
  const registration = { ...before, ...times, ...(cpu !== undefined && { cpu }) };
  book.registrations.set(id, registration);
  return ok(registration);
}

/** Whether it was registered. */
export function removeRegistration(book: MemberBook, id: string): boolean {
  const wasThere = book.registrations.delete(id);
  if (wasThere) book.version++;
  return wasThere;
}

/** Removes those not heard of in time; returns their ids. */
export function lapseRegistrations(book: MemberBook, nowMs: number): string[] {
  const lapsed: string[] = [];
  for (const { id, expiresAtMs } of book.registrations.values()) if (expiresAtMs <= nowMs) lapsed.push(id);
  for (const id of lapsed) book.registrations.delete(id);
  if (lapsed.length > 0) book.version++;
  return lapsed;
}

/** When the next one lapses if nothing is heard of it, epoch ms; Infinity where none can. */
export const nextLapseAtMs = ({ registrations }: MemberBook): number =>
  Math.min(Number.POSITIVE_INFINITY, ...[...registrations.values()].map(({ expiresAtMs }) => expiresAtMs));
