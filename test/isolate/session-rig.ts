// What tests of the isolate's side of sessions stand on: real objects behind bindings that count, hold back, fail or fall silent.

import { env } from "cloudflare:workers";
import type { OpenSession } from "../../src/contracts/session.ts";
import { mintCookie } from "../../src/http/cookies.ts";
import { type IdentifyInput, type Identity, SessionSnapshots } from "../../src/isolate/sessions/session-snapshots.ts";

export const FRESHNESS_MS = 1_000;

type Mood = "up" | "down" | "silent";
export type Isolate = ReturnType<typeof isolate>;
export type Opened = { readonly name: string; readonly value: string };

/** Opens a session as the control surface would, unseen by any isolate's counters. */
export async function openSession(more: Partial<OpenSession> = {}): Promise<Opened> {
  const minted = mintCookie(env);
  if (!minted.ok) throw new Error(minted.code);
  const { name, value } = minted.value;
  await sessionOf(name).open({ name, userId: "u1", username: "alice", ...more });
  return { name, value };
}

export const sessionOf = (name: string) => env.SESSION.getByName(`1:${name}`);

/** One isolate: its own memory, and its own view of the objects. */
export function isolate(vars: Partial<Env> = {}) {
  const snapshots = new SessionSnapshots();
  const kept: Promise<unknown>[] = [];
  const seen = { reads: 0, logReads: 0, readsHeld: [] as (() => void)[] };
  const mood: { session: Mood; log: Mood | { readonly [replica: string]: Mood }; holdReads: boolean } = {
    session: "up",
    log: "up",
    holdReads: false,
  };
  const answer = (now: Mood, work: () => Promise<unknown>): Promise<unknown> => {
    if (now === "down") return Promise.reject(new Error("object is down"));
    return now === "silent" ? new Promise(() => undefined) : work();
  };
  const SESSION = {
    getByName: (name: string) => ({
      read: async (command: { activeAtMs?: number }) => {
        seen.reads++;
        const reply = await answer(mood.session, () => env.SESSION.getByName(name).read(command));
        if (mood.holdReads) await new Promise<void>((release) => seen.readsHeld.push(release));
        return reply;
      },
    }),
  };
  const REVOCATIONS = {
    getByName: (name: string) => ({
      since: (cursor: number | null) => {
        seen.logReads++;
        const now = typeof mood.log === "string" ? mood.log : (mood.log[name] ?? "up");
        return answer(now, () => env.REVOCATIONS.getByName(name).since(cursor));
      },
    }),
  };
  const bound = { ...env, SESSION, REVOCATIONS, ...vars } as unknown as Env;
  const ctx = { waitUntil: (work: Promise<unknown>) => void kept.push(work) };
  return {
    seen,
    mood,
    identify: (cookieHeader: string, more: Partial<IdentifyInput> = {}): Identity | Promise<Identity> =>
      snapshots.identify({
        cookieHeader,
        loopback: false,
        freshnessMs: FRESHNESS_MS,
        env: bound,
        ctx,
        nowMs: Date.now(),
        ...more,
      }),
    /** Until everything the requests left running has ended. */
    settled: async () => {
      while (kept.length > 0) await Promise.all(kept.splice(0));
    },
  };
}

export const cookieOf = (session: Opened): string => `__Host-signalbox-session=${session.value}`;
