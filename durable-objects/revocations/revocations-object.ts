// One replica of the log of sessions that were revoked or changed within CHANGE_KEPT_MS; every replica holds all of it.
// Sessions publish into it before they answer, isolates follow it by cursor. It never knows what a session holds.
// Table: changes. RPC: publish, since. Alarm: prunes what is old.

import { DurableObject } from "cloudflare:workers";
import { revocationsMigrations } from "../../migrations/revocations/index.ts";
import type { ChangesSince, SessionChange } from "../../src/contracts/session.ts";
import { CHANGE_KEPT_MS, isGap, prunableThrough } from "../../src/policies/sessions/change-log.ts";
import { migrate } from "../migrate.ts";
import { RevocationsTables } from "./revocations-tables.ts";

/** Between two batches of one long pruning; an alarm set to now by an alarm may stall. */
const NEXT_BATCH_MS = 100;

export class Revocations extends DurableObject<Env> {
  readonly #tables: RevocationsTables;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    migrate(ctx.storage, revocationsMigrations);
    this.#tables = new RevocationsTables(ctx.storage.sql);
  }

  /** Durable when it returns. Repeating it adds an entry and does no harm. */
  async publish(change: SessionChange): Promise<void> {
    const nowMs = Date.now();
    this.#tables.append(change, nowMs);
    if ((await this.ctx.storage.getAlarm()) === null) await this.ctx.storage.setAlarm(nowMs + CHANGE_KEPT_MS);
  }

  /** What was published after `cursor` and the cursor to come back with; writes nothing. */
  since(cursor: number | null): ChangesSince {
    const span = this.#tables.span();
    const changes = cursor === null || isGap(cursor, span) ? undefined : this.#tables.listAfter(cursor);
    return { cursor: span.head, changes: changes ?? [], gap: changes === undefined };
  }

  override async alarm(): Promise<void> {
    const nowMs = Date.now();
    const through = prunableThrough(this.#tables.listOldest(), nowMs);
    if (through !== undefined) this.#tables.pruneThrough(through);
    const oldest = this.#tables.listOldest()[0];
    if (oldest === undefined) return;
    await this.ctx.storage.setAlarm(Math.max(oldest.at + CHANGE_KEPT_MS, nowMs + NEXT_BATCH_MS));
  }
}
