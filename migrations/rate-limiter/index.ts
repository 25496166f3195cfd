// The migrations of the RateLimiter object, in order.

import type { Migration } from "../../durable-objects/migrate.ts";
import windows from "./0001_windows.sql";

export const rateLimiterMigrations: readonly Migration[] = [{ number: 1, name: "windows", sql: windows }];
