// Probes instances side by side, as many as the platform lets wait at a time: the clock of a probe must not run while it waits for
// a connection.

import { probeInstance } from "../../src/instances/probe-instance.ts";
import type { ProbePlan } from "../../src/policies/health/probe-round.ts";
import type { Probe } from "../../src/policies/health/probe-verdict.ts";

/** Connections that may wait for an answer: https://developers.cloudflare.com/workers/platform/limits/#simultaneous-open-connections */
const AT_ONCE = 6;

/** Never rejects; takes at most `timeoutMs` for every six instances. */
export async function probeInstances(env: Env, { instances, settings }: ProbePlan): Promise<Map<string, Probe>> {
  const found = new Map<string, Probe>();
  const waiting = [...instances];
  const probeInTurn = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      found.set(next.id, await probeInstance(env, next, settings));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, probeInTurn));
  return found;
}
