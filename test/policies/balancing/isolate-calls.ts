// Builds what isolates send to a registry, and pools to bind. Shared by the balancing tests.

import type { LeaseCall, Roster } from "../../../src/contracts/registry.ts";
import type { CompiledInstance, CompiledPool } from "../../../src/policies/routing/compiled-config.ts";

export const rosterOfIds = (ids: readonly string[], more: Partial<Roster> = {}): Roster => ({
  configVersion: 1,
  deployedAt: 0,
  strategy: "round-robin",
  instances: ids.map((id) => ({ id, target: `binding:${id}`, weight: 1 })),
  ...more,
});

export const callUnder = (
  roster: Roster,
  more: Partial<LeaseCall> & Pick<LeaseCall, "isolateId" | "callId">,
): LeaseCall => ({
  rosterKey: { configVersion: roster.configVersion, deployedAt: roster.deployedAt },
  reports: [],
  inFlight: [],
  outcomes: [],
  since: 0,
  uncounted: 0,
  want: 0,
  pick: false,
  avoid: [],
  ...more,
});

export const instanceOf = (id: string): CompiledInstance => ({
  id,
  weight: 1,
  target: { kind: "binding", binding: id, rpc: false },
  features: [],
});

export const poolOf = (
  name: string,
  ids: readonly string[],
  strategy: CompiledPool["strategy"] = "round-robin",
): CompiledPool => ({
  name,
  strategy,
  discovered: false,
  exposed: false,
  instances: ids.map(instanceOf),
  retryProfile: "default",
  attemptsMax: ids.length,
  registrationTtlMs: 30_000,
  slowStartMs: 0,
});
