// How users' backups in the bucket stand. The router has checked the admin secret by then. Nothing here writes to the bucket.

import type { IRequestStrict } from "itty-router";
import { ok } from "../contracts/refusals.ts";
import { reply } from "../http/reply.ts";
import { ALL_BACKUPS, backupHealth, backupPrefix, backupStatus } from "../policies/fleet/backup-status.ts";
import { everyUser } from "./every-user.ts";
import { knownUser } from "./known-user.ts";
import { readBackups } from "./read-backups.ts";

/** GET /api/super/users/{id}/r2-status: BackupStatus, of the first 50,000 objects; 404 unknown_user, 503 backups_unbound, backups_unavailable. */
export const getBackupStatus = async (request: IRequestStrict, env: Env): Promise<Response> => {
  const user = await knownUser(env, request.params.id);
  if (!user.ok) return reply(request, user);
  const { id } = user.value;
  const listing = await readBackups(env, backupPrefix(id));
  return reply(request, listing.ok ? ok(backupStatus(listing.value.tallies.get(id), Date.now())) : listing);
};

/** GET /api/super/r2-health: BackupHealth of everybody; 503 backups_unbound, backups_unavailable. */
export const getBackupHealth = async (request: IRequestStrict, env: Env): Promise<Response> => {
  const startedAtMs = Date.now();
  const listing = await readBackups(env, ALL_BACKUPS);
  const latencyMs = Date.now() - startedAtMs;
  if (!listing.ok) return reply(request, listing);
  const userIds = (await everyUser(env)).map(({ id }) => id);
  return reply(request, ok(backupHealth(userIds, listing.value, { nowMs: Date.now(), latencyMs })));
};
