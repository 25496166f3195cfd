// Calls one instance of a pool, whatever it is: an HTTP origin, a Worker behind a service binding, or one that speaks RPC.

import type { BackendWorkerInterface } from "../contracts/backend-worker.ts";
import { findService, findText } from "../contracts/bindings.ts";
import type { CompiledInstance } from "../policies/routing/compiled-config.ts";

/** The instance must not be called without its key, so nothing was sent. */
export class ApiKeyUnset extends Error {}

export type InstanceCall = {
  /** For an origin: path and query. */
  readonly target: string;
  /** For a Worker: what it sees as its own address. */
  readonly url: string;
  readonly init: RequestInit & { readonly headers: { readonly [name: string]: string } };
  /** An upgrade is called by `fetch`, also where the instance speaks RPC. */
  readonly upgrade: boolean;
};

/** Rejects with whatever the platform throws, or ApiKeyUnset. By RPC an instance may return anything. */
export function callInstance(env: Env, instance: CompiledInstance, call: InstanceCall): Promise<Response> {
  const { target } = instance;
  const init = withApiKey(env, instance, call.init);
  if (target.kind === "url") return fetch(target.base + call.target, init);
  const service = findService(env, target.binding);
  if (service === undefined) throw new Error(`binding ${target.binding} is not a service`);
  if (!target.rpc || call.upgrade) return service.fetch(call.url, init);
  // A signal does not travel by RPC.
  const { signal: _, ...plain } = init;
  return (service as Service<BackendWorkerRpc>).handleRequest(new Request(call.url, plain));
}

/** What is sent to it, with the instance's key. Throws ApiKeyUnset. */
export function withApiKey(env: Env, { apiKeyEnv }: CompiledInstance, init: InstanceCall["init"]): RequestInit {
  return apiKeyEnv === undefined
    ? init
    : { ...init, headers: { ...init.headers, "x-api-key": apiKey(env, apiKeyEnv) } };
}

function apiKey(env: Env, name: string): string {
  const key = findText(env, name);
  if (key === undefined || key === "") throw new ApiKeyUnset(`${name} is not set`);
  return key;
}

type BackendWorkerRpc = Rpc.WorkerEntrypointBranded & BackendWorkerInterface;
