// The plane's configuration, version by version, and its audit log: what an operator changed, chained by hashes. One per plane.
// Tables: config_versions, audit_log, control_state, monitored_pools. Alarm: tells the monitors of pools that are probed of each version.
// RPC: current, replace, patch, rollback, version, history, record, auditLog, verifyAudit. A change, its audit row and whom it is to be
// told commit together; nothing that can't work ever comes into force.

import { DurableObject } from "cloudflare:workers";
import { controlPlaneMigrations } from "../../migrations/control-plane/index.ts";
import { describeBindings } from "../../src/contracts/bindings.ts";
import type { ConfigDocument, ConfigVersion } from "../../src/contracts/config.ts";
import type {
  AuditEvent,
  AuditRow,
  AuditVerdict,
  ConfigChange,
  ConfigCommand,
  ConfigHistoryEntry,
  CurrentConfig,
  PatchConfig,
  ReplaceConfig,
  RollbackConfig,
} from "../../src/contracts/control.ts";
import { ok, type Result, refuse } from "../../src/contracts/refusals.ts";
import { decideChange } from "../../src/policies/config/decide-change.ts";
import { isTooDeep } from "../../src/policies/config/json-shape.ts";
import { mergePatch } from "../../src/policies/config/merge-patch.ts";
import { migrate } from "../migrate.ts";
import { adoptConfigFile } from "./adopt-config-file.ts";
import { AuditLog, sha256 } from "./audit-log.ts";
import { ControlPlaneTables, type NewVersion } from "./control-plane-tables.ts";
import { MonitoredPools } from "./monitored-pools.ts";

/** At up to 1 MiB each they stay far from the object's 10 GB. */
const VERSIONS_KEPT = 1_000;
const HISTORY_MAX = 1_000;

type Origin = Pick<NewVersion, "source" | "actor" | "commandId" | "restores">;

export class ControlPlane extends DurableObject<Env> {
  readonly #tables: ControlPlaneTables;
  readonly #audit: AuditLog;
  readonly #monitored: MonitoredPools;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    migrate(ctx.storage, controlPlaneMigrations);
    this.#tables = new ControlPlaneTables(ctx.storage.sql);
    this.#audit = new AuditLog(this.#tables);
    this.#monitored = new MonitoredPools(ctx, env);
    adoptConfigFile({ env, tables: this.#tables, storage: ctx.storage, store: (text) => this.#storeFile(text) });
    // A file was adopted, a migration has found whom to tell, or an alarm got lost.
    this.#monitored.arm(Date.now());
  }

  /** What is in force; the document only if the caller doesn't have that version yet. Version 0 is the empty document. */
  current(knownVersion: number | null): CurrentConfig {
    const version = this.#tables.newestVersion();
    return version === knownVersion ? { version, changed: false } : { ...this.#tables.newest(), changed: true };
  }

  /** Puts a document into force. Refuses `invalid_config`, then `stale_version`. The document in force again changes nothing. */
  replace(command: ReplaceConfig): Result<ConfigChange> {
    return this.#change(command, { source: "api" }, () => command.document);
  }

  /** Puts the document in force, merged with a patch, into force. Refuses like `replace`. */
  patch(command: PatchConfig): Result<ConfigChange> {
    return this.#change(command, { source: "api" }, (current) =>
      // Too deep to merge is too deep to be valid: judged by itself, such a patch is refused for just that.
      isTooDeep(command.patch) ? command.patch : mergePatch(current.document, command.patch),
    );
  }

  /** Puts an earlier document into force again, as a new version. Refuses `unknown_version`, then like `replace`. */
  rollback(command: RollbackConfig): Result<ConfigChange> {
    const earlier = this.version(command.version);
    if (!earlier.ok) return earlier;
    return this.#change(command, { source: "rollback", restores: command.version }, () => earlier.value.document);
  }

  /** A version as it was. Refuses `unknown_version`. */
  version(version: number): Result<ConfigVersion> {
    const found = this.#tables.findVersion(version);
    return found === undefined ? refuse("unknown_version", `version ${version} is not kept`) : ok(found);
  }

  /** Newest first, at most HISTORY_MAX; `before` continues below a version. */
  history({ limit, before }: { readonly limit: number; readonly before?: number }): ConfigHistoryEntry[] {
    return this.#tables.listVersions(before ?? Number.MAX_SAFE_INTEGER, Math.min(limit, HISTORY_MAX));
  }

  /** Writes down what an operator did elsewhere. */
  record(event: AuditEvent): void {
    this.ctx.storage.transactionSync(() => this.#audit.append(event, Date.now()));
  }

  /** Oldest first, at most LIST_MAX of audit-log.ts; `after` continues above a row's `seq`. */
  auditLog({ limit, after }: { readonly limit: number; readonly after?: number }): AuditRow[] {
    return this.#audit.list(after ?? 0, limit);
  }

  /** Whether the log is what was written; `firstBroken` names the first row that is not. */
  verifyAudit(): Promise<AuditVerdict> {
    return this.#audit.verify();
  }

  override async alarm(): Promise<void> {
    await this.#monitored.tellDue();
  }

  #storeFile(text: string): void {
    this.#insert(text, { source: "file", actor: "start", commandId: null }, Date.now());
  }

  #change(
    command: ConfigCommand,
    cause: Pick<Origin, "source" | "restores">,
    next: (current: ConfigVersion) => unknown,
  ): Result<ConfigChange> {
    const nowMs = Date.now();
    const done = this.#tables.findByCommand(command.commandId);
    if (done !== undefined) return ok({ ...done, changed: true, warnings: [] });
    const current = this.#tables.newest();
    const bindings = describeBindings(this.env);
    const decided = decideChange({ next: next(current), current, ifMatch: command.ifMatch, bindings });
    if (!decided.ok) return decided;
    const { document, text, warnings, changed } = decided.value;
    const origin = { ...cause, actor: command.actor, commandId: command.commandId };
    const version = changed ? this.#store(text, origin, nowMs) : current.version;
    return ok({ version, changed, document, warnings });
  }

  #store(text: string, origin: Origin, nowMs: number): number {
    const version = this.#insert(text, origin, nowMs);
    this.#monitored.arm(nowMs);
    return version;
  }

  /** The new version, its audit row and whom to tell, all or nothing. */
  #insert(text: string, origin: Origin, nowMs: number): number {
    return this.ctx.storage.transactionSync(() => {
      const version = this.#tables.newestVersion() + 1;
      this.#tables.insertVersion({ ...origin, version, createdAt: nowMs, text });
      this.#tables.pruneVersions(version - VERSIONS_KEPT + 1);
      const { source, actor, restores } = origin;
      const detail = { source, sha256: sha256(text), ...(restores !== undefined && { restores }) };
      this.#audit.append({ action: `config.${source}`, actor, subject: `version ${version}`, detail }, nowMs);
      this.#monitored.expect(JSON.parse(text) as ConfigDocument, version);
      return version;
    });
  }
}
