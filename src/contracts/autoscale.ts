// How a pool's number of instances follows its load: what its configuration says, what its registry decides, and what operators and the pool's
// scale webhook are told. Owns the field `autoscale` of a pool.

import * as v from "valibot";
import { count, DAY_MS, durationMs } from "./bounded-count.ts";
import { strict } from "./strict-object.ts";

const share = (min: number, max: number) =>
  v.pipe(v.number(), v.minValue(min, `must be at least ${min}`), v.maxValue(max, `must be at most ${max}`));
const INSTANCES_MAX = 1_000;

/** Absent fields: policies/autoscale/scale-settings.ts. */
export const AutoscaleConfig = strict({
  min: count(1, INSTANCES_MAX),
  max: count(1, INSTANCES_MAX),
  target: v.optional(
    strict({
      inFlight: v.optional(share(0.1, 10_000)),
      cpu: v.optional(share(0.05, 1)),
      latencyTimes: v.optional(share(1.1, 100)),
      errorShare: v.optional(share(0.01, 1)),
    }),
  ),
  stableMs: v.optional(durationMs(2_000, 3_600_000)),
  panicMs: v.optional(durationMs(1_000, 600_000)),
  downDelayMs: v.optional(durationMs(0, DAY_MS)),
  webhook: v.optional(
    strict({
      url: v.pipe(v.string(), v.nonEmpty("must not be empty"), v.maxLength(2048, "must be at most 2048 characters")),
      apiKeyEnv: v.optional(v.pipe(v.string(), v.regex(/^[A-Za-z_][A-Za-z0-9_]{0,127}$/, "must be a variable name"))),
      timeoutMs: v.optional(durationMs(100, 30_000)),
    }),
  ),
});
export type AutoscaleConfig = v.InferOutput<typeof AutoscaleConfig>;

export type ScaleWebhook = { readonly url: string; readonly apiKeyEnv?: string; readonly timeoutMs: number };

/** Who brings instances and takes them away. `platform`: plain Workers, of which Cloudflare runs as many as it takes. */
export type ScaledBy = "standby" | "webhook" | "platform";

/** A pool's `autoscale` with its defaults. */
export type ScaleSettings = {
  readonly scaledBy: ScaledBy;
  readonly min: number;
  readonly max: number;
  readonly target: {
    /** Requests in flight per instance. */
    readonly inFlight: number;
    /** Share of an instance's processors in use. */
    readonly cpu: number;
    /** How many times what is usual answers may take. */
    readonly latencyTimes: number;
    readonly errorShare: number;
  };
  readonly stableMs: number;
  readonly panicMs: number;
  /** For so long less must have been enough before an instance is given back. */
  readonly downDelayMs: number;
  /** Ids of the instances that serve only when they are needed, the first to be needed first. */
  readonly standby: readonly string[];
  readonly webhook?: ScaleWebhook;
};

export type ScaleReason = "load" | "panic" | "cpu" | "latency" | "errors" | "quiet" | "bounds";

/** What a decision rests on; null where nobody said. Shares 0 to 1. */
export type ScaleSignals = {
  readonly inFlight: { readonly stable: number; readonly panic: number };
  readonly latencyMs: number | null;
  /** What answers take while there is little to do. */
  readonly usualMs: number | null;
  readonly errorShare: number | null;
  readonly cpu: number | null;
  readonly isPanic: boolean;
};

/** `id` is the same however often it is delivered. Epoch ms. `why` is for people. */
export type ScaleDecision = {
  readonly id: string;
  readonly atMs: number;
  readonly from: number;
  readonly to: number;
  readonly reason: ScaleReason;
  readonly why: string;
  readonly signals: ScaleSignals;
  /** Of one that goes to a webhook. */
  readonly delivery?: ScaleDelivery;
};

/** `superseded`: a later decision went out instead. `detail` says why the latest attempt failed. */
export type ScaleDelivery = {
  readonly state: "due" | "delivered" | "superseded";
  readonly attempts: number;
  readonly nextAtMs: number;
  readonly detail: string;
};

/** What a pool's scale webhook is POSTed, with the same `id` as Idempotency-Key. */
export type ScaleCall = Pick<ScaleDecision, "id" | "from" | "to" | "reason" | "why" | "signals"> & {
  readonly pool: string;
};

/** GET /api/super/autoscale/{pool}. Decisions the newest first. */
export type AutoscaleStatus = {
  readonly pool: string;
  readonly scaledBy: ScaledBy;
  readonly min: number;
  readonly max: number;
  /** Instances that serve, and how many shall. */
  readonly active: number;
  readonly desired: number;
  readonly signals: ScaleSignals;
  readonly standby: readonly {
    readonly instanceId: string;
    /** `draining`: gets no new request, and still works on old ones. */
    readonly state: "active" | "draining" | "standby";
    readonly inFlight: number;
  }[];
  readonly decisions: readonly ScaleDecision[];
};
