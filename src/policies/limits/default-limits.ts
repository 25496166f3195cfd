// The limits that ship with the plane, by the documents' numbers; a limit of the same name in the configuration takes its place.
// A route that names no limits stands under `general`; which limits the control surface stands under says describe-limits.ts.

import type { ConfigDocument } from "../../contracts/config.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;

export type LimitDocument = NonNullable<ConfigDocument["limits"]>[string];

export const DEFAULT_LIMITS: { readonly [name: string]: LimitDocument } = {
  // D62 to D65: per client address
  health: { key: "ip", limit: 60, windowMs: MINUTE_MS },
  metrics: { key: "ip", limit: 30, windowMs: MINUTE_MS },
  admin: { key: "ip", limit: 10, windowMs: MINUTE_MS, onError: "closed" },
  general: { key: "ip", limit: 100, windowMs: MINUTE_MS },
  // Wrong admin secrets: an operator must be able to repair a plane whose limiter is down, so each isolate then counts alone.
  "admin-failures": { key: "ip", limit: 10, windowMs: MINUTE_MS, onError: "local" },
  // L62, L65: per user
  chat: { key: "user", limit: 100, windowMs: HOUR_MS },
  api: { key: "user", limit: 1_000, windowMs: HOUR_MS },
  // C32
  router: { key: "ip", limit: 60, windowMs: MINUTE_MS },
  // L63, L64: at one time
  terminals: { key: "user", concurrency: 5, leaseMs: 30_000 },
  "workspace-sessions": { key: "repository", concurrency: 10, leaseMs: 30_000 },
};
