// The ControlPlane object's migrations, in order. Append only: a shipped file never changes.

import type { Migration } from "../../durable-objects/migrate.ts";
import configAndAudit from "./0001_config-and-audit.sql";
import poolsToTell from "./0002_pools-to-tell.sql";

export const controlPlaneMigrations: readonly Migration[] = [
  { number: 1, name: "config-and-audit", sql: configAndAudit },
  { number: 2, name: "pools-to-tell", sql: poolsToTell },
];
