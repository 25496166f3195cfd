// What an isolate may do with a session snapshot it remembers, given that its copy of the revocation log is in order.

import type { SessionSnapshot } from "../../contracts/session.ts";

/** A remembered session; `askedAt` is the isolate's clock before it asked the session, epoch ms. */
export type Remembered = { readonly snapshot: SessionSnapshot; readonly askedAt: number };

/**
 * `use`; `use_and_reread`: use it and read again in the background when the budget allows; `reread`: read first, use it only if
 * the session does not answer; `lapsed`: idle for too long as far as this isolate knows, only the session can tell; `over`: ended.
 */
export type SnapshotUse = "use" | "use_and_reread" | "reread" | "lapsed" | "over";

const AGED_AFTER_MS = 60_000;
/**
 * Revocations reach a snapshot through the log whatever its age; this bounds how late activity reaches the session.
 * Long, because an isolate may hold tens of thousands that it learned of in the same minute, and a request waits for each.
 */
const HARD_AGE_MS = 3_600_000;

export function snapshotUse({ snapshot, askedAt }: Remembered, nowMs: number): SnapshotUse {
  if (nowMs >= snapshot.absoluteExpiresAt) return "over";
  if (nowMs >= snapshot.idleExpiresAt) return "lapsed";
  if (nowMs >= rereadFrom(snapshot, askedAt)) return "reread";
  return nowMs >= askedAt + AGED_AFTER_MS ? "use_and_reread" : "use";
}

/** Until when `snapshotUse` says `use`: one comparison instead of four on the hot path. */
export const calmUntil = ({ snapshot, askedAt }: Remembered): number =>
  Math.min(askedAt + AGED_AFTER_MS, rereadFrom(snapshot, askedAt), snapshot.idleExpiresAt, snapshot.absoluteExpiresAt);

/**
 * Activity is reported by the middle of the idle time at the latest, or a session in use could end as idle.
 * Which share of that time a session gets follows from its name, so that those learned together do not come due together.
 */
const rereadFrom = (snapshot: SessionSnapshot, askedAt: number): number =>
  askedAt + Math.min(HARD_AGE_MS, Math.max(0, snapshot.idleExpiresAt - askedAt) / 2) * shareOf(snapshot.name);

/** From one half to one, evenly over names, which are hashes. */
const shareOf = (name: string): number => 1 - ((name.charCodeAt(0) * 31 + name.charCodeAt(1)) % 256) / 512;
