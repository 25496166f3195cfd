// What a session is, on the wire and in an isolate's memory (M22), and what is said between a session,
// the log of revocations and the isolates.

import * as v from "valibot";
import { DAY_MS, durationMs } from "./bounded-count.ts";
import { strict } from "./strict-object.ts";

/** The apps a visitor may choose to land in (M22). */
export const DefaultApp = v.picklist(["console", "profile", "search"]);

export const Preferences = strict({
  defaultApp: v.optional(DefaultApp),
});
export type Preferences = v.InferOutput<typeof Preferences>;

/** Exactly document 000's interface; times are epoch ms. `lastActivityAt` is written down at most once per ACTIVITY_RESOLUTION_MS (session-lifetime.ts). */
export type SessionData = {
  readonly userId?: string;
  readonly username?: string;
  readonly authenticated: boolean;
  readonly createdAt: number;
  readonly lastActivityAt: number;
  readonly preferences?: Preferences;
};

/** A session as its object last told it. `name` is the object's name: a hash of the cookie's id, safe to show to operators. */
export type SessionSnapshot = {
  readonly name: string;
  readonly data: SessionData;
  readonly idleExpiresAt: number;
  readonly absoluteExpiresAt: number;
};

const OPAQUE_TEXT_MAX = 256;
const Opaque = v.pipe(
  v.string(),
  v.nonEmpty("must not be empty"),
  v.maxLength(OPAQUE_TEXT_MAX, `must be at most ${OPAQUE_TEXT_MAX} characters`),
  // Half a surrogate pair has no UTF-8 form: two users could end up with one header value.
  v.check((text) => text.isWellFormed(), "must be well-formed Unicode"),
);

/** Twice ACTIVITY_RESOLUTION_MS (policies/sessions/session-lifetime.ts), so that a session in use never ends as idle. */
const IDLE_TTL_MS_MIN = 120_000;
const ABSOLUTE_TTL_MS_MIN = 60_000;

/** POST /api/super/sessions. Where a TTL is absent, session-lifetime.ts says it: IDLE_TTL_MS (M21), ABSOLUTE_TTL_MS. */
export const OpenSession = strict({
  userId: Opaque,
  username: Opaque,
  preferences: v.optional(Preferences),
  idleTtlMs: v.optional(durationMs(IDLE_TTL_MS_MIN, 30 * DAY_MS)),
  absoluteTtlMs: v.optional(durationMs(ABSOLUTE_TTL_MS_MIN, 365 * DAY_MS)),
});
export type OpenSession = v.InferOutput<typeof OpenSession>;

/** Session.open: the object is told its name because it signs its entries in the log of revocations with it. */
export type OpenCommand = OpenSession & { readonly name: string };

/** Session.read: `activeAtMs` is when the session's user was seen; absent when an operator looks. */
export type ReadCommand = { readonly activeAtMs?: number };

/** One entry of the revocation log: snapshots of session `name` taken before it are void, whether it was revoked or changed. */
export type SessionChange = { readonly name: string };

/** Reply of Revocations.since: `gap` means the log no longer reaches back to `cursor`, so every snapshot is void. */
export type ChangesSince = {
  readonly cursor: number;
  readonly changes: readonly SessionChange[];
  readonly gap: boolean;
};
