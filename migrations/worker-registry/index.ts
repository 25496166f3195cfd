// The WorkerRegistry object's schema, in order. Append only.

import type { Migration } from "../../durable-objects/migrate.ts";
import rosterAndCursor from "./0001_roster-and-cursor.sql";
import ejections from "./0002_ejections.sql";
import verdicts from "./0003_verdicts.sql";
import breaker from "./0004_breaker.sql";
import members from "./0005_members.sql";
import scaleDecisions from "./0006_scale-decisions.sql";

export const workerRegistryMigrations: readonly Migration[] = [
  { number: 1, name: "roster-and-cursor", sql: rosterAndCursor },
  { number: 2, name: "ejections", sql: ejections },
  { number: 3, name: "verdicts", sql: verdicts },
  { number: 4, name: "breaker", sql: breaker },
  { number: 5, name: "members", sql: members },
  { number: 6, name: "scale-decisions", sql: scaleDecisions },
];
