// Instances that say themselves where they are (D08), over HTTP and with the admin secret: each stays as long as it is heard of.

import type { IRequestStrict } from "itty-router";
import * as v from "valibot";
import { Name } from "../contracts/config.ts";
import { HeartbeatBody, RegistrationBody } from "../contracts/lifecycle.ts";
import { ok, type Result, refuse } from "../contracts/refusals.ts";
import { readBody, readOptionalBody } from "../http/body.ts";
import { decodeSegment } from "../http/path-segment.ts";
import { reply } from "../http/reply.ts";
import { deploymentOf } from "../isolate/deployment.ts";
import { log } from "../log.ts";
import { callHealth, callRegistry } from "../objects.ts";
import { readRegistration } from "../policies/lifecycle/read-registration.ts";
import type { CompiledPool } from "../policies/routing/compiled-config.ts";
import { namedPool } from "./named-pool.ts";

/**
 * PUT /api/super/registry/{pool}/{instance} {url, ttlMs?, …}: the Registration, 201 where it is new, else 200 and renewed; 404 unknown_pool,
 * 409 instance_configured or registry_full, 400 invalid_body or private_origin.
 */
export const putInstance = async (request: IRequestStrict, env: Env, ctx: ExecutionContext): Promise<Response> => {
  const place = await findPlace(request, env, ctx);
  if (!place.ok) return reply(request, place);
  const { pool, id } = place.value;
  const body = await readBody(request, RegistrationBody);
  const read = readRegistration(id, body, { allowPrivate: deploymentOf(env).allowPrivateOrigins });
  if (!read.ok) return reply(request, read);
  const ttlMs = body.ttlMs ?? pool.registrationTtlMs;
  const registered = await callRegistry(env, pool.name, (registry) => registry.register(read.value, ttlMs));
  if (!registered.ok) return reply(request, registered);
  const { registration, isNew } = registered.value;
  if (isNew) ctx.waitUntil(tellMonitor(env, pool));
  return reply(request, ok({ pool: pool.name, ...registration }), { status: isNew ? 201 : 200 });
};

/** POST /api/super/registry/{pool}/{instance}/heartbeat {cpu?}: {ttlMs, expiresAtMs}; 404 unknown_instance, also of one that has lapsed. */
export const heartbeat = async (request: IRequestStrict, env: Env, ctx: ExecutionContext): Promise<Response> => {
  const place = await findPlace(request, env, ctx);
  if (!place.ok) return reply(request, place);
  const { pool, id } = place.value;
  const load = await readOptionalBody(request, HeartbeatBody);
  const renewed = await callRegistry(env, pool.name, (registry) => registry.heartbeat(id, load));
  if (!renewed.ok) return reply(request, renewed);
  const { ttlMs, expiresAtMs } = renewed.value;
  return reply(request, ok({ ttlMs, expiresAtMs }));
};

/** DELETE /api/super/registry/{pool}/{instance}: {id}; 404 unknown_instance. What is under way on it goes on. */
export const deleteInstance = async (request: IRequestStrict, env: Env, ctx: ExecutionContext): Promise<Response> => {
  const place = await findPlace(request, env, ctx);
  if (!place.ok) return reply(request, place);
  const { pool, id } = place.value;
  return reply(request, await callRegistry(env, pool.name, (registry) => registry.deregister(id)));
};

/** GET /api/super/registry/{pool}: {pool, instances: Registration[]}, in the order they came. */
export const getRegistry = async (request: IRequestStrict, env: Env, ctx: ExecutionContext): Promise<Response> => {
  const pool = await namedPool(request, env, ctx);
  if (pool === undefined) return reply(request, refuse("unknown_pool"));
  const { registered = [] } = await callRegistry(env, pool.name, (registry) => registry.health());
  return reply(request, ok({ pool: pool.name, instances: registered }));
};

type RegisteredPlace = { readonly pool: CompiledPool; readonly id: string };

/** Refuses an id that the configuration has given to another. */
async function findPlace(request: IRequestStrict, env: Env, ctx: ExecutionContext): Promise<Result<RegisteredPlace>> {
  const pool = await namedPool(request, env, ctx);
  if (pool === undefined) return refuse("unknown_pool");
  const id = decodeSegment(request.params.instance) ?? "";
  if (!v.is(Name, id)) return refuse("bad_path", "an instance's id is 1 to 64 of A-Z a-z 0-9 . _ -");
  if (pool.instances.some((one) => one.id === id)) return refuse("instance_configured");
  return ok({ pool, id });
}

/** So that it is probed at once; a word that gets lost costs a minute. */
async function tellMonitor(env: Env, { name, health }: CompiledPool): Promise<void> {
  if (health === undefined) return;
  try {
    await callHealth(env, name, (monitor) => monitor.watch());
  } catch (error) {
    log("warn", "health monitor not told of an instance", { pool: name, cause: String(error) });
  }
}
