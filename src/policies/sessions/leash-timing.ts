// When the holder of a leash speaks: to tell its session that it is in use, and to tie itself anew when the leash broke.

import type { SessionSnapshot } from "../../contracts/session.ts";

const ACTIVITY_MS_MAX = 3_600_000;
/** Of the idle time: so that a session in use never ends as idle. */
const ACTIVITY_SHARE = 1 / 4;
const RETIE_MS = 100;
const RETIE_MS_MAX = 1_000;

/** For how long a socket may go on while its session can't be asked. */
export const UNTIED_MS_MAX = 30_000;

/** How often activity on a socket is told to its session, ms. */
export const activityEveryMs = ({ idleExpiresAt, data }: SessionSnapshot): number =>
  Math.min(ACTIVITY_MS_MAX, Math.max(0, idleExpiresAt - data.lastActivityAt) * ACTIVITY_SHARE);

/** The pause before try `attempt` (from 0), ms: full jitter, for all sockets of an object that restarted break at once. */
export const retieDelayMs = (attempt: number, random: number): number =>
  random * Math.min(RETIE_MS_MAX, RETIE_MS * 2 ** Math.min(attempt, 10));
