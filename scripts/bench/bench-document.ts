// The configuration document the plane is measured with: one route per pool, the routes told apart by their paths.

import type { ConfigDocument } from "../../src/contracts/config.ts";
import { BACKEND_BINDINGS, ECHO_BINDING, UNDECLARED_BINDINGS } from "./bench-workers.ts";

/** Where each pool is reached. */
export const PATHS = {
  leastConnections: "/lc/page",
  roundRobin: "/rr/page",
  undeclared: "/undeclared/page",
  origins: "/origins/page",
  echo: "/echo/page",
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
  routes: [
    // A least-connections pool relays WebSockets unless told otherwise, and no socket is opened here.
    { id: "least-connections", path: "/lc/*", pool: "bench", webSocket: "pass" },
    { id: "round-robin", path: "/rr/*", pool: "bench-rr" },
    { id: "undeclared", path: "/undeclared/*", pool: "undeclared", webSocket: "pass" },
    { id: "origins", path: "/origins/*", pool: "origins", webSocket: "pass" },
    { id: "echo", path: "/echo/*", pool: "echo" },
  ],
});
