// One session: who it belongs to, its preferences, when it ends. It alone says whether the session may be used.
// Tables: session, outbox. RPC: open, read, updatePreferences, revoke; fetch: a leash, a WebSocket that is closed when the session ends.
// Alarm: publishes what is pending, cuts leashes and forgets what is over.
// A change is committed here first, then in every replica of the revocation log, and only then answered.
// Nothing is stored before open: asking for a session that never was leaves no trace.

import { DurableObject } from "cloudflare:workers";
import { sessionMigrations } from "../../migrations/session/index.ts";
import { ok, type Result, refuse, statusOf } from "../../src/contracts/refusals.ts";
import type { OpenCommand, Preferences, ReadCommand, SessionSnapshot } from "../../src/contracts/session.ts";
import { publicationRetryMs } from "../../src/policies/sessions/publication-retry.ts";
import {
  forgettableAt,
  isWorthRecording,
  latestActivity,
  whyRefused,
} from "../../src/policies/sessions/session-lifetime.ts";
import { newSession, type SessionRecord, toSnapshot } from "../../src/policies/sessions/session-record.ts";
import { SESSION_ENDED } from "../../src/policies/streams/close-code.ts";
import { migrate } from "../migrate.ts";
import { publishToAll } from "./publish-change.ts";
import { SessionTables } from "./session-tables.ts";

export class Session extends DurableObject<Env> {
  #tables: SessionTables | undefined;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    if (SessionTables.exist(ctx.storage.sql)) this.#tables = this.#migrated();
  }

  /** Repeating it answers with the session as it stands. Refuses session_expired and session_revoked. */
  async open(command: OpenCommand): Promise<Result<SessionSnapshot>> {
    const nowMs = Date.now();
    this.#tables ??= this.#migrated();
    if (this.#tables.find() !== undefined) return toReply(this.#live(nowMs));
    const session = newSession(command, nowMs);
    this.#tables.insert(session);
    await this.#arm(this.#tables);
    return ok(toSnapshot(session));
  }

  /** Counts `activeAtMs` as activity, written down at most once a minute. Refuses unknown_session, session_expired, session_revoked. */
  read(command: ReadCommand): Result<SessionSnapshot> {
    const nowMs = Date.now();
    const live = this.#live(nowMs);
    if (!live.ok) return live;
    const { tables, session } = live.value;
    const lastActivityAt = latestActivity(session, command.activeAtMs, nowMs);
    // The alarm stays where it is: when it fires too early it looks again.
    if (isWorthRecording(session, lastActivityAt)) tables.recordActivity(lastActivityAt);
    return ok(toSnapshot({ ...session, lastActivityAt }));
  }

  /**
   * Accepts a leash: a hibernating WebSocket that costs no row, held by whoever must know at once that the session has ended, and
   * closed with 4401 then. Counts as activity, as does whatever is said on it. 404 where read would refuse.
   */
  override fetch(_request: Request): Response {
    const read = this.read({ activeAtMs: Date.now() });
    if (!read.ok) return new Response(null, { status: statusOf(read.code) });
    const { 0: holder, 1: leash } = new WebSocketPair();
    this.ctx.acceptWebSocket(leash);
    return new Response(null, { status: 101, webSocket: holder });
  }

  override webSocketMessage(): void {
    this.read({ activeAtMs: Date.now() });
  }

  /** Whoever lets a leash go waits for this answer. */
  override webSocketClose(leash: WebSocket): void {
    leash.close(1000);
  }

  /** Replaces them all. Refuses like read, and with change_pending when they are stored but not known everywhere yet. */
  async updatePreferences(preferences: Preferences): Promise<Result<SessionSnapshot>> {
    const nowMs = Date.now();
    const live = this.#live(nowMs);
    if (!live.ok) return live;
    const { tables, session } = live.value;
    tables.replacePreferences(preferences);
    tables.enqueue(nowMs + publicationRetryMs(0));
    await this.#arm(tables);
    const published = await this.#publish(tables, session.name);
    return published ? ok(toSnapshot({ ...session, preferences })) : refuse("change_pending");
  }

  /**
   * After it, and after its repetition, no isolate uses the session any longer than its freshness bound allows.
   * Refuses unknown_session, and revocation_pending when it is revoked but not known everywhere yet.
   */
  async revoke(): Promise<Result<{ readonly name: string }>> {
    const nowMs = Date.now();
    const session = this.#tables?.find();
    if (this.#tables === undefined || session === undefined) return refuse("unknown_session");
    if (session.revokedAt === undefined) {
      this.#tables.markRevoked(nowMs);
      this.#tables.enqueue(nowMs + publicationRetryMs(0));
      this.#cutLeashes();
      await this.#arm(this.#tables);
    }
    const published = await this.#publish(this.#tables, session.name);
    return published ? ok({ name: session.name }) : refuse("revocation_pending");
  }

  override async alarm(): Promise<void> {
    const tables = this.#tables;
    const session = tables?.find();
    if (tables === undefined || session === undefined) return;
    if (whyRefused(session, Date.now()) !== undefined) this.#cutLeashes();
    const pending = tables.findPending();
    if (pending !== undefined && pending.dueAt <= Date.now()) {
      tables.postpone(Date.now() + publicationRetryMs(pending.attempts + 1));
      await this.#publish(tables, session.name);
    }
    if (this.#forgettableAt(tables) <= Date.now()) return await this.#forget();
    await this.#arm(tables);
  }

  #live(nowMs: number): Result<{ readonly tables: SessionTables; readonly session: SessionRecord }> {
    const tables = this.#tables;
    const session = tables?.find();
    if (tables === undefined || session === undefined) return refuse("unknown_session");
    const refusal = whyRefused(session, nowMs);
    return refusal === undefined ? ok({ tables, session }) : refuse(refusal);
  }

  /** Whether nothing is left that some replica may not know. */
  async #publish(tables: SessionTables, name: string): Promise<boolean> {
    const pending = tables.findPending();
    if (pending === undefined) return true;
    const published = await publishToAll(this.env, { name });
    // Meanwhile another change may have taken its place, or the alarm may have forgotten everything.
    if (!published || this.#tables !== tables) return published;
    tables.dequeue(pending.changeNumber);
    await this.#arm(tables);
    return true;
  }

  /** Held back by the platform until what was written before is durable. */
  #cutLeashes(): void {
    for (const leash of this.ctx.getWebSockets()) leash.close(SESSION_ENDED.code, SESSION_ENDED.reason);
  }

  #forgettableAt(tables: SessionTables): number {
    const session = tables.find();
    return session === undefined ? 0 : forgettableAt(session, tables.findPending() !== undefined);
  }

  /** One alarm, at whatever the tables say is due first; one set to now by an alarm may stall. */
  async #arm(tables: SessionTables): Promise<void> {
    const publishAt = tables.findPending()?.dueAt ?? Number.POSITIVE_INFINITY;
    await this.ctx.storage.setAlarm(Math.max(Math.min(this.#forgettableAt(tables), publishAt), Date.now() + 1));
  }

  async #forget(): Promise<void> {
    this.#tables = undefined;
    await this.ctx.storage.deleteAlarm();
    await this.ctx.storage.deleteAll();
  }

  #migrated(): SessionTables {
    migrate(this.ctx.storage, sessionMigrations);
    return new SessionTables(this.ctx.storage.sql);
  }
}

const toReply = (live: Result<{ readonly session: SessionRecord }>): Result<SessionSnapshot> =>
  live.ok ? ok(toSnapshot(live.value.session)) : live;
