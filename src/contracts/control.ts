// What is asked of the ControlPlane object and what it answers: configuration versions and the hash-chained audit log.

import type { ConfigDocument, ConfigProblem } from "./config.ts";

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

/** What every change carries. The same `commandId` again answers what the first call did: nothing happens twice. */
export type ConfigCommand = {
  readonly commandId: string;
  readonly actor: string;
  /** An If-Match header: a change to any other version is refused `stale_version`. */
  readonly ifMatch?: string;
};
export type ReplaceConfig = ConfigCommand & { readonly document: unknown };
/** `patch` is an RFC 7396 merge patch to the document in force. */
export type PatchConfig = ConfigCommand & { readonly patch: unknown };
export type RollbackConfig = ConfigCommand & { readonly version: number };

/** The document now in force. `changed` is false where it already was: then there is no new version and no audit row. */
export type ConfigChange = {
  readonly version: number;
  readonly changed: boolean;
  readonly document: ConfigDocument;
  /** What is accepted but doesn't do all it says. */
  readonly warnings: readonly ConfigProblem[];
};

/** An admin action to be written down. `subject` names what it was done to; `detail` never holds a secret. */
export type AuditEvent = {
  /** The same id again writes nothing: for callers that repeat a call whose answer was lost. */
  readonly eventId?: string;
  readonly action: string;
  readonly actor: string;
  readonly subject: string;
  readonly detail?: { readonly [key: string]: string | number | boolean | null };
};

export type AuditRow = AuditEvent & {
  /** Counts from 1 without gaps. */
  readonly seq: number;
  readonly at: number;
  /** SHA-256 in hex of the previous row's hash and this row's content (policies/config/audit-chain.ts). */
  readonly hash: string;
};

export type AuditVerdict = {
  readonly intact: boolean;
  readonly rows: number;
  /** Number of the first row that is changed, missing or too many. */
  readonly firstBroken?: number;
};
