// What a session is, on the wire and in an isolate's memory (M22), and what is said between a session,
// the log of revocations and the isolates.

import * as v from "valibot";

export const Preferences = v.strictObject({
  defaultApp: v.optional(v.picklist(["console", "profile", "search"])),
});
export type Preferences = v.InferOutput<typeof Preferences>;

/** Exactly document 000's interface; times are epoch ms. `lastActivityAt` is recorded to the minute. */
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

const DAY_MS = 86_400_000;
/** Twice the minute to which activity is recorded, so that a session in use never ends as idle. */
const IDLE_TTL_MS_MIN = 120_000;
const ttlMs = (min: number, max: number) => v.pipe(v.number(), v.integer(), v.minValue(min), v.maxValue(max));

/** POST /api/super/sessions. TTLs in ms: idle 2 min to 30 days (default 24 h, M21), absolute 1 min to 365 days (default 30 days). */
export const OpenSession = v.strictObject({
  userId: Opaque,
  username: Opaque,
  preferences: v.optional(Preferences),
  idleTtlMs: v.optional(ttlMs(IDLE_TTL_MS_MIN, 30 * DAY_MS)),
  absoluteTtlMs: v.optional(ttlMs(60_000, 365 * DAY_MS)),
});
export type OpenSession = v.InferOutput<typeof OpenSession>;

/** Session.open: the object is told its name because it signs its entries in the log of revocations with it. */
export type OpenCommand = OpenSession & { readonly name: string };

/** Session.read: `activeAtMs` is when the session's user was seen; absent when an operator looks. */
export type ReadCommand = { readonly activeAtMs?: number };

/** Session.revoke: who ended it. */
export type RevokeCommand = { readonly reason: "logout" | "admin" };

/** One entry of the revocation log: snapshots of session `name` taken before it are void. */
export type SessionChange = { readonly name: string; readonly kind: "revoked" | "changed" };

/** Reply of Revocations.since: `gap` means the log no longer reaches back to `cursor`, so every snapshot is void. */
export type ChangesSince = {
  readonly cursor: number;
  readonly changes: readonly SessionChange[];
  readonly gap: boolean;
};
