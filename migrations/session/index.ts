// The migrations of the Session object, in order.

import type { Migration } from "../../durable-objects/migrate.ts";
import session from "./0001_session.sql";

export const sessionMigrations: readonly Migration[] = [{ number: 1, name: "session", sql: session }];
