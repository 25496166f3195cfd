// What is told of the backups that executors keep in the bucket, below `users/{id}/` (C12–C13). Times are epoch ms.

/** `archive`: one packed file. `files`: the folder's files one by one. */
export type BackupFormat = "archive" | "files";

/** Healthy is what was synced less than five minutes ago. Null where there is no backup. */
export type BackupStatus = {
  readonly backupFormat: BackupFormat | null;
  readonly hasBackup: boolean;
  readonly sizeBytes: number;
  readonly lastSync: number | null;
  readonly minutesSinceSync: number | null;
  readonly healthy: boolean;
};

/** GET /api/super/r2-health. `unknown` are those the listing did not reach; they are not among `users`. */
export type BackupHealth = {
  readonly healthy: boolean;
  readonly users: readonly ({ readonly userId: string } & BackupStatus)[];
  readonly summary: {
    readonly total: number;
    readonly healthy: number;
    readonly stale: number;
    readonly missing: number;
    readonly unknown: number;
  };
  readonly latencyMs: number;
  readonly checkedAt: number;
};
