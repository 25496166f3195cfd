// What the configuration in force says of probing one pool. Called by the HealthMonitor object before each round.

import { describeBindings } from "../../src/contracts/bindings.ts";
import { withDeadline } from "../../src/deadline.ts";
import { callControl } from "../../src/objects.ts";
import type { ProbePlan } from "../../src/policies/health/probe-round.ts";
import { compilePools } from "../../src/policies/routing/compile-pools.ts";
import { Findings } from "../../src/policies/routing/findings.ts";

/** Probes wait for it. */
const CONTROL_MS_MAX = 2_000;

/** `plan` is undefined where the pool is not to be probed; `unchanged`: the version that was known is still in force. */
export type Reading = { readonly version: number; readonly plan: ProbePlan | undefined } | "unchanged";

/** Rejects when the ControlPlane object does not answer. */
export async function readPlan(env: Env, pool: string, knownVersion: number | null): Promise<Reading> {
  const current = await withDeadline(
    callControl(env, (control) => control.current(knownVersion)),
    CONTROL_MS_MAX,
  );
  if (!current.changed) return "unchanged";
  const said = current.document.pools?.[pool];
  // Of a document that a deployment made unfit, what still works is probed, as it is served.
  const around = { bindings: describeBindings(env), findings: new Findings() };
  const compiled = said && compilePools({ [pool]: said }, around).get(pool);
  const plan = compiled?.health && { settings: compiled.health, instances: compiled.instances };
  return { version: current.version, plan };
}
