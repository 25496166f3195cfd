// A WebSocket client without a library: sends any bytes after the handshake, well-formed or not, and keeps the very bytes that come back.

import { createHash } from "node:crypto";
import { once } from "node:events";
import { connect } from "node:net";

const KEY = "dGhlIHNhbXBsZSBub25jZQ==";
const MASK = Buffer.from([1, 2, 3, 4]);
const CLOSE = 8;

export type Frame = {
  readonly opcode: number;
  readonly payload?: Buffer | string;
  readonly final?: boolean;
  /** The three reserved bits, as one number. */
  readonly reserved?: number;
  readonly masked?: boolean;
};

/** RFC 6455 §5.2, as a client sends it unless told otherwise. */
export function encodeFrame({ opcode, payload = "", final = true, reserved = 0, masked = true }: Frame): Buffer {
  const bytes = Buffer.from(payload);
  const length = bytes.length < 126 ? bytes.length : bytes.length < 65_536 ? 126 : 127;
  const head = Buffer.alloc(2 + (length === 126 ? 2 : length === 127 ? 8 : 0));
  head[0] = (final ? 128 : 0) | (reserved << 4) | opcode;
  head[1] = (masked ? 128 : 0) | length;
  if (length === 126) head.writeUInt16BE(bytes.length, 2);
  if (length === 127) head.writeBigUInt64BE(BigInt(bytes.length), 2);
  if (!masked) return Buffer.concat([head, bytes]);
  return Buffer.concat([head, MASK, bytes.map((byte: number, at: number) => byte ^ (MASK[at % 4] ?? 0))]);
}

/** What the other side sends after its 101, until it has sent a Close frame or ended the connection. */
export async function converse(url: string, frames: readonly Buffer[]): Promise<Buffer> {
  const { hostname, port, pathname } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.on("error", () => undefined);
  await once(socket, "connect");
  socket.write(
    `GET ${pathname} HTTP/1.1\r\nHost: ${hostname}:${port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
      `Sec-WebSocket-Key: ${KEY}\r\nSec-WebSocket-Version: 13\r\n\r\n`,
  );
  let heard = Buffer.alloc(0);
  let isSent = false;
  for await (const chunk of socket) {
    heard = Buffer.concat([heard, chunk as Buffer]);
    const end = heard.indexOf("\r\n\r\n");
    if (end === -1) continue;
    if (!heard.subarray(0, end).includes(ACCEPT)) throw new Error(`no handshake: ${heard.subarray(0, end)}`);
    if (!isSent) for (const frame of frames) socket.write(frame);
    isSent = true;
    if (hasClose(heard.subarray(end + 4))) break;
  }
  socket.destroy();
  return heard.subarray(heard.indexOf("\r\n\r\n") + 4);
}

const ACCEPT = createHash("sha1").update(`${KEY}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");

/** Walks over whole frames of a server, which masks none. */
function hasClose(bytes: Buffer): boolean {
  for (let at = 0; at + 2 <= bytes.length; ) {
    const short = (bytes[at + 1] ?? 0) & 127;
    const head = short === 126 ? 4 : short === 127 ? 10 : 2;
    if (at + head > bytes.length) return false;
    const length =
      short === 126 ? bytes.readUInt16BE(at + 2) : short === 127 ? Number(bytes.readBigUInt64BE(at + 2)) : short;
    if (at + head + length > bytes.length) return false;
    if (((bytes[at] ?? 0) & 15) === CLOSE) return true;
    at += head + length;
  }
  return false;
}
