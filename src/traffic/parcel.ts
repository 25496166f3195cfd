// What is sent to a backend: prepared once per request, so that every further try sends exactly the same.

import { mayResend } from "../policies/forwarding/resend.ts";
import type { CompiledRoute } from "../policies/routing/compiled-config.ts";
import type { Incoming } from "./sanitise.ts";

export type Parcel = {
  readonly method: string;
  /** The public URL: what a binding sees. */
  readonly url: string;
  /** Path and query for an origin, after the route's prefix is cut. */
  readonly target: string;
  readonly headers: { [name: string]: string };
  readonly body: ArrayBuffer | ReadableStream<Uint8Array> | null;
  readonly upgrade: boolean;
  readonly resendable: boolean;
  /** Rejects when an undeclared body cannot be sent whole: BodyOverrun, or how the client broke off. Absent where the length is known. */
  readonly broken: Promise<never> | undefined;
};

/** The body grew past the route's bound. */
export class BodyOverrun extends Error {}

/** Buffers the body only where the request may be sent again, never otherwise; never clones or tees. */
export async function packParcel(request: Request, incoming: Incoming, route: CompiledRoute): Promise<Parcel> {
  const { address, method, contentLength } = incoming;
  const target = route.stripLength === 0 ? address.target : strip(address.target, route.stripLength);
  const resendable = mayResend({
    method,
    hasIdempotencyKey: incoming.hasIdempotencyKey,
    routeAllows: route.resendNonIdempotent,
    hasBody: request.body !== null,
    contentLength,
  });
  const { body, broken } = await bodyOf(request, { resendable, bytesMax: route.bodyBytesMax, contentLength });
  return {
    method,
    url: `${address.scheme}://${address.authority}${target}`,
    target,
    headers: incoming.headers,
    body,
    upgrade: incoming.upgrade,
    resendable,
    broken,
  };
}

/** `/mount/page?q` without its mount is `/page?q`; the mount itself becomes `/`. */
function strip(target: string, length: number): string {
  const rest = target.slice(length);
  return rest.startsWith("/") ? rest : `/${rest}`;
}

type BodyRule = { readonly resendable: boolean; readonly bytesMax: number; readonly contentLength: number | undefined };

async function bodyOf(request: Request, rule: BodyRule): Promise<Pick<Parcel, "body" | "broken">> {
  if (request.body === null) return NO_BODY;
  if (rule.resendable) return { body: await request.arrayBuffer(), broken: undefined };
  if (rule.contentLength !== undefined) return { body: request.body, broken: undefined };
  return bounded(request.body, rule.bytesMax);
}

const NO_BODY = { body: null, broken: undefined };

/**
 * Passes chunks on until the client breaks off or more than `bytesMax` have gone by, and then nothing, not even an end:
 * the runtime ends a failed stream in good order, so what was cut would look whole to the instance. The sender breaks off instead.
 */
function bounded(body: ReadableStream<Uint8Array>, bytesMax: number): Pick<Parcel, "body" | "broken"> {
  const { promise: broken, reject } = Promise.withResolvers<never>();
  broken.catch(() => undefined);
  let bytes = 0;
  const counter = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      bytes += chunk.byteLength;
      if (bytes <= bytesMax) return controller.enqueue(chunk);
      reject(new BodyOverrun(`more than ${bytesMax} bytes`));
      return new Promise(() => undefined);
    },
  });
  body.pipeTo(counter.writable, { preventAbort: true }).catch(reject);
  return { body: counter.readable, broken };
}
