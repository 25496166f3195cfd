// What a configuration document becomes: everything the data plane reads per request, precomputed.

import type { SessionCondition } from "../../contracts/config.ts";

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
  readonly features: readonly string[];
};

export type CompiledPool = {
  readonly name: string;
  readonly strategy: "round-robin" | "least-connections";
  /** Fed by discovery: keeps document 001's exact texts (R18, R31). */
  readonly discovered: boolean;
  readonly exposed: boolean;
  readonly instances: readonly CompiledInstance[];
  /** Tries per request, first included; never more than there are instances. */
  readonly attemptsMax: number;
};

export type CompiledRoute = {
  readonly id: string;
  readonly pool: CompiledPool;
  readonly auth: "none" | "optional" | "required" | "admin";
  readonly session?: SessionCondition;
  readonly host?: string;
  readonly path?: string;
  /** Whether the route names a path, so that a session rule without one can go before it at `/`. */
  readonly priority: number;
  /** Total order of all routes: the lowest matching rank wins. */
  readonly rank: number;
  /** Characters of the path cut before forwarding (0: forwarded byte for byte). */
  readonly stripLength: number;
  readonly sessionFreshnessMs: number;
  readonly timeoutMs: number;
  readonly tryTimeoutMs: number;
  readonly idleTimeoutMs: number;
  readonly bodyBytesMax: number;
  readonly attemptsMax: number;
  readonly resendNonIdempotent: boolean;
  readonly webSocket: "pass" | "relay";
  readonly limits: readonly string[];
};

/** Hosts in forms a request can be looked up by. Filled by compile-config.ts, read by match-route.ts only. */
export type RouteTable = {
  readonly exactHosts: ReadonlyMap<string, PathTable>;
  /** `.suffix` of a `*.suffix` pattern. */
  readonly wildcardHosts: ReadonlyMap<string, PathTable>;
  readonly anyHost: PathTable;
};

export type PathTable = {
  /** Full path → routes that match exactly it. */
  readonly exact: ReadonlyMap<string, readonly CompiledRoute[]>;
  /** Prefix without its `/*` → routes that match it and all below. */
  readonly prefixes: ReadonlyMap<string, readonly CompiledRoute[]>;
  /** Routes without a path. */
  readonly any: readonly CompiledRoute[];
};

export type CompiledConfig = {
  readonly version: number;
  readonly domain: string | undefined;
  readonly sessionFreshnessMs: number;
  readonly configFreshnessMs: number;
  readonly logSampleRate: number;
  readonly pools: ReadonlyMap<string, CompiledPool>;
  readonly routes: readonly CompiledRoute[];
  readonly table: RouteTable;
};
