// What users' executors are doing. The router has checked the admin secret by then.

import type { IRequestStrict } from "itty-router";
import { ok } from "../contracts/refusals.ts";
import type { LiveUserState } from "../contracts/user-state.ts";
import type { User } from "../contracts/users.ts";
import { reply } from "../http/reply.ts";
import { callDirectory } from "../objects.ts";
import { backupPrefix, backupStatus } from "../policies/fleet/backup-status.ts";
import { type StateFacts, stateDashboard, userState } from "../policies/fleet/user-state.ts";
import { everyUser } from "./every-user.ts";
import { knownUser } from "./known-user.ts";
import { readBackups } from "./read-backups.ts";
import { readExecutorStanding } from "./read-executor-standing.ts";

/** GET /api/super/users/{id}/state: UserState; 404 unknown_user. */
export const getUserState = async (request: IRequestStrict, env: Env): Promise<Response> => {
  const user = await knownUser(env, request.params.id);
  return reply(request, user.ok ? ok(userState(user.value, await readFacts(env, [user.value]))) : user);
};

/** GET /api/super/users/{id}/state/v2: LiveUserState; 404 unknown_user. */
export const getLiveUserState = async (request: IRequestStrict, env: Env): Promise<Response> => {
  const user = await knownUser(env, request.params.id);
  return reply(request, user.ok ? ok(await readLiveState(env, user.value)) : user);
};

/** GET /api/super/state/dashboard: StateDashboard of everybody who is registered. */
export const getStateDashboard = async (request: IRequestStrict, env: Env): Promise<Response> => {
  const startedAtMs = Date.now();
  const users = await everyUser(env);
  const facts = await readFacts(env, users);
  const nowMs = Date.now();
  return reply(request, ok(stateDashboard(users, facts, { nowMs, totalLatencyMs: nowMs - startedAtMs })));
};

async function readFacts(env: Env, users: readonly User[]): Promise<StateFacts> {
  const [standing, restarting] = await Promise.all([
    readExecutorStanding(env, users),
    callDirectory(env, (directory) => directory.restarting()),
  ]);
  return { standing, restarting: new Set(restarting) };
}

/** Without a bucket, or where it does not answer, no sync is known. */
async function readLiveState(env: Env, user: User): Promise<LiveUserState> {
  const startedAtMs = Date.now();
  const asked = readFacts(env, [user]).then((facts) => ({ facts, latencyMs: Date.now() - startedAtMs }));
  const [{ facts, latencyMs }, listing] = await Promise.all([asked, readBackups(env, backupPrefix(user.id))]);
  const nowMs = Date.now();
  const tally = listing.ok ? listing.value.tallies.get(user.id) : undefined;
  const { lastSync: lastSyncAt } = backupStatus(tally, nowMs);
  return { ...userState(user, facts), latencyMs, lastSyncAt, checkedAt: nowMs };
}
