// Carries a response body to the client unbuffered, and knows when it has gone by.

import { withDeadline } from "../deadline.ts";

export type Carriage = {
  /** What the client is sent. */
  readonly body: ReadableStream<Uint8Array>;
  /** Resolves when the last byte has gone by or either side broke off; never rejects. */
  readonly ended: Promise<void>;
};

export type CarryRule = {
  /** Declared length, kept as such for the client. */
  readonly contentLength: number | undefined;
  /** Longest silence of the upstream in ms; undefined for event streams, which may be silent as long as they like. */
  readonly idleTimeoutMs: number | undefined;
};

export function carry(upstream: ReadableStream<Uint8Array>, rule: CarryRule): Carriage {
  const through =
    rule.contentLength === undefined ? new IdentityTransformStream() : new FixedLengthStream(rule.contentLength);
  const moved =
    rule.idleTimeoutMs === undefined
      ? upstream.pipeTo(through.writable)
      : pump(upstream, through.writable, rule.idleTimeoutMs);
  return { body: through.readable, ended: moved.then(nothing, nothing) };
}

/** The client sees a broken-off body as such; there is nobody left to tell. */
const nothing = (): void => undefined;

async function pump(
  upstream: ReadableStream<Uint8Array>,
  writable: WritableStream<Uint8Array>,
  idleTimeoutMs: number,
): Promise<void> {
  const reader = upstream.getReader();
  const writer = writable.getWriter();
  try {
    for (;;) {
      const chunk = await withDeadline(reader.read(), idleTimeoutMs);
      if (chunk.done) break;
      await writer.write(chunk.value);
    }
    await writer.close();
  } catch (error) {
    await Promise.allSettled([reader.cancel(error), writer.abort(error)]);
  }
}
