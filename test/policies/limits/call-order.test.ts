// Which calls are copies of earlier ones: those of the same isolate that are no later than its latest.

import { describe, expect, it } from "vitest";
import { CallOrder } from "../../../src/policies/limits/call-order.ts";

describe("CallOrder", () => {
  it("knows a call that was served and those before it, and no later one nor another isolate's", () => {
    const order = new CallOrder();
    expect(order.isRepeated({ isolateId: "a", callId: 3 })).toBe(false);
    order.note({ isolateId: "a", callId: 3 });
    expect(order.isRepeated({ isolateId: "a", callId: 3 })).toBe(true);
    expect(order.isRepeated({ isolateId: "a", callId: 2 })).toBe(true);
    expect(order.isRepeated({ isolateId: "a", callId: 4 })).toBe(false);
    expect(order.isRepeated({ isolateId: "b", callId: 3 })).toBe(false);
  });

  it("goes by the latest call, in whichever order they came", () => {
    const order = new CallOrder();
    for (const callId of [2, 5, 3]) order.note({ isolateId: "a", callId });
    expect(order.isRepeated({ isolateId: "a", callId: 5 })).toBe(true);
    expect(order.isRepeated({ isolateId: "a", callId: 6 })).toBe(false);
  });

  it("remembers ten thousand isolates, those that called last", () => {
    const order = new CallOrder();
    for (let at = 0; at < 10_000; at++) order.note({ isolateId: `${at}`, callId: 1 });
    order.note({ isolateId: "0", callId: 2 });
    order.note({ isolateId: "new", callId: 1 });
    expect(order.isRepeated({ isolateId: "0", callId: 2 })).toBe(true);
    expect(order.isRepeated({ isolateId: "1", callId: 1 })).toBe(false);
    expect(order.isRepeated({ isolateId: "2", callId: 1 })).toBe(true);
  });
});
