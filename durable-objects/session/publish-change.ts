// Tells every replica of the revocation log of one change, and learns whether all of them have it.

import type { SessionChange } from "../../src/contracts/session.ts";
import { callRevocations, revocationReplicas } from "../../src/objects.ts";

/** A replica that takes longer counts as unreachable for now: somebody waits for the answer. */
const REPLICA_MS_MAX = 3_000;

/** Repeating it is harmless. */
export async function publishToAll(env: Env, change: SessionChange): Promise<boolean> {
  const replicas = Array.from({ length: revocationReplicas(env) }, (_, replica) => replica);
  const outcomes = await Promise.all(replicas.map((replica) => publishToOne(env, replica, change)));
  return outcomes.every(Boolean);
}

async function publishToOne(env: Env, replica: number, change: SessionChange): Promise<boolean> {
  const timer = new AbortController();
  const published = callRevocations(env, replica, (log) => log.publish(change)).then(() => true);
  const tooLate = scheduler.wait(REPLICA_MS_MAX, { signal: timer.signal }).then(() => false);
  try {
    return await Promise.race([published, tooLate]);
  } catch (error) {
    console.warn({
      level: "warn",
      msg: "session change not published",
      replica,
      session: change.name,
      error: String(error),
    });
    return false;
  } finally {
    tooLate.catch(() => undefined);
    timer.abort();
  }
}
