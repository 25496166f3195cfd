// What an instance says of itself, brought into the form it is kept in, or why it is refused. Pure.

import type { RegisteredInstance, Registration, RegistrationBody } from "../../contracts/lifecycle.ts";
import { ok, type Refusal, type Result, refuse } from "../../contracts/refusals.ts";
import { isFitKeyName, UNFIT_KEY_NAME } from "../routing/api-key-name.ts";
import type { CompiledInstance, CompiledPool } from "../routing/compiled-config.ts";
import { baseOf, isCallable, NO_BASE, UNCALLABLE } from "../routing/origin-base.ts";
import { isPrivateUrl } from "./private-host.ts";

/** `allowPrivate`: whether backends may be on this machine or in its network. */
export function readRegistration(
  id: string,
  { ttlMs: _, ...said }: RegistrationBody,
  { allowPrivate }: { readonly allowPrivate: boolean },
): Result<RegisteredInstance> {
  const url = baseOf(said.url);
  if (url === undefined) return unfit("url", NO_BASE);
  if (said.restartUrl !== undefined && !isCallable(said.restartUrl)) return unfit("restartUrl", UNCALLABLE);
  if (said.apiKeyEnv !== undefined && !isFitKeyName(said.apiKeyEnv)) return unfit("apiKeyEnv", UNFIT_KEY_NAME);
  const led = [url, ...(said.restartUrl === undefined ? [] : [said.restartUrl])];
  if (!allowPrivate && led.some(isPrivateUrl)) return refuse("private_origin");
  return ok({ ...said, id, url } as RegisteredInstance);
}

const unfit = (path: string, message: string): Refusal =>
  refuse("invalid_body", undefined, { problems: [{ path, message }] });

/** As the data plane knows it. */
export const asInstance = ({ id, url, weight = 1, features = [], ...facts }: RegisteredInstance): CompiledInstance => ({
  id,
  weight,
  features,
  ...facts,
  target: { kind: "url", base: url },
});

/** As isolates and the data plane are told of it. */
export const asRegistered = ({
  ttlMs: _ttl,
  registeredAtMs: _registered,
  heardAtMs: _heard,
  expiresAtMs: _expires,
  cpu: _cpu,
  ...instance
}: Registration): RegisteredInstance => instance;

/** The whole pool, the same for the registry and every isolate: those configured first. An id that both have is the configuration's. */
export function withRegistered<T extends { readonly id: string }>(
  configured: readonly T[],
  registered: readonly T[],
): readonly T[] {
  if (registered.length === 0) return configured;
  const taken = new Set(configured.map(({ id }) => id));
  return [...configured, ...registered.filter(({ id }) => !taken.has(id))];
}

/** A pool as its registry knows it; as configured where that did not answer. */
export const instancesOf = (
  { instances }: Pick<CompiledPool, "instances">,
  known: { readonly registered?: readonly Registration[] } | undefined,
): readonly CompiledInstance[] =>
  withRegistered(
    instances,
    (known?.registered ?? []).map((one) => asInstance(asRegistered(one))),
  );
