// The ExecResultStore object's schema, in order. Append only.

import type { Migration } from "../../durable-objects/migrate.ts";
import execs from "./0001_execs.sql";

export const execResultsMigrations: readonly Migration[] = [{ number: 1, name: "execs", sql: execs }];
