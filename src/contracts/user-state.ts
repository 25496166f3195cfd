// What a user's executor is doing, as operators are told (C14–C16). Times are epoch ms.

/**
 * `active`: commands of the user's run. `idle`: none does, and the executor answers. `starting`: it is being restarted.
 * `stopped`: this server has no executor, or the user's container is not up; the next command starts it. `error`: the executor does not
 * answer, or refuses the key; what it runs can't be known.
 */
export type ExecutorState = "active" | "idle" | "starting" | "stopped" | "error";

/** GET /api/super/users/{id}/state. `runningExecs` is null where it can't be known; `cause` says why, of an `error`. */
export type UserState = {
  readonly userId: string;
  readonly state: ExecutorState;
  readonly runningExecs: number | null;
  readonly cause?: string;
  readonly restartedAt: number | null;
};

/** GET …/state/v2. `latencyMs`: until the executor had answered. `lastSyncAt`: of the newest backup; null without one. */
export type LiveUserState = UserState & {
  readonly latencyMs: number;
  readonly lastSyncAt: number | null;
  readonly checkedAt: number;
};

/** GET /api/super/state/dashboard. */
export type StateDashboard = {
  readonly users: readonly (UserState & { readonly name: string; readonly tier: number })[];
  readonly summary: Readonly<Record<ExecutorState | "total", number>>;
  readonly totalLatencyMs: number;
  readonly checkedAt: number;
};
