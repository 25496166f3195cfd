// The Directory object's migrations, in order. Append only: a shipped file never changes.

import type { Migration } from "../../durable-objects/migrate.ts";
import usersAndConfigs from "./0001_users-and-configs.sql";
import restartJobs from "./0002_restart-jobs.sql";

export const directoryMigrations: readonly Migration[] = [
  { number: 1, name: "users-and-configs", sql: usersAndConfigs },
  { number: 2, name: "restart-jobs", sql: restartJobs },
];
