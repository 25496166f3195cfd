// Decides what registering a user, or changing one, comes to.

import { ok, type Result, refuse } from "../../contracts/refusals.ts";
import { type PutUserCommand, USERS_MAX, type User, type UserChange } from "../../contracts/users.ts";

export type ProposedUser = Omit<PutUserCommand, "commandId"> & {
  /** This very command has been carried out. */
  readonly isRepeated: boolean;
  /** The user of that id, and whoever has that name. */
  readonly current: User | undefined;
  readonly nameHolder: string | undefined;
  /** How many are registered. */
  readonly count: number;
  readonly nowMs: number;
};

/** Refuses `name_taken` (naming the holder) and `users_full`. The same again changes nothing. */
export function decideUser(proposed: ProposedUser): Result<UserChange> {
  const { id, name, tier, isRepeated, current, nameHolder, count, nowMs } = proposed;
  if (isRepeated && current !== undefined) {
    return ok({ user: current, created: current.createdAt === current.updatedAt, changed: true });
  }
  if (nameHolder !== undefined && nameHolder !== id) {
    return refuse("name_taken", `${nameHolder} is called that`, {
      problems: [{ path: "name", message: `is the name of ${nameHolder}` }],
    });
  }
  if (current === undefined) {
    if (count >= USERS_MAX) return refuse("users_full", `at most ${USERS_MAX} users are registered`);
    const user = { id, name, tier, createdAt: nowMs, updatedAt: nowMs, restartedAt: null };
    return ok({ user, created: true, changed: true });
  }
  const changed = current.name !== name || current.tier !== tier;
  return ok({ user: changed ? { ...current, name, tier, updatedAt: nowMs } : current, created: false, changed });
}
