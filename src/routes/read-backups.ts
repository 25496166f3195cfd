// Lists the bucket that executors keep their users' backups in: bounded in pages and time, and saying how far it came.

import { type Result, refuse } from "../contracts/refusals.ts";
import { withDeadline } from "../deadline.ts";
import { log } from "../log.ts";
import { type BackupListing, type BackupTally, tallyBackups } from "../policies/fleet/backup-status.ts";

/** Of a thousand objects each. */
const PAGES_MAX = 50;
const LISTING_MS_MAX = 5_000;

/** What lies below `prefix`. Refuses `backups_unbound` without a bucket, `backups_unavailable` where it can't be listed. */
export async function readBackups(env: Env, prefix: string): Promise<Result<BackupListing>> {
  // Every environment of ours binds it, but whoever deploys may leave it out.
  const bucket: R2Bucket | undefined = env.BACKUPS;
  if (bucket === undefined) return refuse("backups_unbound", "bind an R2 bucket as BACKUPS");
  try {
    return { ok: true, value: await list(bucket, prefix) };
  } catch (error) {
    log("error", "backups not listed", { cause: String(error) });
    return refuse("backups_unavailable", "the bucket BACKUPS could not be listed");
  }
}

async function list(bucket: R2Bucket, prefix: string): Promise<BackupListing> {
  const endsByMs = Date.now() + LISTING_MS_MAX;
  const tallies = new Map<string, BackupTally>();
  let cursor: string | undefined;
  for (let pages = 1; ; pages++) {
    const asked = bucket.list({ prefix, ...(cursor !== undefined && { cursor }) });
    const page = await withDeadline(asked, LISTING_MS_MAX);
    tallyBackups(
      tallies,
      page.objects.map(({ key, size, uploaded }) => ({ key, size, uploadedAt: uploaded.getTime() })),
    );
    if (!page.truncated) return { tallies, endsAt: undefined };
    if (pages === PAGES_MAX || Date.now() >= endsByMs) return { tallies, endsAt: page.objects.at(-1)?.key ?? "" };
    cursor = page.cursor;
  }
}
