// One try: hands a parcel to one instance and waits for its response headers, no longer than the deadline allows.

import type { BackendWorkerInterface } from "../contracts/backend-worker.ts";
import { findService, findText } from "../contracts/bindings.ts";
import { DeadlineExceeded } from "../isolate/deadline.ts";
import type { CompiledInstance } from "../policies/routing/compiled-config.ts";
import type { Parcel } from "./parcel.ts";

/** The instance itself cannot be used as configured: trying again cannot help. */
export class UnusableInstance extends Error {}

export type Try = {
  readonly parcel: Parcel;
  readonly instance: CompiledInstance;
  readonly env: Env;
  readonly deadlineMs: number;
};

/** Rejects with DeadlineExceeded when the deadline passes, UnusableInstance, what broke the request's body, or whatever the platform throws. */
export async function send({ parcel, instance, env, deadlineMs }: Try): Promise<Response> {
  const controller = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      const error = new DeadlineExceeded(deadlineMs);
      reject(error);
      controller.abort(error);
    }, deadlineMs);
  });
  // Also after the response has begun: the rest of it would answer a request that was never whole.
  parcel.broken?.catch((error) => controller.abort(error));
  try {
    const delivered = deliver({ parcel, instance, env, signal: controller.signal });
    return await Promise.race(parcel.broken === undefined ? [delivered, late] : [delivered, late, parcel.broken]);
  } finally {
    clearTimeout(timer);
  }
}

type Delivery = {
  readonly parcel: Parcel;
  readonly instance: CompiledInstance;
  readonly env: Env;
  readonly signal: AbortSignal;
};

async function deliver({ parcel, instance, env, signal }: Delivery): Promise<Response> {
  const { target } = instance;
  const init: RequestInit = {
    method: parcel.method,
    headers:
      instance.apiKeyEnv === undefined
        ? parcel.headers
        : { ...parcel.headers, "x-api-key": apiKey(env, instance.apiKeyEnv) },
    body: parcel.body,
    redirect: "manual",
  };
  if (target.kind === "url") return await fetch(target.base + parcel.target, { ...init, ...RAW, signal });
  const service = findService(env, target.binding);
  if (service === undefined) throw new UnusableInstance(`binding ${target.binding} is not a service`);
  if (!target.rpc || parcel.upgrade) return await service.fetch(parcel.url, { ...init, ...RAW, signal });
  // A signal does not travel by RPC: a call that is given up is merely no longer waited for.
  return await (service as Service<BackendWorkerRpc>).handleRequest(new Request(parcel.url, init));
}

/** The body's encoding is the client's business: it passes as it is. */
const RAW = { encodeResponseBody: "manual" } as const;

function apiKey(env: Env, name: string): string {
  const key = findText(env, name);
  if (key === undefined || key === "") throw new UnusableInstance(`${name} is not set`);
  return key;
}

type BackendWorkerRpc = Rpc.WorkerEntrypointBranded & BackendWorkerInterface;
