// Which instances a pool has beside those it is configured with, and which of all of them are taken out by an operator.
// Owns the body of a registration and of a heartbeat; the words of routes, isolates and a pool's registry.

import * as v from "valibot";
import { instanceFacts, RegistrationTtlMs, text } from "./config.ts";
import { strict } from "./strict-object.ts";

/** PUT /api/super/registry/{pool}/{instance}: a backend that says itself where it is. */
export const RegistrationBody = strict({ url: text(2048), ...instanceFacts, ttlMs: v.optional(RegistrationTtlMs) });
export type RegistrationBody = v.InferOutput<typeof RegistrationBody>;

/** What an instance may tell of itself with each heartbeat; `cpu`: share of its processors in use. */
export const HeartbeatBody = strict({ cpu: v.optional(v.pipe(v.number(), v.minValue(0), v.maxValue(1))) });
export type HeartbeatBody = v.InferOutput<typeof HeartbeatBody>;

/** `url` is scheme, authority and path prefix without a trailing slash. */
export type RegisteredInstance = { readonly id: string } & Given<Omit<RegistrationBody, "ttlMs">>;
/** JSON leaves out what is not given. */
type Given<T> = { readonly [K in keyof T]: Exclude<T[K], undefined> };

/** Epoch ms. `cpu`: as last told. */
export type Registration = RegisteredInstance & {
  readonly ttlMs: number;
  readonly registeredAtMs: number;
  readonly heardAtMs: number;
  readonly expiresAtMs: number;
  readonly cpu?: number;
};

/** `draining`: gets no new request, may still work on old ones. `out`: nothing more is waited for. */
export type InstanceState = "in" | "draining" | "out";

/** `start` puts instances in; the others take them out of rotation, `stop` and `restart` to stay out once nothing is in flight. */
export type LifecycleAction = "start" | "drain" | "stop" | "restart";

export type LifecycleChange = {
  readonly instanceIds: readonly string[];
  readonly action: LifecycleAction;
  /** Of the caller's making: tells one change from another. */
  readonly changeId: string;
  /** How long what is in flight may take, ms. */
  readonly drainMs: number;
  /** Only for instances whose latest change is this one. */
  readonly after?: string;
};

/** How far a change has come, over the whole fleet. */
export type InstanceProgress = {
  readonly instanceId: string;
  readonly state: InstanceState;
  /** The latest change of an instance that is not in. */
  readonly changeId?: string;
  readonly inFlight: number;
  /** Isolates that may not have heard of it yet. */
  readonly unheard: number;
};

/** What isolates must know of a pool beside its configuration: whole, and sent only to who knows another version. */
export type Membership = {
  /** Counts changes; 0 while there never was one. */
  readonly version: number;
  /** In the order of the roster, behind those configured. */
  readonly registered: readonly RegisteredInstance[];
  /** Nobody is to be sent to them, not even where all others are out. */
  readonly closed: readonly string[];
  /** Their relayed WebSockets are told to reconnect, within so many ms. */
  readonly reconnect: readonly (readonly [instanceId: string, withinMs: number])[];
};
