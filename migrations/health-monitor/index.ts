// The HealthMonitor object's schema, in order. Append only.

import type { Migration } from "../../durable-objects/migrate.ts";
import probes from "./0001_probes.sql";

export const healthMonitorMigrations: readonly Migration[] = [{ number: 1, name: "probes", sql: probes }];
