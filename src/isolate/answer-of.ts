// What an object behind a pool answers to whoever asks several: one that fails or is silent spoils nobody else's answer.

import { waitAtMost } from "../deadline.ts";
import { log } from "../log.ts";

/** Whoever looks on can wait longer than traffic, but not for ever. */
export const ANSWER_MS_MAX = 2_000;

/** Undefined where it fails, which is logged, or takes longer than 2 s. Never rejects. */
export async function answerOf<T>(
  object: "registry" | "health monitor",
  pool: string,
  ask: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await waitAtMost(ask(), ANSWER_MS_MAX);
  } catch (error) {
    log("warn", `${object} did not answer`, { pool, cause: String(error) });
    return undefined;
  }
}
