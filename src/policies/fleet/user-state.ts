// What is made of the little that can be known of a user's executor: whether it answers, what it runs, whether it is being restarted.

import type { ExecutorStanding } from "../../contracts/executor-standing.ts";
import type { ExecutorState, StateDashboard, UserState } from "../../contracts/user-state.ts";
import type { User } from "../../contracts/users.ts";

export type StateFacts = { readonly standing: ExecutorStanding; readonly restarting: ReadonlySet<string> };

/** A restart goes before everything else: what runs then is about to end. */
export function userState({ id, restartedAt }: User, { standing, restarting }: StateFacts): UserState {
  const runningExecs = runningFor(id, standing);
  const told = (state: ExecutorState): UserState => ({ userId: id, state, runningExecs, restartedAt });
  if (restarting.has(id)) return told("starting");
  switch (standing.kind) {
    case "unset":
      return told("stopped");
    case "silent":
    case "refused":
      return { ...told("error"), cause: standing.cause };
    case "containers":
      if (runningExecs === null) return { ...told("error"), cause: "the user's object did not answer" };
      if (standing.of.get(id)?.container !== "up") return told("stopped");
      return told(runningExecs === 0 ? "idle" : "active");
    case "answers":
      return told(runningExecs === 0 ? "idle" : "active");
  }
}

/** Null where it can't be known. */
function runningFor(id: string, standing: ExecutorStanding): number | null {
  if (standing.kind === "answers") return standing.running.get(id) ?? 0;
  return standing.kind === "containers" ? (standing.of.get(id)?.running ?? null) : null;
}

/** In the users' order. */
export function stateDashboard(
  users: readonly User[],
  facts: StateFacts,
  { nowMs, totalLatencyMs }: { readonly nowMs: number; readonly totalLatencyMs: number },
): StateDashboard {
  const told = users.map((user) => ({ ...userState(user, facts), name: user.name, tier: user.tier }));
  const summary = { total: told.length, active: 0, idle: 0, starting: 0, stopped: 0, error: 0 };
  for (const { state } of told) summary[state]++;
  return { users: told, summary, totalLatencyMs, checkedAt: nowMs };
}
