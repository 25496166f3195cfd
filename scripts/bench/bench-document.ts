// The configuration document the plane is measured with: one route per pool, the routes told apart by their paths.

import type { ConfigDocument } from "../../src/contracts/config.ts";
import { BACKEND_BINDINGS, ECHO_BINDING, UNDECLARED_BINDINGS } from "./bench-workers.ts";

/** What a load generator puts a fresh text in the place of, for each request. */
export const NEW_KEY = "[<id>]";

/** Where each pool is reached. */
export const PATHS = {
  leastConnections: "/lc/page",
  roundRobin: "/rr/page",
  undeclared: "/undeclared/page",
  origins: "/origins/page",
  echo: "/echo/page",
  limited: "/limited/page",
  newKeys: `/new-keys/page?repository=${NEW_KEY}`,
} as const;

const instancesOf = (bindings: readonly string[]) =>
  bindings.map((binding, index) => ({ id: `bench-${index + 1}`, binding }));

export const benchDocument = (origins: readonly string[], sampleRate: number): ConfigDocument => ({
  log: { sampleRate },
  pools: {
    bench: { strategy: "least-connections", instances: instancesOf(BACKEND_BINDINGS) },
    "bench-rr": { strategy: "round-robin", instances: instancesOf(BACKEND_BINDINGS) },
    undeclared: { strategy: "least-connections", instances: instancesOf(UNDECLARED_BINDINGS) },
    origins: {
      strategy: "least-connections",
      instances: origins.map((url, index) => ({ id: `origin-${index + 1}`, url })),
    },
    echo: { instances: [{ id: "echo", binding: ECHO_BINDING }] },
  },
  // Never exhausted: what is measured is the counting.
  limits: {
    hot: { key: "ip", limit: 1_000_000, windowMs: 60_000 },
    "new-keys": { key: "repository", limit: 100, windowMs: 60_000 },
  },
  routes: [
    // A least-connections pool relays WebSockets unless told otherwise, and no socket is opened here.
    { id: "least-connections", path: "/lc/*", pool: "bench", webSocket: "pass", limits: [] },
    { id: "round-robin", path: "/rr/*", pool: "bench-rr", limits: [] },
    { id: "undeclared", path: "/undeclared/*", pool: "undeclared", webSocket: "pass", limits: [] },
    { id: "origins", path: "/origins/*", pool: "origins", webSocket: "pass", limits: [] },
    { id: "limited", path: "/limited/*", pool: "bench", webSocket: "pass", limits: ["hot"] },
    { id: "new-keys", path: "/new-keys/*", pool: "bench", webSocket: "pass", limits: ["new-keys"] },
    { id: "echo", path: "/echo/*", pool: "echo", limits: [] },
  ],
});
