// Who has registered himself in a pool, as its registry knows it. Called by the HealthMonitor object before each round.

import { withDeadline } from "../../src/deadline.ts";
import { log } from "../../src/log.ts";
import { callRegistry } from "../../src/objects.ts";
import type { ProbedInstance } from "../../src/policies/health/probe-round.ts";
import { instancesOf } from "../../src/policies/lifecycle/read-registration.ts";

/** Probes wait for it. */
const REGISTRY_MS_MAX = 2_000;

/** Undefined when there is no answer. */
export async function readRegistered(env: Env, pool: string): Promise<ProbedInstance[] | undefined> {
  try {
    const known = await withDeadline(
      callRegistry(env, pool, (registry) => registry.health()),
      REGISTRY_MS_MAX,
    );
    return instancesOf({ instances: [] }, known).map((one) => ({ ...one, isRegistered: true }));
  } catch (error) {
    log("warn", "registered instances not read", { pool, cause: String(error) });
    return undefined;
  }
}
