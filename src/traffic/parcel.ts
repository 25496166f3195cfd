// What is sent to a backend: prepared once per request, so that every further try sends exactly the same.

import { type Refusal, refuse } from "../contracts/refusals.ts";
import { waitAtMost } from "../deadline.ts";
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
  /** How a streamed body is coming along: while it awaits the client, silence is not the instance's fault. */
  readonly upload: { readonly awaitsClient: boolean } | undefined;
};

/** The client broke off: its fault, not the instance's. */
export class BrokenBody extends Error {}
/** The body grew past the route's bound. */
export class BodyOverrun extends BrokenBody {}

/** Buffers the body only where the request may be sent again, never otherwise; never clones or tees. Refuses `body_broken`, `body_timeout`. */
export function packParcel(request: Request, incoming: Incoming, route: CompiledRoute): Packed | Promise<Packed> {
  const { address, method, headers, upgrade } = incoming;
  const target = targetOf(incoming, route);
  const url = `${address.scheme}://${address.authority}${target}`;
  // A Worker's GET and HEAD carry no body whatever was sent; the others are only asked where there may be one.
  const body = method === "GET" || method === "HEAD" ? null : request.body;
  const resendable = isResendable(incoming, route, body !== null);
  const parcel: Parcel = {
    ok: true,
    method,
    url,
    target,
    headers,
    upgrade,
    resendable,
    body: null,
    broken: undefined,
    upload: undefined,
  };
  if (body === null) return parcel;
  if (resendable) return buffered(request, parcel, route.timeoutMs);
  return { ...parcel, ...carryUp(body, { bytesMax: route.bodyBytesMax, contentLength: incoming.contentLength }) };
}

type Packed = Parcel | Refusal;

async function buffered(request: Request, parcel: Parcel, waitMs: number): Promise<Packed> {
  try {
    const body = await waitAtMost(request.arrayBuffer(), waitMs);
    return body === undefined ? refuse("body_timeout") : { ...parcel, body };
  } catch {
    return refuse("body_broken");
  }
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

type UploadStream = ReadableStream<Uint8Array>;
type BodyRule = { readonly bytesMax: number; readonly contentLength: number | undefined };

/**
 * Passes chunks on until the client breaks off or sends too much, and then nothing, not even an end: the runtime ends
 * a failed stream in good order, so what was cut would look whole to the instance. The sender breaks off instead.
 */
function carryUp(body: UploadStream, rule: BodyRule): Pick<Parcel, "body" | "broken" | "upload"> {
  const { contentLength, bytesMax } = rule;
  const carrier = contentLength === undefined ? new IdentityTransformStream() : new FixedLengthStream(contentLength);
  const { promise: broken, reject } = Promise.withResolvers<never>();
  const upload = { awaitsClient: false };
  broken.catch(() => undefined);
  pumpUp({ reader: body.getReader(), writer: carrier.writable.getWriter(), bytesMax, upload }).catch(reject);
  return { body: carrier.readable, broken, upload };
}

type Pump = {
  readonly reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly bytesMax: number;
  readonly upload: { awaitsClient: boolean };
};

/** Rejects for what the client does. When the instance takes no more, its own failure says so, and this merely ends. */
async function pumpUp({ reader, writer, bytesMax, upload }: Pump): Promise<void> {
  for (let bytes = 0; ; ) {
    upload.awaitsClient = true;
    const chunk = await reader.read().catch((error) => {
      throw new BrokenBody(String(error));
    });
    upload.awaitsClient = false;
    if (chunk.done) return await writer.close().catch(() => undefined);
    bytes += chunk.value.byteLength;
    if (bytes > bytesMax) throw new BodyOverrun(`more than ${bytesMax} bytes`);
    const taken = await writer.write(chunk.value).then(
      () => true,
      () => false,
    );
    if (!taken) return await reader.cancel().catch(() => undefined);
  }
}
