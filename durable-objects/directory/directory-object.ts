// Who the users of the fleet are, each one's configuration, and jobs that restart them. One per plane; operators ask it, and whoever
// starts something for a user. Tables: users, user_configs, restart_jobs, user_restarts. Alarm: goes on with jobs, forgets old ones.
// RPC: find, lookUp, list, put, remove; config, configHistory, changeConfig, patchConfigs; startRestart, restartJob, restarting.

import { DurableObject } from "cloudflare:workers";
import { directoryMigrations } from "../../migrations/directory/index.ts";
import { ok, type Result, refuse } from "../../src/contracts/refusals.ts";
import type { RestartJob, RestartJobPage, RestartStarted, StartRestart } from "../../src/contracts/restart-jobs.ts";
import type {
  BulkPatchResult,
  ChangeUserConfig,
  PatchUserConfigs,
  TaggedUserConfig,
  UserConfigChange,
  UserConfigVersion,
} from "../../src/contracts/user-config.ts";
import type { PutUserCommand, User, UserChange, UserListing, UserPage } from "../../src/contracts/users.ts";
import { decideUser } from "../../src/policies/fleet/decide-user.ts";
import { migrate } from "../migrate.ts";
import { endExecs } from "./end-execs.ts";
import { RestartJobs, type RestartJobsParts } from "./restart-jobs.ts";
import { UserConfigs } from "./user-configs.ts";
import { UsersTables } from "./users-tables.ts";

const LIST_MAX = 1_000;

export class Directory extends DurableObject<Env> {
  readonly #users: UsersTables;
  readonly #configs: UserConfigs;
  readonly #restarts: RestartJobs;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    migrate(ctx.storage, directoryMigrations);
    this.#users = new UsersTables(ctx.storage.sql);
    this.#configs = new UserConfigs(ctx.storage.sql);
    const restart: RestartJobsParts["restart"] = (userId, sinceMs) => endExecs(env, userId, sinceMs);
    this.#restarts = new RestartJobs({ ctx, users: this.#users, restart });
    // Where nothing is set, an alarm got lost.
    this.#restarts.arm(Date.now());
  }

  /** Refuses `unknown_user`. */
  find(id: string): Result<User> {
    return this.#withUser(id, ok);
  }

  /** By name, in whatever case. Refuses `unknown_user`. */
  lookUp(name: string): Result<User> {
    const user = this.#users.findByName(name);
    return user === undefined ? refuse("unknown_user", "nobody has that name") : ok(user);
  }

  /** At most LIST_MAX at a time. */
  list({ limit, after = "" }: UserListing): UserPage {
    const wanted = Math.min(limit, LIST_MAX);
    const found = this.#users.list(after, wanted + 1);
    const users = found.slice(0, wanted);
    return { users, next: found.length > wanted ? (users.at(-1)?.id ?? null) : null };
  }

  /** Registers a user or changes one. Refuses `name_taken`, `users_full`. */
  put({ commandId, ...wanted }: PutUserCommand): Result<UserChange> {
    const nowMs = Date.now();
    const isRepeated = this.#users.isLastCommand(wanted.id, commandId);
    const current = this.#users.find(wanted.id);
    const nameHolder = this.#users.findByName(wanted.name)?.id;
    const decided = decideUser({ ...wanted, isRepeated, current, nameHolder, count: this.#users.count(), nowMs });
    if (decided.ok && decided.value.changed && !isRepeated) this.#users.save(decided.value.user, commandId);
    return decided;
  }

  /** With the configuration and its history; whoever is not registered is not either afterwards. */
  remove(id: string): void {
    this.#configs.forget(id);
    this.#users.delete(id);
  }

  /** A version as it was, by default the one in force. Refuses `unknown_user`, `unknown_version`. */
  config(userId: string, version?: number): Result<TaggedUserConfig> {
    return this.#withUser(userId, (user) =>
      version === undefined ? ok(this.#configs.current(user)) : this.#configs.version(user, version),
    );
  }

  /** Newest first: the one in force and ten before it. Refuses `unknown_user`. */
  configHistory(userId: string): Result<UserConfigVersion[]> {
    return this.#withUser(userId, (user) => ok(this.#configs.history(user)));
  }

  /** Refuses `unknown_user`, `unknown_version` (a rollback), `invalid_body`, then `stale_version`. */
  changeConfig(command: ChangeUserConfig): Result<TaggedUserConfig<UserConfigChange>> {
    const nowMs = Date.now();
    return this.#withUser(command.userId, (user) => this.#configs.change(user, command, nowMs));
  }

  /** One patch for many: each user's change stands or fails by itself, and what changed commits together. */
  patchConfigs({ userIds, patch, ...origin }: PatchUserConfigs): BulkPatchResult[] {
    return userIds.map((userId): BulkPatchResult => {
      const result = this.changeConfig({ ...origin, userId, edit: { kind: "patch", patch } });
      if (!result.ok) return { userId, ok: false, code: result.code, detail: result.detail ?? "" };
      const { version, changed } = result.value;
      return { userId, ok: true, version, changed };
    });
  }

  /** Begins a job. Refuses `idempotency_mismatch`, `unknown_user`, `too_many_at_once`. */
  startRestart(command: StartRestart): Result<RestartStarted> {
    return this.#restarts.start(command, Date.now());
  }

  /** How far it has come. Refuses `unknown_job`. */
  restartJob(jobId: string, page: RestartJobPage): Result<RestartJob> {
    return this.#restarts.describe(jobId, page);
  }

  /** Whose restart has begun and not ended. */
  restarting(): string[] {
    return this.#restarts.restarting();
  }

  override alarm(): Promise<void> {
    return this.#restarts.stepDue();
  }

  #withUser<T>(id: string, work: (user: User) => Result<T>): Result<T> {
    const user = this.#users.find(id);
    return user === undefined ? refuse("unknown_user", `${id} is not registered`) : work(user);
  }
}
