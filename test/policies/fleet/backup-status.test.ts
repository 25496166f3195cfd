// What a listing of the bucket says of users' backups.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type BackupTally,
  backupHealth,
  backupStatus,
  tallyBackups,
} from "../../../src/policies/fleet/backup-status.ts";

const NOW = 10_000_000;
const object = (key: string, size: number, uploadedAt: number) => ({ key, size, uploadedAt });
function tallied(...objects: readonly ReturnType<typeof object>[]): Map<string, BackupTally> {
  const tallies = new Map<string, BackupTally>();
  // Page by page, as a bucket is listed.
  for (const one of objects) tallyBackups(tallies, [one]);
  return tallies;
}

describe("a backup", () => {
  it.each([
    [0, 0, true],
    [59_999, 0, true],
    [299_999, 4, true],
    [300_000, 5, false],
    [-5_000, 0, true],
  ])("of %i ms ago is %i minutes old and healthy: %s", (ageMs, minutesSinceSync, healthy) => {
    const tally = { bytes: 3, newestAt: NOW - ageMs, hasArchive: false };
    expect(backupStatus(tally, NOW)).toEqual({
      backupFormat: "files",
      hasBackup: true,
      sizeBytes: 3,
      lastSync: NOW - ageMs,
      minutesSinceSync,
      healthy,
    });
  });

  it("that is not there is not healthy", () => {
    expect(backupStatus(undefined, NOW)).toEqual({
      backupFormat: null,
      hasBackup: false,
      sizeBytes: 0,
      lastSync: null,
      minutesSinceSync: null,
      healthy: false,
    });
  });

  it("is all that lies below its user's prefix, as old as its newest part, and nobody else's", () => {
    const tallies = tallied(
      object("users/a/notes.md", 10, 500),
      object("users/a/deep/er.md", 5, 900),
      object("users/ab/notes.md", 7, 100),
      object("users/stray", 1, 1),
      object("else/a/notes.md", 1, 1),
    );
    expect([...tallies]).toEqual([
      ["a", { bytes: 15, newestAt: 900, hasArchive: false }],
      ["ab", { bytes: 7, newestAt: 100, hasArchive: false }],
    ]);
  });

  it.each([
    ["backup.tar.gz", "archive"],
    ["backup.tgz", "archive"],
    ["deep/backup.tar.gz", "files"],
    ["mybackup.tar.gz", "files"],
  ])("named %s is of the format %s", (name, format) => {
    expect(backupStatus(tallied(object(`users/a/${name}`, 1, NOW)).get("a"), NOW).backupFormat).toBe(format);
  });
});

describe("the fleet's backups", () => {
  const tallies = tallied(object("users/a/x", 1, NOW), object("users/b/x", 1, NOW - 300_000));
  const health = (userIds: readonly string[], endsAt?: string) =>
    backupHealth(userIds, { tallies, endsAt }, { nowMs: NOW, latencyMs: 7 });

  it("are healthy when everybody's are, also where there is nobody", () => {
    expect(health(["a"])).toMatchObject({ healthy: true, summary: { total: 1, healthy: 1, stale: 0, missing: 0 } });
    expect(health([])).toMatchObject({ healthy: true, users: [], latencyMs: 7, checkedAt: NOW });
  });

  it("are not, where one is stale or missing", () => {
    expect(health(["a", "b", "c"])).toMatchObject({
      healthy: false,
      users: [
        { userId: "a", healthy: true },
        { userId: "b", healthy: false },
        { userId: "c", hasBackup: false },
      ],
      summary: { total: 3, healthy: 1, stale: 1, missing: 1, unknown: 0 },
    });
  });

  it("are unknown from where the listing ended, whose user may have more", () => {
    const { healthy, users, summary } = health(["a", "b", "c"], "users/b/x");
    expect([healthy, users.map(({ userId }) => userId), summary.unknown]).toEqual([false, ["a"], 2]);
    expect(health(["a"], "users/b/x").healthy).toBe(true);
  });

  it("are told of no one otherwise than all of the bucket would tell, wherever the listing ended", () => {
    const id = fc.stringMatching(/^[a-c][a-c.:@-]{0,3}$/);
    const stored = fc.record({ id, name: fc.constantFrom("x", "y/z", "backup.tgz"), ageMs: fc.nat(600_000) });
    fc.assert(
      fc.property(
        fc.array(stored, { maxLength: 12 }),
        fc.uniqueArray(id, { maxLength: 8 }),
        fc.nat(12),
        (all, ids, cut) => {
          // A bucket lists in the order of UTF-8.
          const objects = all
            .map(({ id, name, ageMs }) => object(`users/${id}/${name}`, 1, NOW - ageMs))
            .sort((a, b) => (a.key < b.key ? -1 : 1));
          const listed = objects.slice(0, cut);
          const endsAt = listed.length < objects.length ? (listed.at(-1)?.key ?? "") : undefined;
          const at = { nowMs: NOW, latencyMs: 0 };
          const part = backupHealth(ids, { tallies: tallied(...listed), endsAt }, at);
          const whole = backupHealth(ids, { tallies: tallied(...objects), endsAt: undefined }, at);
          const known = new Set(part.users.map(({ userId }) => userId));
          expect(part.users).toEqual(whole.users.filter(({ userId }) => known.has(userId)));
          const { total, ...counts } = part.summary;
          expect(Object.values(counts).reduce((sum, count) => sum + count, 0)).toBe(total);
        },
      ),
    );
  });
});
