// Turns the document's pools into what the data plane selects from. Instances that can't work are left out and named.

import type { Strategy } from "../../contracts/balancing-config.ts";
import { type Bindings, DISCOVERY_MAX } from "../../contracts/bindings.ts";
import type { ConfigDocument, InstanceConfig, PoolConfig } from "../../contracts/config.ts";
import { readHashKey } from "../balancing/hash-key.ts";
import { traitsOf } from "../balancing/strategies.ts";
import { compileBreaker } from "../breaker/breaker-settings.ts";
import { ATTEMPTS } from "../forwarding/retry-profile.ts";
import { compileProbeSettings } from "../health/probe-settings.ts";
import { isFitKeyName, UNFIT_KEY_NAME } from "./api-key-name.ts";
import { compileAutoscale } from "./compile-autoscale.ts";
import type { CompiledInstance, CompiledPool, Target } from "./compiled-config.ts";
import { isControlPath } from "./control-paths.ts";
import type { Findings, Place } from "./findings.ts";
import { baseOf, isCallable, NO_BASE, UNCALLABLE } from "./origin-base.ts";

/** Two heartbeats may get lost of an instance that sends one every ten seconds. */
const REGISTRATION_TTL_MS = 30_000;

export type Surroundings = { readonly bindings: Bindings; readonly findings: Findings };

export const compilePools = (pools: ConfigDocument["pools"], around: Surroundings): Map<string, CompiledPool> =>
  new Map(Object.entries(pools ?? {}).map(([name, pool]) => [name, compilePool(name, pool, around)]));

function compilePool(name: string, pool: PoolConfig, around: Surroundings): CompiledPool {
  const { findings } = around;
  const place = ["pools", name];
  const { instances: configured = pool.registration && [] } = pool;
  if ((configured === undefined) === (pool.discover === undefined)) {
    findings.problem(place, "needs either instances or discover, or registration alone");
  }
  if (pool.exposed && isControlPath(`/${name}`)) {
    findings.problem([...place, "exposed"], `/${name}/* belongs to the control surface`);
  }
  adviseOnPool(pool, place, findings);
  const instances =
    pool.discover === undefined
      ? compileInstances(configured ?? [], place, around)
      : discoverInstances(pool.discover, around.bindings);
  const autoscale = compileAutoscale(pool, instances, { place, around });
  // Document 001 discovers its workers and tries every one of them (R28).
  const retryProfile = pool.retry?.profile ?? (pool.discover === undefined ? "default" : "failover");
  const strategy = strategyOf(pool);
  return {
    name,
    strategy,
    ...(strategy === "hash" && { hashKey: readHashKey(pool.hash?.key ?? "session") }),
    slowStartMs: pool.slowStartMs ?? traitsOf(strategy).slowStartMs,
    discovered: pool.discover !== undefined,
    exposed: pool.exposed === true,
    instances,
    retryProfile,
    attemptsMax: pool.retry?.attempts ?? ATTEMPTS[retryProfile],
    registrationTtlMs: pool.registration?.ttlMs ?? REGISTRATION_TTL_MS,
    ...(pool.health !== undefined && { health: compileProbeSettings(pool.health) }),
    ...(pool.breaker !== undefined && { breaker: compileBreaker(pool.breaker) }),
    ...(autoscale !== undefined && { autoscale }),
  };
}

function adviseOnPool(pool: PoolConfig, place: Place, findings: Findings): void {
  if (pool.hash !== undefined && pool.strategy !== "hash") {
    findings.warn([...place, "hash"], `is stored, but ${strategyOf(pool)} does not go by it`);
  }
  if (strategyOf(pool) !== "round-robin") return;
  for (const [index, { weight = 1 }] of (pool.instances ?? []).entries()) {
    if (weight !== 1) findings.warn([...place, "instances", index, "weight"], WEIGHT_IGNORED);
  }
}

const strategyOf = ({ strategy = "round-robin" }: PoolConfig): Strategy => strategy;
const WEIGHT_IGNORED = "is stored, but round-robin counts instances alike: weighted goes by it";

/** PREFIX_1 … PREFIX_100 as far as they are services, gaps allowed (R14, R16). None at all is no fault of the document (R18). */
const discoverInstances = (prefix: string | undefined, bindings: Bindings): CompiledInstance[] =>
  prefix === undefined
    ? []
    : Array.from({ length: DISCOVERY_MAX }, (_, index) => `${prefix}_${index + 1}`)
        .filter((binding) => bindings.get(binding) === "service")
        .map((binding) => ({ id: binding, weight: 1, target: { kind: "binding", binding, rpc: true }, features: [] }));

function compileInstances(instances: readonly InstanceConfig[], pool: Place, around: Surroundings): CompiledInstance[] {
  const seen = new Set<string>();
  return instances.flatMap((instance, index) => {
    const place = [...pool, "instances", index];
    if (seen.has(instance.id)) {
      around.findings.problem([...place, "id"], `"${instance.id}" is already the id of another instance of this pool`);
      return [];
    }
    seen.add(instance.id);
    return compileInstance(instance, place, around);
  });
}

/** One instance, or none where it can't work: an instance whose key may not be sent is left out rather than called without. */
function compileInstance(instance: InstanceConfig, place: Place, around: Surroundings): CompiledInstance[] {
  const keyIsFit = checkApiKey(instance.apiKeyEnv, [...place, "apiKeyEnv"], around);
  const target = compileTarget(instance, place, around);
  const { id, weight = 1, features = [], apiKeyEnv, region, type, name, restartUrl, priority, backup } = instance;
  if (restartUrl !== undefined && !isCallable(restartUrl))
    around.findings.problem([...place, "restartUrl"], UNCALLABLE);
  if (target === undefined || !keyIsFit) return [];
  return [
    {
      id,
      weight,
      target,
      features,
      ...(apiKeyEnv !== undefined && { apiKeyEnv }),
      ...(region !== undefined && { region }),
      ...(type !== undefined && { type }),
      ...(name !== undefined && { name }),
      ...(restartUrl !== undefined && { restartUrl }),
      ...(priority !== undefined && { priority }),
      ...(backup !== undefined && { backup }),
    },
  ];
}

function checkApiKey(name: string | undefined, place: Place, around: Surroundings): boolean {
  if (name === undefined) return true;
  if (!isFitKeyName(name)) {
    around.findings.problem(place, UNFIT_KEY_NAME);
    return false;
  }
  if (around.bindings.get(name) !== "text") {
    around.findings.warn(place, `${name} is not set: requests to this instance answer 503 api_key_unset`);
  }
  return true;
}

function compileTarget(
  { binding, url, rpc = false }: InstanceConfig,
  place: Place,
  { bindings, findings }: Surroundings,
): Target | undefined {
  const refuse = (field: string, why: string): undefined => {
    findings.problem(field === "" ? place : [...place, field], why);
  };
  if ((binding === undefined) === (url === undefined)) return refuse("", "needs either binding or url");
  if (url !== undefined) {
    if (rpc) return refuse("rpc", "needs a binding: a url is called over HTTP");
    const base = baseOf(url);
    return base === undefined ? refuse("url", NO_BASE) : { kind: "url", base };
  }
  const kind = bindings.get(`${binding}`);
  if (kind === undefined) return refuse("binding", `there is no binding named ${binding}`);
  if (kind !== "service") return refuse("binding", `${binding} is bound, but not to a service`);
  return { kind: "binding", binding: `${binding}`, rpc };
}
