// What a listing of the bucket says of users' backups. Keys are `users/{id}/…`, and a listing comes in their order.

import type { BackupHealth, BackupStatus } from "../../contracts/backups.ts";

const HEALTHY_MS = 300_000;
const MINUTE_MS = 60_000;
const ROOT = "users/";
/** What a packed backup is called, whatever it is packed with. */
const ARCHIVE = /^backup\.(?:tar(?:\.(?:gz|zst))?|tgz|zip)$/;

export const backupPrefix = (userId: string): string => `${ROOT}${userId}/`;
export const ALL_BACKUPS = ROOT;

export type StoredObject = { readonly key: string; readonly size: number; readonly uploadedAt: number };

/** What is stored for one user. */
export type BackupTally = { readonly bytes: number; readonly newestAt: number; readonly hasArchive: boolean };

/** Adds what was listed to what is known of each user; keys that are no user's count for nobody. */
export function tallyBackups(tallies: Map<string, BackupTally>, objects: readonly StoredObject[]): void {
  for (const { key, size, uploadedAt } of objects) {
    const end = key.indexOf("/", ROOT.length);
    if (!key.startsWith(ROOT) || end === -1) continue;
    const userId = key.slice(ROOT.length, end);
    const { bytes, newestAt, hasArchive } = tallies.get(userId) ?? { bytes: 0, newestAt: 0, hasArchive: false };
    tallies.set(userId, {
      bytes: bytes + size,
      newestAt: Math.max(newestAt, uploadedAt),
      hasArchive: hasArchive || ARCHIVE.test(key.slice(end + 1)),
    });
  }
}

export function backupStatus(tally: BackupTally | undefined, nowMs: number): BackupStatus {
  if (tally === undefined) {
    const nothing = { backupFormat: null, hasBackup: false, sizeBytes: 0, lastSync: null, minutesSinceSync: null };
    return { ...nothing, healthy: false };
  }
  // The bucket's clock may be ahead.
  const ageMs = Math.max(0, nowMs - tally.newestAt);
  return {
    backupFormat: tally.hasArchive ? "archive" : "files",
    hasBackup: true,
    sizeBytes: tally.bytes,
    lastSync: tally.newestAt,
    minutesSinceSync: Math.floor(ageMs / MINUTE_MS),
    healthy: ageMs < HEALTHY_MS,
  };
}

export type BackupListing = {
  readonly tallies: ReadonlyMap<string, BackupTally>;
  /** The last key listed where the listing ends early: of users from there on nothing certain is known. */
  readonly endsAt: string | undefined;
};

/** Every registered user's backup; the fleet is healthy when each one's is known to be. */
export function backupHealth(
  userIds: readonly string[],
  { tallies, endsAt }: BackupListing,
  { nowMs, latencyMs }: { readonly nowMs: number; readonly latencyMs: number },
): BackupHealth {
  const users = userIds
    .filter((userId) => endsAt === undefined || isBefore(userId, endsAt))
    .map((userId) => ({ userId, ...backupStatus(tallies.get(userId), nowMs) }));
  const healthy = users.filter((user) => user.healthy).length;
  const missing = users.filter((user) => !user.hasBackup).length;
  const summary = {
    total: userIds.length,
    ...{ healthy, missing },
    stale: users.length - healthy - missing,
    unknown: userIds.length - users.length,
  };
  return { healthy: healthy === userIds.length, users, summary, latencyMs, checkedAt: nowMs };
}

/** Whether all that is stored for the user comes before `key`, in the order of UTF-8, which of ids is that of their characters. */
const isBefore = (userId: string, key: string): boolean => {
  const prefix = backupPrefix(userId);
  return prefix < key && !key.startsWith(prefix);
};
