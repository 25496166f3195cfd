// The configuration document: its one schema and the types inferred from it.
// Owns shapes and single-field bounds; what fields mean together is checked by policies/routing/compile-config.ts.
// Every object here is strict: an unknown key is an error that names its path.

import * as v from "valibot";
import { AutoscaleConfig } from "./autoscale.ts";
import { balancingFields, rankFields } from "./balancing-config.ts";
import { count, DAY_MS, durationMs } from "./bounded-count.ts";
import { DefaultApp } from "./session.ts";
import { JsonObject, strict } from "./strict-object.ts";

/** Names of policies, pools, routes and instances: they appear in URLs, logs and headers. */
export const Name = v.pipe(
  v.string(),
  v.regex(/^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9])?$/, "must be 1 to 64 of A-Z a-z 0-9 . _ -"),
);
/** Binding and variable names as Workers spell them. */
const BindingName = v.pipe(v.string(), v.regex(/^[A-Za-z_][A-Za-z0-9_]{0,127}$/, "must be a binding name"));

/** Whom an override is for: a user id, an address, a joined key. */
const OverrideKey = v.pipe(
  v.string(),
  v.nonEmpty("must not be empty"),
  v.maxLength(256, "must be at most 256 characters"),
);

export const text = (max: number) =>
  v.pipe(v.string(), v.nonEmpty("must not be empty"), v.maxLength(max, `must be at most ${max} characters`));
const path = v.pipe(
  v.string(),
  v.maxLength(2048, "must be at most 2048 characters"),
  v.regex(/^\/[\x21-\x7e]*$/, "must start with / and hold printable ASCII only"),
);

const INSTANCES_MAX = 1_000;
const POOLS_MAX = 500;
const ROUTES_MAX = 5_000;
const LIMITS_MAX = 500;
const OVERRIDES_MAX = 1_000;

/** Name → value, at most `max` of them. */
const named = <S extends v.GenericSchema>(key: typeof Name | typeof OverrideKey, value: S, max: number) =>
  v.pipe(
    JsonObject,
    v.record(key, value),
    v.check((entries) => Object.keys(entries).length <= max, `must hold at most ${max} entries`),
  );
const listOf = <S extends v.GenericSchema>(item: S, max: number) =>
  v.pipe(v.array(item), v.maxLength(max, `must hold at most ${max} entries`));

/** What is said of an instance, wherever it comes from. `restartUrl`: called to restart its process. */
export const instanceFacts = {
  weight: v.optional(count(1, 1_000)),
  region: v.optional(text(64)),
  features: v.optional(listOf(text(64), 32)),
  type: v.optional(text(32)),
  name: v.optional(text(128)),
  apiKeyEnv: v.optional(BindingName),
  restartUrl: v.optional(text(2048)),
  ...rankFields,
};

/** One backend: a service binding (`binding`) or an HTTP origin (`url`); which of the two is checked when the document is compiled. */
export const InstanceConfig = strict({
  id: Name,
  binding: v.optional(BindingName),
  url: v.optional(text(2048)),
  rpc: v.optional(v.boolean()),
  /** Serves only while autoscale needs it. */
  standby: v.optional(v.boolean()),
  ...instanceFacts,
});
export type InstanceConfig = v.InferOutput<typeof InstanceConfig>;

export const RegistrationTtlMs = durationMs(1_000, 3_600_000);

const HealthConfig = strict({
  path: v.optional(path),
  intervalMs: v.optional(durationMs(1_000, DAY_MS)),
  timeoutMs: v.optional(durationMs(100, 60_000)),
  retries: v.optional(count(1, 100)),
  successes: v.optional(count(1, 100)),
  alertThreshold: v.optional(count(1, 100)),
});

const RetryConfig = strict({
  attempts: v.optional(count(1, 16)),
  nonIdempotent: v.optional(v.boolean()),
  profile: v.optional(v.picklist(["failover", "client-backoff"])),
});

/** Absent fields: policies/breaker/breaker-settings.ts. */
const BreakerConfig = strict({
  failureShare: v.optional(
    v.pipe(v.number(), v.minValue(0.01, "must be at least 0.01"), v.maxValue(1, "must be at most 1")),
  ),
  minRequests: v.optional(count(1, 1_000_000)),
  windowMs: v.optional(durationMs(1_000, 600_000)),
  openMs: v.optional(durationMs(500, 600_000)),
  trials: v.optional(count(1, 100)),
});

/** For how long an instance that registers itself stays without a heartbeat, unless it says so itself. */
const RegistrationConfig = strict({ ttlMs: v.optional(RegistrationTtlMs) });

export const PoolConfig = strict({
  instances: v.optional(listOf(InstanceConfig, INSTANCES_MAX)),
  discover: v.optional(BindingName),
  registration: v.optional(RegistrationConfig),
  exposed: v.optional(v.boolean()),
  ...balancingFields,
  health: v.optional(HealthConfig),
  retry: v.optional(RetryConfig),
  breaker: v.optional(BreakerConfig),
  autoscale: v.optional(AutoscaleConfig),
});
export type PoolConfig = v.InferOutput<typeof PoolConfig>;

export const SessionCondition = strict({
  authenticated: v.optional(v.boolean()),
  defaultApp: v.optional(DefaultApp),
});
export type SessionCondition = v.InferOutput<typeof SessionCondition>;

/** A second try for requests that are slow; at most a fiftieth of a route's requests get one. */
const HedgeConfig = strict({
  afterMs: v.optional(durationMs(1, 60_000)),
  share: v.optional(
    v.pipe(v.number(), v.minValue(0.001, "must be at least 0.001"), v.maxValue(0.02, "must be at most 0.02")),
  ),
});

export const RouteConfig = strict({
  id: Name,
  host: v.optional(text(253)),
  path: v.optional(path),
  session: v.optional(SessionCondition),
  pool: Name,
  priority: v.optional(count(-1_000, 1_000)),
  stripPrefix: v.optional(v.boolean()),
  backendRequired: v.optional(v.boolean()),
  auth: v.optional(v.picklist(["none", "optional", "required", "admin"])),
  sessionFreshnessMs: v.optional(durationMs(0, 60_000)),
  limits: v.optional(listOf(Name, 16)),
  timeoutMs: v.optional(durationMs(10, 900_000)),
  tryTimeoutMs: v.optional(durationMs(10, 900_000)),
  idleTimeoutMs: v.optional(durationMs(100, 3_600_000)),
  bodyBytesMax: v.optional(count(0, 5_368_709_120)),
  retry: v.optional(RetryConfig),
  hedge: v.optional(HedgeConfig),
  webSocket: v.optional(v.picklist(["pass", "relay"])),
  revocable: v.optional(v.boolean()),
});
export type RouteConfig = v.InferOutput<typeof RouteConfig>;

const WINDOW_MS_MAX = 31 * DAY_MS;
const LIMIT_MAX = 1_000_000_000;
/** Slots of one key lie in one row. */
const SLOTS_MAX = 10_000;
const LimitKeyPart = /^(?:ip|user|session|repository|route|header:[a-z0-9-]{1,64})$/;
const LimitKey = v.pipe(
  text(256),
  v.check(
    (key) => key.split("+").every((part) => LimitKeyPart.test(part)),
    "must be ip, user, session, repository, route or header:name, joined by +",
  ),
);

/** A rate policy (`limit` in `windowMs`) or a concurrency policy (`concurrency` with `leaseMs`). */
const LimitConfig = v.pipe(
  strict({
    key: LimitKey,
    limit: v.optional(count(1, LIMIT_MAX)),
    windowMs: v.optional(durationMs(1_000, WINDOW_MS_MAX)),
    concurrency: v.optional(count(1, SLOTS_MAX)),
    leaseMs: v.optional(durationMs(1_000, 3_600_000)),
    cost: v.optional(count(1, 1_000_000)),
    onError: v.optional(v.picklist(["open", "closed", "local"])),
    onMissingKey: v.optional(v.picklist(["deny", "fallback", "skip"])),
    shadow: v.optional(v.boolean()),
    headers: v.optional(v.boolean()),
    overrides: v.optional(named(OverrideKey, strict({ limit: count(1, LIMIT_MAX) }), OVERRIDES_MAX)),
  }),
  v.check(
    ({ limit, windowMs, concurrency, leaseMs }) =>
      concurrency === undefined
        ? limit !== undefined && windowMs !== undefined && leaseMs === undefined
        : limit === undefined && windowMs === undefined,
    "needs either limit and windowMs, or concurrency (with leaseMs)",
  ),
  v.forward(
    v.check(
      ({ limit, cost, concurrency }) =>
        concurrency !== undefined || limit === undefined || cost === undefined || cost <= limit,
      "must not be above limit, or nothing is ever admitted",
    ),
    ["cost"],
  ),
  v.forward(
    v.check(
      ({ concurrency, overrides = {} }) =>
        concurrency === undefined || Object.values(overrides).every(({ limit }) => limit <= SLOTS_MAX),
      `must be at most ${SLOTS_MAX} where concurrency is limited`,
    ),
    ["overrides"],
  ),
);

const DOMAIN = /^[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?)*$/;

/** The whole document: one per plane, versioned by the ControlPlane object. */
export const ConfigDocument = strict({
  domain: v.optional(v.pipe(text(253), v.regex(DOMAIN, "must be a lower-case host name without port"))),
  sessionFreshnessMs: v.optional(durationMs(0, 60_000)),
  configFreshnessMs: v.optional(durationMs(50, 60_000)),
  log: v.optional(strict({ sampleRate: v.optional(v.pipe(v.number(), v.minValue(0), v.maxValue(1))) })),
  pools: v.optional(named(Name, PoolConfig, POOLS_MAX)),
  routes: v.optional(listOf(RouteConfig, ROUTES_MAX)),
  limits: v.optional(named(Name, LimitConfig, LIMITS_MAX)),
});
export type ConfigDocument = v.InferOutput<typeof ConfigDocument>;

/** What is wrong with a document: `path` as `routes[3].pool`, `message` for people. */
export type ConfigProblem = { readonly path: string; readonly message: string };

/** How a stored configuration travels from the ControlPlane object: versions count up by one and never repeat. */
export type ConfigVersion = { readonly version: number; readonly document: ConfigDocument };
