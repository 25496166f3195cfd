// The HealthMonitor object's schema, in order. Append only.

import type { Migration } from "../../durable-objects/migrate.ts";
import probes from "./0001_probes.sql";
import cpu from "./0002_cpu.sql";

export const healthMonitorMigrations: readonly Migration[] = [
  { number: 1, name: "probes", sql: probes },
  { number: 2, name: "cpu", sql: cpu },
];
