// What a session is, on the wire and in an isolate's memory (M22).

import * as v from "valibot";

export const Preferences = v.strictObject({
  defaultApp: v.optional(v.picklist(["console", "profile", "search"])),
});
export type Preferences = v.InferOutput<typeof Preferences>;

/** Exactly document 000's interface; times are epoch ms. */
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
const Opaque = v.pipe(v.string(), v.nonEmpty("must not be empty"), v.maxLength(OPAQUE_TEXT_MAX, `must be at most ${OPAQUE_TEXT_MAX} characters`));

/** POST /api/super/sessions. TTLs in ms: idle 1 min to 30 days (default 24 h, M21), absolute up to 365 days (default 30 days). */
export const OpenSession = v.strictObject({
  userId: Opaque,
  username: Opaque,
  preferences: v.optional(Preferences),
  idleTtlMs: v.optional(v.pipe(v.number(), v.integer(), v.minValue(60_000), v.maxValue(30 * 86_400_000))),
  absoluteTtlMs: v.optional(v.pipe(v.number(), v.integer(), v.minValue(60_000), v.maxValue(365 * 86_400_000))),
});
export type OpenSession = v.InferOutput<typeof OpenSession>;

/** One entry of the revocation log: snapshots of session `name` taken before it are void. */
export type SessionChange = { readonly name: string; readonly kind: "revoked" | "changed" };

/** Reply of Revocations.since: `gap` means the log no longer reaches back to `cursor`, so every snapshot is void. */
export type ChangesSince = { readonly cursor: number; readonly changes: readonly SessionChange[]; readonly gap: boolean };
