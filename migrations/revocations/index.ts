// The migrations of the Revocations object, in order.

import type { Migration } from "../../durable-objects/migrate.ts";
import changes from "./0001_changes.sql";

export const revocationsMigrations: readonly Migration[] = [{ number: 1, name: "changes", sql: changes }];
