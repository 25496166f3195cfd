// What is kept of a session, how it begins and how it is told to isolates and to people.

import type { OpenCommand, Preferences, SessionData, SessionSnapshot } from "../../contracts/session.ts";
import { ABSOLUTE_TTL_MS, IDLE_TTL_MS, idleExpiresAt, type Lifetime } from "./session-lifetime.ts";

export type SessionRecord = Lifetime & {
  readonly name: string;
  readonly userId: string;
  readonly username: string;
  readonly preferences: Preferences | undefined;
  readonly createdAt: number;
};

/** As it begins at `nowMs`, with the TTLs asked for or those of session-lifetime.ts. */
export const newSession = (command: OpenCommand, nowMs: number): SessionRecord => ({
  name: command.name,
  userId: command.userId,
  username: command.username,
  preferences: command.preferences,
  createdAt: nowMs,
  lastActivityAt: nowMs,
  idleTtlMs: command.idleTtlMs ?? IDLE_TTL_MS,
  absoluteExpiresAt: nowMs + (command.absoluteTtlMs ?? ABSOLUTE_TTL_MS),
  revokedAt: undefined,
});

export const toSnapshot = (session: SessionRecord): SessionSnapshot => ({
  name: session.name,
  data: {
    userId: session.userId,
    username: session.username,
    authenticated: true,
    createdAt: session.createdAt,
    lastActivityAt: session.lastActivityAt,
    ...(session.preferences !== undefined && { preferences: session.preferences }),
  },
  idleExpiresAt: idleExpiresAt(session),
  absoluteExpiresAt: session.absoluteExpiresAt,
});

/** A session as the API answers it, to its holder as to an operator: without its name. */
export const describeSession = ({ data, idleExpiresAt, absoluteExpiresAt }: SessionSnapshot): SessionListing => ({
  ...data,
  idleExpiresAt,
  absoluteExpiresAt,
});
export type SessionListing = SessionData & Pick<SessionSnapshot, "idleExpiresAt" | "absoluteExpiresAt">;
