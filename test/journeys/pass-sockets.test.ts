// A WebSocket that is passed through beside the same one to its instance directly: byte for byte the same frames come back, and breaches
// of the protocol get the same verdict.

import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Plane, startPlane } from "./plane.ts";
import { converse, encodeFrame, type Frame } from "./raw-socket.ts";
import { type SocketOrigin, startSocketOrigin } from "./socket-origin.ts";

let plane: Plane;
let origin: SocketOrigin;

beforeAll(async () => {
  origin = await startSocketOrigin("only");
  plane = await startPlane({
    config: {
      pools: { all: { instances: [{ id: "only", url: origin.url }] } },
      routes: [{ id: "passed", path: "/passed/*", pool: "all", webSocket: "pass", limits: [] }],
    },
  });
});
afterAll(async () => {
  await plane?.stop();
  await origin?.kill();
});

const [CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG] = [0, 1, 2, 8, 9, 10];
const closing = (code: number, reason = ""): Frame => {
  const payload = Buffer.alloc(2 + Buffer.byteLength(reason));
  payload.writeUInt16BE(code, 0);
  payload.write(reason, 2);
  return { opcode: CLOSE, payload };
};
const bye = closing(1000);

const conversations: Readonly<Record<string, readonly Frame[]>> = {
  "pings with what they carry": [{ opcode: PING, payload: "abc" }, { opcode: PING }, bye],
  "a text in three fragments, a ping between them": [
    { opcode: TEXT, payload: "one ", final: false },
    { opcode: CONTINUATION, payload: "two ", final: false },
    { opcode: PING, payload: "!" },
    { opcode: CONTINUATION, payload: "three" },
    bye,
  ],
  "messages of every length of head": [0, 125, 126, 65_535, 65_536, 300_000]
    .map(
      (bytes): Frame => ({
        opcode: BINARY,
        payload: randomBytes(bytes),
      }),
    )
    .concat(bye),
  "a pong nobody asked for": [{ opcode: PONG, payload: "?" }, { opcode: TEXT, payload: "after" }, bye],
  "an end with a code and a reason of one's own": [closing(4123, "bye, café")],
  "an end without a code": [{ opcode: CLOSE }],
  "a frame that is not masked": [{ opcode: TEXT, payload: "bare", masked: false }],
  "an opcode that is reserved": [{ opcode: 3, payload: "x" }],
  "a reserved bit": [{ opcode: TEXT, payload: "x", reserved: 2 }],
  "text that is no UTF-8": [{ opcode: TEXT, payload: Buffer.from([0xc3, 0x28]) }],
  "a ping in fragments": [{ opcode: PING, payload: "x", final: false }],
  "a ping that is too long": [{ opcode: PING, payload: Buffer.alloc(126) }],
  "a continuation of nothing": [{ opcode: CONTINUATION, payload: "x" }],
  "a new message inside another": [
    { opcode: TEXT, payload: "x", final: false },
    { opcode: TEXT, payload: "y" },
  ],
  "a code that nobody may send": [closing(1005)],
  "half a code": [{ opcode: CLOSE, payload: Buffer.from([3]) }],
};

describe("a WebSocket that is passed through", () => {
  it.each(Object.entries(conversations))(
    "gets what its instance would have sent it directly: %s",
    async (_, frames) => {
      const bytes = frames.map(encodeFrame);
      const [direct, passed] = [await converse(origin.url, bytes), await converse(`${plane.url()}/passed/x`, bytes)];
      expect(direct.length).toBeGreaterThan(0);
      expect(passed.toString("hex")).toBe(direct.toString("hex"));
    },
  );

  it("is told apart when what comes back differs", async () => {
    const say = (payload: string) => [{ opcode: TEXT, payload }, bye].map(encodeFrame);
    const [one, two] = [await converse(`${plane.url()}/passed/x`, say("one")), await converse(origin.url, say("two"))];
    expect(one.equals(two)).toBe(false);
  });
});
