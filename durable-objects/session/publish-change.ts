// Tells every replica of the revocation log of one change, and learns whether all of them have it.

import type { SessionChange } from "../../src/contracts/session.ts";
import { withDeadline } from "../../src/deadline.ts";
import { log } from "../../src/log.ts";
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
  try {
    await withDeadline(
      callRevocations(env, replica, (revocations) => revocations.publish(change)),
      REPLICA_MS_MAX,
    );
    return true;
  } catch (error) {
    log("warn", "session change not published", { replica, session: change.name, cause: String(error) });
    return false;
  }
}
