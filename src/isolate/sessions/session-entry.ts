// One session as this isolate knows it, and the one read of it that all requests share.
// Says what was answered and when it was asked; whether that may be used is decided elsewhere. Used by session-snapshots.ts.

import { log } from "../../log.ts";
import { callSession } from "../../objects.ts";
import { calmUntil, type Remembered } from "../../policies/sessions/snapshot-use.ts";
import type { Access } from "../refreshed.ts";

type Read = { readonly startedAt: number; readonly done: Promise<void> };

/** A read still out after this is given up: its request may have been cut, and then it never settles. */
const READ_MS_MAX = 5_000;
/** How long a read may take before the session counts as silent. */
export const SILENT_AFTER_MS = 500;
/** After a failed read the last good answer serves this long before the session is asked again. */
const RETRY_PAUSE_MS = 100;

export class SessionEntry {
  readonly name: string;
  /** What the session answered last; undefined before the first answer and after a refusal. */
  remembered: Remembered | undefined;
  /** When the session was asked that refused last, epoch ms. */
  refusedAt = Number.NEGATIVE_INFINITY;
  /** Until when `remembered` may be used without another look, epoch ms. */
  calmUntil = Number.NEGATIVE_INFINITY;
  #retired = false;
  #read: Read | undefined;
  #answeredAt = Number.NEGATIVE_INFINITY;
  #failedAt = Number.NEGATIVE_INFINITY;

  constructor(name: string) {
    this.name = name;
  }

  /** False once the session changed after it was asked, or nobody would be told if it did. */
  get isCurrent(): boolean {
    return !this.#retired;
  }

  retire(): void {
    this.#retired = true;
  }

  get isBeingRead(): boolean {
    return this.#read !== undefined;
  }

  /** Whether asking now would only make a request wait for nothing. */
  isSilent(nowMs: number): boolean {
    if (nowMs - this.#failedAt < RETRY_PAUSE_MS) return true;
    return (
      this.#read !== undefined &&
      nowMs - this.#read.startedAt >= SILENT_AFTER_MS &&
      nowMs - this.#read.startedAt < READ_MS_MAX
    );
  }

  /** The read that is out, or a new one that reports this request as activity and is kept alive by it. Rejects when it fails. */
  read(access: Access): Promise<void> {
    if (this.#read !== undefined && access.nowMs - this.#read.startedAt < READ_MS_MAX) return this.#read.done;
    const read: Read = { startedAt: access.nowMs, done: this.#ask(access) };
    this.#read = read;
    access.ctx.waitUntil(this.#settle(read));
    return read.done;
  }

  async #ask(access: Access): Promise<void> {
    const answer = await callSession(access.env, this.name, (session) => session.read({ activeAtMs: access.nowMs }));
    // A read that was given up may come in after the one that took its place.
    if (access.nowMs < this.#answeredAt) return;
    this.#answeredAt = access.nowMs;
    if (answer.ok) {
      this.remembered = { snapshot: answer.value, askedAt: access.nowMs };
      this.calmUntil = calmUntil(this.remembered);
    } else {
      this.remembered = undefined;
      this.calmUntil = Number.NEGATIVE_INFINITY;
      this.refusedAt = access.nowMs;
    }
  }

  async #settle(read: Read): Promise<void> {
    try {
      await read.done;
    } catch (error) {
      this.#failedAt = Date.now();
      log("warn", "session not read", { session: this.name, cause: String(error) });
    } finally {
      if (this.#read === read) this.#read = undefined;
    }
  }
}
