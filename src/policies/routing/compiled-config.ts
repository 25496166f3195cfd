// What a configuration document becomes: everything the data plane reads per request, precomputed.

import type { ScaleSettings } from "../../contracts/autoscale.ts";
import type { Strategy } from "../../contracts/balancing-config.ts";
import type { BreakerSettings } from "../../contracts/breaker.ts";
import type { SessionCondition } from "../../contracts/config.ts";
import type { HashKey } from "../balancing/hash-key.ts";
import type { RetryProfile } from "../forwarding/retry-profile.ts";
import type { ProbeSettings } from "../health/probe-settings.ts";
import type { CompiledLimit } from "../limits/compiled-limit.ts";

export type Target =
  | { readonly kind: "binding"; readonly binding: string; readonly rpc: boolean }
  /** `base` is scheme, authority and path prefix without a trailing slash. */
  | { readonly kind: "url"; readonly base: string };

export type CompiledInstance = {
  readonly id: string;
  readonly weight: number;
  readonly target: Target;
  /** Variable whose text goes out as X-API-Key (L19, L23). */
  readonly apiKeyEnv?: string;
  readonly region?: string;
  readonly type?: string;
  /** For people (L69). */
  readonly name?: string;
  readonly features: readonly string[];
  /** It serves while those of a lower priority, and those that are no backups, are not enough; absent: 0. */
  readonly priority?: number;
  readonly backup?: boolean;
  /** Called to restart its process. */
  readonly restartUrl?: string;
};

export type CompiledPool = {
  readonly name: string;
  readonly strategy: Strategy;
  /** By what the strategy `hash` keeps requests together; absent under every other. */
  readonly hashKey?: HashKey;
  /** How long an instance that comes in or back takes to its whole share; 0: at once. */
  readonly slowStartMs: number;
  /** Fed by discovery: keeps document 001's exact texts (R18, R31). */
  readonly discovered: boolean;
  readonly exposed: boolean;
  readonly instances: readonly CompiledInstance[];
  readonly retryProfile: RetryProfile;
  /** Tries per request, first included; there may be fewer instances. */
  readonly attemptsMax: number;
  /** How long an instance that registers itself stays without a heartbeat, unless it says so itself. */
  readonly registrationTtlMs: number;
  /** Absent where nobody probes: then only requests tell how instances are. */
  readonly health?: ProbeSettings;
  /** Absent: however many requests fail, the next is sent. */
  readonly breaker?: BreakerSettings;
  /** Absent: as many instances serve as there are. */
  readonly autoscale?: ScaleSettings;
};

/** When a slow GET or HEAD gets a second try elsewhere, and how many of a route's requests may. */
export type HedgeRule = { readonly afterMs?: number; readonly share: number };

export type CompiledRoute = {
  /** As configured; `exposed:{pool}` for the route an exposed pool brings along. */
  readonly id: string;
  readonly pool: CompiledPool;
  readonly auth: "none" | "optional" | "required" | "admin";
  /** Absent where the route holds for every visitor. */
  readonly session?: SessionCondition;
  /** Patterns as configured. */
  readonly host?: string;
  readonly path?: string;
  readonly priority: number;
  /** Total order of all routes: the lowest matching rank wins. */
  readonly rank: number;
  /** Characters of the path cut before forwarding (0: forwarded byte for byte). What remains is empty for the prefix itself. */
  readonly stripLength: number;
  readonly sessionFreshnessMs: number;
  readonly timeoutMs: number;
  readonly tryTimeoutMs: number;
  readonly idleTimeoutMs: number;
  readonly bodyBytesMax: number;
  readonly retryProfile: RetryProfile;
  readonly attemptsMax: number;
  readonly resendNonIdempotent: boolean;
  /** Absent: never. */
  readonly hedge?: HedgeRule;
  readonly webSocket: "pass" | "relay";
  /** All must admit a request; empty where it stands under none. */
  readonly limits: readonly CompiledLimit[];
};

/** Hosts in forms a request can be looked up by. Filled by compile-config.ts, read by match-route.ts only. */
export type RouteTable = {
  /** The main domain and the loopback names that stand for it. */
  readonly mainHosts: ReadonlySet<string>;
  readonly exactHosts: ReadonlyMap<string, PathTable>;
  /** `.suffix` of a `*.suffix` pattern. */
  readonly wildcardHosts: ReadonlyMap<string, PathTable>;
  readonly anyHost: PathTable;
};

export type PathTable = {
  /** The best rank of any route in here: a table that can't win isn't searched. */
  readonly lowestRank: number;
  /** Full path → routes that match exactly it. */
  readonly exact: ReadonlyMap<string, readonly CompiledRoute[]>;
  /** Prefix without its `/*` → routes that match it and all below. */
  readonly prefixes: ReadonlyMap<string, readonly CompiledRoute[]>;
  /** 1 at every length some prefix has: only at those a slice of the path is made and looked up. */
  readonly prefixLengths: Uint8Array;
  /** Routes without a path. */
  readonly any: readonly CompiledRoute[];
};

/** Where a document does not say, and until one is known. */
export const CONFIG_FRESHNESS_MS = 2_000;

export type CompiledConfig = {
  readonly version: number;
  readonly domain: string | undefined;
  readonly configFreshnessMs: number;
  readonly logSampleRate: number;
  readonly pools: ReadonlyMap<string, CompiledPool>;
  /** By name, those that ship with the plane included. */
  readonly limits: ReadonlyMap<string, CompiledLimit>;
  /** All there are, in the order in which they are tried. */
  readonly routes: readonly CompiledRoute[];
  readonly table: RouteTable;
};
