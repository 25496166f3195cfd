// Restarting users' executors: a job that outlives whoever asked for it. Said by routes to the Directory object and back.
// Times are epoch ms.

import * as v from "valibot";
import { durationMs } from "./bounded-count.ts";
import { strict } from "./strict-object.ts";
import { UserIds } from "./users.ts";

const DELAY_MS_DEFAULT = 5_000;
const DELAY_MS_MAX = 60_000;

/** POST /api/super/bulk/restart (C18). Everybody, unless `userIds` says whom; `delayMs` from one user's end to the next one's beginning. */
export const BulkRestart = strict({
  userIds: v.optional(UserIds),
  delayMs: v.optional(durationMs(0, DELAY_MS_MAX), DELAY_MS_DEFAULT),
});
export type BulkRestart = v.InferOutput<typeof BulkRestart>;

/** The same `jobId` again, or the same request under the same key, begins nothing new. */
export type StartRestart = BulkRestart & { readonly jobId: string; readonly idempotencyKey?: string };
/** `created`: by this command, and not by another with its key. */
export type RestartStarted = { readonly jobId: string; readonly users: number; readonly created: boolean };

/** `skipped`: deleted before it was their turn. */
export type UserRestartStatus = "pending" | "restarting" | "restarted" | "failed" | "skipped";

export type UserRestart = {
  readonly userId: string;
  readonly status: UserRestartStatus;
  readonly startedAt: number | null;
  readonly completedAt: number | null;
  readonly error: string | null;
};

/** GET /api/super/jobs/{jobId}. `next` continues the list of users; null at its end. */
export type RestartJob = {
  readonly jobId: string;
  readonly kind: "restart";
  readonly status: "running" | "completed";
  readonly delayMs: number;
  readonly createdAt: number;
  readonly completedAt: number | null;
  readonly progress: Readonly<Record<UserRestartStatus | "total", number>>;
  readonly users: readonly UserRestart[];
  readonly next: number | null;
};

/** `after` is a user's place in the job, from 1; 0 begins the list. */
export type RestartJobPage = { readonly limit: number; readonly after: number };
