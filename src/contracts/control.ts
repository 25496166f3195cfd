// What the ControlPlane object answers: configuration history and the hash-chained audit log.

import type { ConfigDocument } from "./config.ts";

/** Where a version came from: the admin API, a file given at start, or a rollback. */
export type ConfigSource = "api" | "file" | "rollback" | "initial";

export type ConfigHistoryEntry = {
  readonly version: number;
  readonly createdAt: number;
  readonly source: ConfigSource;
  readonly actor: string;
  /** The version a rollback restored. */
  readonly restores?: number;
};

/** Reply of ControlPlane.current: the document only when the caller's version differs. */
export type CurrentConfig =
  | { readonly version: number; readonly changed: true; readonly document: ConfigDocument }
  | { readonly version: number; readonly changed: false };

/** An admin action to be written down. `subject` names what it was done to; `detail` never holds a secret. */
export type AuditEvent = {
  readonly action: string;
  readonly actor: string;
  readonly subject: string;
  readonly detail?: { readonly [key: string]: unknown };
};

export type AuditRow = AuditEvent & {
  readonly seq: number;
  readonly at: number;
  /** SHA-256 in hex of the previous row's hash and this row's content. */
  readonly hash: string;
};

export type AuditVerdict = {
  readonly intact: boolean;
  readonly rows: number;
  /** The first row whose hash does not follow from the one before. */
  readonly firstBroken?: number;
};
