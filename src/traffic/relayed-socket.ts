// One WebSocket that ends here on both sides: passes frames on, answers keep-alives, tells each side how the other ended, and counts.
// Queues no more for a side that does not answer than unheard.ts allows. Never keeps a frame; the platform does that.

import { Buffer } from "node:buffer";
import type { SessionLeash } from "../isolate/sessions/session-leash.ts";
import { type Close, closeFor, LOST, RECONNECT, TOO_FAR_BEHIND } from "../policies/streams/close-code.ts";
import { isJsonPing, JSON_PONG } from "../policies/streams/json-ping.ts";
import { addUnheard } from "../policies/streams/unheard.ts";

/** Messages and the bytes of their payload. */
export type Traffic = { readonly messages: number; readonly bytes: number };

/** How it ended: `by` whom, and the code that was given, or 1006 where a side was lost. */
export type SocketEnd = {
  readonly by: "client" | "instance" | "relay";
  readonly code: number;
  readonly fromClient: Traffic;
  readonly fromInstance: Traffic;
  /** Keep-alives answered here; not among `fromClient`. */
  readonly pings: number;
};

export type SocketParts = {
  readonly client: WebSocket;
  readonly instance: WebSocket;
  readonly leash: SessionLeash | undefined;
  /** Resolves when the instance is to have no more sockets, to how soon, ms. */
  readonly closing: Promise<number>;
};

/** How long one side may take to answer the other's Close frame. What it still sends until then is passed on. */
const CLOSE_MS_MAX = 1_000;

type Frame = string | ArrayBuffer;
type Side = {
  readonly name: "client" | "instance";
  readonly socket: WebSocket;
  /** Whether it has ended, or was told to: nothing can be sent to it. */
  isTold: boolean;
  unheardBytes: number;
  readonly said: { messages: number; bytes: number };
};

export class RelayedSocket {
  readonly #client: Side;
  readonly #instance: Side;
  readonly #leash: SessionLeash | undefined;
  readonly #ended = Promise.withResolvers<SocketEnd>();
  /** Who ended first, and how. */
  #first: { readonly by: SocketEnd["by"]; readonly code: number } | undefined;
  #closing: ReturnType<typeof setTimeout> | undefined;
  #leaving: ReturnType<typeof setTimeout> | undefined;
  #isOver = false;
  #pings = 0;

  constructor({ client, instance, leash, closing }: SocketParts) {
    this.#client = openSide("client", client);
    this.#instance = openSide("instance", instance);
    this.#leash = leash;
    this.#listen(this.#client, this.#instance, (frame) => this.#isKeepAlive(frame));
    this.#listen(this.#instance, this.#client, never);
    void leash?.cut.then((close) => this.#cut(close));
    void closing.then((withinMs) => this.#leaveWithin(withinMs));
  }

  /** Resolves once, when nothing more will be passed on; never rejects. */
  get ended(): Promise<SocketEnd> {
    return this.#ended.promise;
  }

  #listen(side: Side, other: Side, isForRelay: (frame: Frame) => boolean): void {
    const { socket } = side;
    // The relay says itself when a side may go: the other's answer is passed on first.
    socket.accept({ allowHalfOpen: true });
    socket.binaryType = "arraybuffer";
    socket.addEventListener("message", ({ data }) => {
      side.unheardBytes = 0;
      if (!isForRelay(data)) this.#pass(data, side, other);
    });
    socket.addEventListener("close", ({ code, reason, wasClean }) => {
      // One that says 1006 in a Close frame of its own is still there, and waits for an answer.
      if (!wasClean) side.isTold = true;
      this.#onClose(side, other, { code, reason });
    });
    socket.addEventListener("error", () => {
      side.isTold = true;
      this.#onClose(side, other, { code: LOST, reason: "" });
    });
  }

  #pass(frame: Frame, { said }: Side, other: Side): void {
    if (this.#isOver) return;
    const bytes = sizeOf(frame);
    said.messages++;
    said.bytes += bytes;
    this.#send(frame, bytes, other);
  }

  #send(frame: Frame, bytes: number, to: Side): void {
    if (to.isTold) return;
    const unheardBytes = addUnheard(to.unheardBytes, bytes);
    if (unheardBytes === undefined) {
      this.#cut(TOO_FAR_BEHIND);
      return;
    }
    to.unheardBytes = unheardBytes;
    to.socket.send(frame);
  }

  /** A client's is answered here, and nobody else hears of it (L44): it keeps the connection, not the session. */
  #isKeepAlive(frame: Frame): boolean {
    if (typeof frame !== "string" || !isJsonPing(frame)) {
      this.#leash?.active(Date.now());
      return false;
    }
    this.#pings++;
    this.#send(JSON_PONG, JSON_PONG.length, this.#client);
    return true;
  }

  #onClose(side: Side, other: Side, { code, reason }: { readonly code: number; readonly reason: string }): void {
    if (this.#isOver) return;
    this.#first ??= { by: side.name, code };
    const close = closeFor(code, reason);
    tell(other, close);
    // A side that was told already has now answered, and one that is lost has nothing to wait for.
    if (side.isTold) this.#end();
    else this.#closing = setTimeout(() => this.#cut(close), CLOSE_MS_MAX);
  }

  /** At some time until then, each at its own: clients that reconnect all at once would be a flood. */
  #leaveWithin(withinMs: number): void {
    if (!this.#isOver) this.#leaving = setTimeout(() => this.#cut(RECONNECT), Math.random() * withinMs);
  }

  /** Both sides at once, whatever they are doing. */
  #cut(close: Close): void {
    if (this.#isOver) return;
    this.#first ??= { by: "relay", code: close.code ?? 0 };
    tell(this.#client, close);
    tell(this.#instance, close);
    this.#end();
  }

  #end(): void {
    this.#isOver = true;
    clearTimeout(this.#closing);
    clearTimeout(this.#leaving);
    this.#leash?.letGo();
    const { by, code } = this.#first ?? { by: "relay", code: LOST };
    const [fromClient, fromInstance] = [this.#client.said, this.#instance.said];
    this.#ended.resolve({ by, code, fromClient, fromInstance, pings: this.#pings });
  }
}

const openSide = (name: Side["name"], socket: WebSocket): Side => ({
  name,
  socket,
  isTold: false,
  unheardBytes: 0,
  said: { messages: 0, bytes: 0 },
});

function tell(side: Side, { code, reason }: Close): void {
  if (side.isTold) return;
  side.isTold = true;
  if (code === undefined) side.socket.close();
  else side.socket.close(code, reason);
}

const sizeOf = (frame: Frame): number => (typeof frame === "string" ? Buffer.byteLength(frame) : frame.byteLength);

const never = (): boolean => false;
