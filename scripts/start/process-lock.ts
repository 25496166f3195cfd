// A lock that the operating system takes back when its holder dies, however it dies: an open SQLite transaction.
// A file that is merely created exclusively would outlive a kill -9 and lock the next start out.

import { DatabaseSync } from "node:sqlite";

export type ProcessLock = { release(): void };

const SQLITE_BUSY = 5;

/**
 * Takes the lock kept in `file`, waiting up to `waitMs` for another process to let go of it.
 * Undefined means that one still holds it; a file that can't be opened throws.
 */
export function takeLock(file: string, waitMs = 0): ProcessLock | undefined {
  const database = new DatabaseSync(file, { timeout: waitMs });
  try {
    database.exec("BEGIN EXCLUSIVE");
  } catch (error) {
    database.close();
    if (isBusy(error)) return undefined;
    throw error;
  }
  return { release: () => database.close() };
}

/** The low byte is the primary result code, the rest only refines it. */
const isBusy = (error: unknown): boolean =>
  error instanceof Error && (Number(Reflect.get(error, "errcode")) & 0xff) === SQLITE_BUSY;
