// The isolate's copy of the revocation log: a cursor into one replica, and whom to tell of what changed.
// Keeps no entries: a change is acted on when it arrives. Used by session-snapshots.ts only.

import type { ChangesSince } from "../../contracts/session.ts";
import { callRevocations, revocationReplicas } from "../../objects.ts";
import { type Access, type Held, Refreshed } from "../refreshed.ts";

export type LogListener = {
  /** Snapshots of this session taken before now are void. */
  readonly onChange: (name: string) => void;
  /** Any snapshot may be void. */
  readonly onGap: () => void;
};

/** Without any copy the session itself is asked, so nobody waits long for the first one. */
const FIRST_WAIT_MS = 500;

/** Cursors of different replicas do not compare. */
type Position = { readonly replica: number; readonly cursor: number };

export class RevocationLog {
  readonly #listener: LogListener;
  readonly #position: Refreshed<Position>;

  constructor(listener: LogListener) {
    this.#listener = listener;
    this.#position = new Refreshed({
      name: "revocation log",
      load: (known, env) => this.#follow(known, env),
      firstWaitMs: FIRST_WAIT_MS,
    });
  }

  /** Resolves when every change published more than `freshnessMs` ago has been told; `stale` when that could not be done. */
  current(access: Access, freshnessMs: number): Held<unknown> | Promise<Held<unknown>> {
    return this.#position.current(access, freshnessMs);
  }

  /** Every replica holds the whole log, so one that fails is replaced by the next, from scratch. */
  async #follow(known: Position | undefined, env: Env): Promise<Position> {
    const replicas = revocationReplicas(env);
    const replica = known?.replica ?? Math.floor(Math.random() * replicas);
    try {
      return await this.#read(env, replica, known?.cursor ?? null);
    } catch (error) {
      if (replicas === 1) throw error;
      return await this.#read(env, (replica + 1) % replicas, null);
    }
  }

  async #read(env: Env, replica: number, cursor: number | null): Promise<Position> {
    const news: ChangesSince = await callRevocations(env, replica, (log) => log.since(cursor));
    if (news.gap) this.#listener.onGap();
    for (const { name } of news.changes) this.#listener.onChange(name);
    return { replica, cursor: news.cursor };
  }
}
