// When a session lives, ends and is forgotten, and when its activity is worth a row.

import { DAY_MS } from "../../contracts/bounded-count.ts";
import type { RefusalCode } from "../../contracts/refusals.ts";

/** The facts of a session that its end depends on; times are epoch ms. */
export type Lifetime = {
  readonly lastActivityAt: number;
  readonly idleTtlMs: number;
  readonly absoluteExpiresAt: number;
  readonly revokedAt: number | undefined;
};

/** M21: 24 h since the last activity; and never more than 30 days in all. */
export const IDLE_TTL_MS = DAY_MS;
export const ABSOLUTE_TTL_MS = 30 * DAY_MS;

/** A row per request would cost more than the request. */
const ACTIVITY_RESOLUTION_MS = 60_000;
/** A revoked session is told apart from an unknown one this long; no snapshot of it is used anywhere by then. */
const TOMBSTONE_MS = 3_600_000;

/** The last moment, exclusive, at which the session may be used without having been active in between. */
export const idleExpiresAt = (session: Lifetime): number =>
  Math.min(session.lastActivityAt + session.idleTtlMs, session.absoluteExpiresAt);

/** Why the session may not be used, or undefined when it may. */
export function whyRefused(
  session: Lifetime,
  nowMs: number,
): Extract<RefusalCode, "session_revoked" | "session_expired"> | undefined {
  if (session.revokedAt !== undefined) return "session_revoked";
  return nowMs >= idleExpiresAt(session) ? "session_expired" : undefined;
}

/** The activity a report adds to a live session: never from the future, never backwards. */
export const latestActivity = (session: Lifetime, activeAtMs: number | undefined, nowMs: number): number =>
  Math.max(session.lastActivityAt, Math.min(activeAtMs ?? 0, nowMs));

/** At most one row a minute. */
export const isWorthRecording = (session: Lifetime, activeAtMs: number): boolean =>
  activeAtMs - session.lastActivityAt >= ACTIVITY_RESOLUTION_MS;

/**
 * From when on nothing needs to be kept. A change that not every replica knows is kept until the session's absolute
 * end, which every snapshot knows by itself.
 */
export function forgettableAt(session: Lifetime, publicationPending: boolean): number {
  if (publicationPending) return session.absoluteExpiresAt;
  if (session.revokedAt === undefined) return idleExpiresAt(session);
  return Math.min(session.revokedAt + TOMBSTONE_MS, session.absoluteExpiresAt);
}
