// What is sent to a backend: prepared once per request, so that every further try sends exactly the same.

import { type Refusal, refuse } from "../contracts/refusals.ts";
import { mayResend } from "../policies/forwarding/resend.ts";
import type { CompiledRoute } from "../policies/routing/compiled-config.ts";
import type { Incoming } from "./sanitise.ts";

export type Parcel = {
  readonly ok: true;
  readonly method: string;
  /** The public URL: what a binding sees. */
  readonly url: string;
  /** Path and query for an origin, after the route's prefix is cut. */
  readonly target: string;
  readonly headers: { [name: string]: string };
  readonly body: ArrayBuffer | ReadableStream<Uint8Array> | null;
  readonly upgrade: boolean;
  readonly resendable: boolean;
  /** Rejects with BrokenBody when a streamed body cannot be sent whole; absent where there is none. */
  readonly broken: Promise<never> | undefined;
};

/** The client broke off: its fault, not the instance's. */
export class BrokenBody extends Error {}
/** The body grew past the route's bound. */
export class BodyOverrun extends BrokenBody {}

/** Buffers the body only where the request may be sent again, never otherwise; never clones or tees. Refuses `body_broken`. */
export function packParcel(request: Request, incoming: Incoming, route: CompiledRoute): Packed | Promise<Packed> {
  const { address, method, headers, upgrade } = incoming;
  const target = targetOf(incoming, route);
  const url = `${address.scheme}://${address.authority}${target}`;
  // A Worker's GET and HEAD carry no body whatever was sent; the others are only asked where there may be one.
  const body = method === "GET" || method === "HEAD" ? null : request.body;
  const resendable = isResendable(incoming, route, body !== null);
  const parcel: Parcel = { ok: true, method, url, target, headers, upgrade, resendable, body: null, broken: undefined };
  if (body === null) return parcel;
  if (resendable) return buffered(request, parcel);
  return { ...parcel, ...carryUp(body, { bytesMax: route.bodyBytesMax, contentLength: incoming.contentLength }) };
}

type Packed = Parcel | Refusal;

async function buffered(request: Request, parcel: Parcel): Promise<Packed> {
  const body = await request.arrayBuffer().catch(() => undefined);
  return body === undefined ? refuse("body_broken") : { ...parcel, body };
}

/** Path and query as the instance sees them: `/mount/page?q` without its mount is `/page?q`, the mount itself becomes `/`. */
export function targetOf({ address }: Incoming, route: CompiledRoute): string {
  const rest = address.target.slice(route.stripLength);
  return rest.startsWith("/") ? rest : `/${rest}`;
}

/** Whether the request may be sent a second time on this route. */
export const isResendable = (incoming: Incoming, route: CompiledRoute, hasBody: boolean): boolean =>
  mayResend({
    method: incoming.method,
    hasIdempotencyKey: incoming.hasIdempotencyKey,
    routeAllows: route.resendNonIdempotent,
    hasBody,
    contentLength: incoming.contentLength,
  });

type BodyRule = { readonly bytesMax: number; readonly contentLength: number | undefined };
type UploadStream = ReadableStream<Uint8Array>;
type Carrier = TransformStream<Uint8Array, Uint8Array>;

/**
 * Passes chunks on until the client breaks off or sends too much, and then nothing, not even an end: the runtime ends
 * a failed stream in good order, so what was cut would look whole to the instance. The sender breaks off instead.
 */
function carryUp(body: UploadStream, rule: BodyRule): Pick<Parcel, "body" | "broken"> {
  const { promise: broken, reject } = Promise.withResolvers<never>();
  broken.catch(() => undefined);
  const { contentLength, bytesMax } = rule;
  const carrier = contentLength === undefined ? counter(bytesMax, reject) : new FixedLengthStream(contentLength);
  body.pipeTo(carrier.writable, { preventAbort: true }).catch((error) => reject(new BrokenBody(String(error))));
  return { body: carrier.readable, broken };
}

function counter(bytesMax: number, reject: (error: BodyOverrun) => void): Carrier {
  let bytes = 0;
  return new TransformStream({
    transform(chunk, controller) {
      bytes += chunk.byteLength;
      if (bytes <= bytesMax) return controller.enqueue(chunk);
      reject(new BodyOverrun(`more than ${bytesMax} bytes`));
      return new Promise(() => undefined);
    },
  });
}
