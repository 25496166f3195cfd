// Who is asking: turns a Cookie header into an identity from what this isolate remembers, without a call on the hot path.
// A snapshot counts only while the copy of the revocation log is within the caller's freshness bound; what the log names is
// void at once. Never lets anyone in on doubt: with nothing to go by, the visitor is anonymous and the identity `stale`.

import type { SessionSnapshot } from "../../contracts/session.ts";
import { withDeadline } from "../../deadline.ts";
import { log } from "../../log.ts";
import { callSession } from "../../objects.ts";
import { headerText } from "../../policies/sessions/header-text.ts";
import { earnCredit, FULL_CREDIT, spendOnReread } from "../../policies/sessions/reread-budget.ts";
import { mentionsSession } from "../../policies/sessions/session-cookie.ts";
import { snapshotUse } from "../../policies/sessions/snapshot-use.ts";
import { BoundedMap } from "../bounded-map.ts";
import type { Access, Held } from "../refreshed.ts";
import { RevocationLog } from "./revocation-log.ts";
import { SessionEntry, SILENT_AFTER_MS } from "./session-entry.ts";
import { SessionVisitors, type Visitor as VisitorWith } from "./session-visitors.ts";

/** `headers` are ready to be sent as X-Session-Authenticated, -User-Id and -Username (M24 to M26). */
export type Identity = {
  readonly session?: SessionSnapshot;
  readonly headers: { readonly authenticated: string; readonly userId?: string; readonly username?: string };
  /** The Cookie header to forward: without any cookie of ours, "" when nothing remains. */
  readonly cookie: string;
  /** Last good knowledge was used because an object did not answer; anonymous and stale means nobody could tell. */
  readonly stale: boolean;
};

/** `loopback`: the request came over plain HTTP to a loopback name. `freshnessMs` 0: the session itself is asked, every time. */
export type IdentifyInput = Access & {
  readonly cookieHeader: string;
  readonly loopback: boolean;
  readonly freshnessMs: number;
};

type Memory = { readonly entry: SessionEntry; identity: Identity | undefined };
type Visitor = VisitorWith<Memory> & { readonly name: string };

export const ANONYMOUS: Identity = { headers: { authenticated: "false" }, cookie: "", stale: false };

export type LogLook = { readonly access: Access; readonly freshnessMs: number };

const ENTRIES_MAX = 50_000;
/** Asked for within the half minute after a change. */
const CHANGES_REMEMBERED_MAX = 10_000;
/** How long a request waits for a session of which nothing usable is known. */
const FIRST_READ_WAIT_MS = 5_000;
/** A session that changes while it is being read is read again so often, then asked for this request alone. */
const SHARED_READS_MAX = 2;

export class SessionSnapshots {
  readonly #visitors = new SessionVisitors<Memory>();
  readonly #entries = new BoundedMap<SessionEntry>({ entriesMax: ENTRIES_MAX, onEvict: (entry) => entry.retire() });
  readonly #log = new RevocationLog({ onChange: (name) => this.#void(name), onGap: () => this.#voidAll() });
  /** When a session was last named by the log, epoch ms. */
  readonly #changedAt = new BoundedMap<number>({ entriesMax: CHANGES_REMEMBERED_MAX });
  #allChangedAt = Number.NEGATIVE_INFINITY;
  #credit = FULL_CREDIT;
  #earnedAt = Number.POSITIVE_INFINITY;

  /** At once (no promise) while everything it needs is remembered and fresh. Never rejects. */
  identify(input: IdentifyInput): Identity | Promise<Identity> {
    this.#credit = earnCredit(this.#credit, input.nowMs - this.#earnedAt);
    this.#earnedAt = input.nowMs;
    if (!mentionsSession(input.cookieHeader)) return anonymous(input.cookieHeader);
    const visitor = this.#visitors.of(input.cookieHeader, input.loopback, input.env);
    if (!isGenuine(visitor)) return anonymous(visitor.cookie);
    if (input.freshnessMs === 0) return ask(visitor, input);
    const log = this.#log.current(input, input.freshnessMs);
    return log instanceof Promise ? this.#afterLog(log, visitor, input) : this.#recall(visitor, input, log.stale);
  }

  async #afterLog(waiting: Promise<Held<unknown>>, visitor: Visitor, input: IdentifyInput): Promise<Identity> {
    const log = await waiting.catch(() => undefined);
    const later = { ...input, nowMs: Date.now() };
    // Without a log nothing may be remembered, but the session itself can still tell.
    return log === undefined ? await ask(visitor, later) : await this.#recall(visitor, later, log.stale);
  }

  #recall(visitor: Visitor, input: IdentifyInput, stale: boolean): Identity | Promise<Identity> {
    const memory = this.#memoryOf(visitor);
    const { entry } = memory;
    if (input.nowMs < entry.calmUntil) return identityOf(visitor, memory, stale);
    if (entry.remembered === undefined) {
      const isKnownRefused = input.nowMs - entry.refusedAt <= input.freshnessMs;
      return isKnownRefused ? anonymous(visitor.cookie, stale) : this.#afterRead(visitor, input, stale);
    }
    const use = snapshotUse(entry.remembered, input.nowMs);
    if (use === "over") return anonymous(visitor.cookie, stale);
    if (use === "lapsed") return this.#afterRead(visitor, input, stale);
    if (use === "reread")
      return entry.isSilent(input.nowMs) ? identityOf(visitor, memory, true) : this.#afterRead(visitor, input, stale);
    if (use === "use_and_reread") this.#rereadInBackground(entry, input);
    return identityOf(visitor, memory, stale);
  }

  async #afterRead(visitor: Visitor, input: IdentifyInput, stale: boolean): Promise<Identity> {
    for (let reads = 0; reads < SHARED_READS_MAX; reads++) {
      const memory = this.#memoryOf(visitor);
      const isAnswered = await isReadInTime(memory.entry, input);
      if (!memory.entry.isCurrent) continue;
      if (isAnswered) return answerOf(visitor, memory, stale);
      return isUsable(memory.entry, input.nowMs) ? identityOf(visitor, memory, true) : anonymous(visitor.cookie, true);
    }
    return await ask(visitor, input);
  }

  #rereadInBackground(entry: SessionEntry, input: IdentifyInput): void {
    const credit = spendOnReread(this.#credit);
    if (credit === undefined || entry.isBeingRead || entry.isSilent(input.nowMs)) return;
    this.#credit = credit;
    entry.read(input).catch(() => undefined);
  }

  #memoryOf(visitor: Visitor): Memory {
    if (visitor.memory?.entry.isCurrent === true) return visitor.memory;
    let entry = this.#entries.get(visitor.name);
    if (entry === undefined) {
      entry = new SessionEntry(visitor.name);
      this.#entries.set(visitor.name, entry);
    }
    visitor.memory = { entry, identity: undefined };
    return visitor.memory;
  }

  /** Whether the log, read anew where it is too old, has named the session since; also when it may have. False while it can't be read. */
  async hasChangedSince(name: string, sinceMs: number, { access, freshnessMs }: LogLook): Promise<boolean> {
    const read = await Promise.resolve(this.#log.current(access, freshnessMs)).catch(() => undefined);
    if (read === undefined) return false;
    return Math.max(this.#allChangedAt, this.#changedAt.get(name) ?? Number.NEGATIVE_INFINITY) >= sinceMs;
  }

  #voidAll(): void {
    this.#allChangedAt = Date.now();
    this.#entries.clear();
  }

  /** A read of it that is out may have asked before the change: its answer goes to the retired entry, where nobody looks. */
  #void(name: string): void {
    this.#changedAt.set(name, Date.now());
    this.#entries.get(name)?.retire();
    this.#entries.delete(name);
  }
}

const snapshots = new SessionSnapshots();

/** SessionSnapshots.identify on what this isolate remembers. */
export const identify = (input: IdentifyInput): Identity | Promise<Identity> => snapshots.identify(input);

/** SessionSnapshots.hasChangedSince on this isolate's copy of the log. */
export const hasChangedSince = (name: string, sinceMs: number, look: LogLook): Promise<boolean> =>
  snapshots.hasChangedSince(name, sinceMs, look);

const isGenuine = (visitor: VisitorWith<Memory>): visitor is Visitor => visitor.name !== undefined;

/** Whether the entry's last good answer may stand in for one that does not come. */
const isUsable = (entry: SessionEntry, nowMs: number): boolean =>
  entry.remembered !== undefined && nowMs < entry.remembered.snapshot.idleExpiresAt;

async function isReadInTime(entry: SessionEntry, input: IdentifyInput): Promise<boolean> {
  const waitMs = isUsable(entry, input.nowMs) ? SILENT_AFTER_MS : FIRST_READ_WAIT_MS;
  return await withDeadline(entry.read(input), waitMs).then(
    () => true,
    () => false,
  );
}

/** Asks the session for this one request; nothing is remembered. */
async function ask(visitor: Visitor, input: IdentifyInput): Promise<Identity> {
  try {
    const asking = callSession(input.env, visitor.name, (session) => session.read({ activeAtMs: input.nowMs }));
    const answer = await withDeadline(asking, FIRST_READ_WAIT_MS);
    return answer.ok ? signedIn(answer.value, visitor.cookie) : anonymous(visitor.cookie);
  } catch (error) {
    log("warn", "session not read", { session: visitor.name, cause: String(error) });
    return anonymous(visitor.cookie, true);
  }
}

const answerOf = (visitor: Visitor, memory: Memory, stale: boolean): Identity =>
  memory.entry.remembered === undefined ? anonymous(visitor.cookie, stale) : identityOf(visitor, memory, stale);

/** The same object for every request until the session is read anew. */
function identityOf(visitor: Visitor, memory: Memory, stale: boolean): Identity {
  const snapshot = memory.entry.remembered?.snapshot;
  if (snapshot === undefined) return anonymous(visitor.cookie, stale);
  if (memory.identity?.session !== snapshot) memory.identity = signedIn(snapshot, visitor.cookie);
  return stale ? { ...memory.identity, stale } : memory.identity;
}

const signedIn = (session: SessionSnapshot, cookie: string): Identity => ({
  session,
  headers: {
    authenticated: String(session.data.authenticated),
    ...(session.data.userId !== undefined && { userId: headerText(session.data.userId) }),
    ...(session.data.username !== undefined && { username: headerText(session.data.username) }),
  },
  cookie,
  stale: false,
});

const anonymous = (cookie: string, stale = false): Identity =>
  cookie === "" && !stale ? ANONYMOUS : { ...ANONYMOUS, cookie, stale };
