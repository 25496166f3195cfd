// How often isolates may call one shard: freely while it is calm, and together no more than its budget when it is not.

import { describe, expect, it } from "vitest";
import { CallMeter } from "../../../src/policies/limits/call-meter.ts";
import { paceMs } from "../../../src/policies/limits/pace.ts";

const START = 1_000_000;
/** One call by an isolate that has never been told a pace, unless said otherwise. */
const note = (meter: CallMeter, isolateId: string, atMs = 0, toldMs = 0): number =>
  meter.note(isolateId, { toldMs, nowMs: START + atMs });
/** `calls` in one second, by as many isolates in turn. Returns the last one's pace. */
function callTimes(meter: CallMeter, calls: number, { isolates = 1, atMs = 0 } = {}): number {
  let pace = 0;
  for (let call = 0; call < calls; call++) pace = note(meter, `isolate-${call % isolates}`, atMs);
  return pace;
}

describe("paceMs", () => {
  it("lets nobody wait while a shard is called 150 times a second or less", () => {
    expect(paceMs(150, 1)).toBe(0);
    expect(paceMs(0, 1_000)).toBe(0);
    expect(paceMs(151, 1)).toBe(4);
  });

  it.each([1, 2, 30, 300, 1_000, 5_000])("keeps %d isolates within 300 calls a second", (isolates) => {
    const pace = paceMs(10_000, isolates);
    expect((isolates * 1_000) / pace).toBeLessThanOrEqual(300);
    // And not far below it.
    expect((isolates * 1_000) / (pace - 1)).toBeGreaterThan(300);
  });
});

describe("CallMeter", () => {
  it("paces nobody while calls are few", () => {
    expect(callTimes(new CallMeter(), 150, { isolates: 10 })).toBe(0);
  });

  it("paces who calls as soon as calls are many, by how many call", () => {
    const meter = new CallMeter();
    callTimes(meter, 150, { isolates: 30 });
    expect(note(meter, "isolate-1")).toBe(100);
  });

  it("remembers the second before, and no longer", () => {
    const meter = new CallMeter();
    callTimes(meter, 200, { isolates: 3 });
    expect(note(meter, "isolate-1", 1_000)).toBe(10);
    expect(note(meter, "isolate-1", 2_000)).toBe(0);
    callTimes(meter, 200, { isolates: 3, atMs: 10_000 });
    expect(note(meter, "isolate-1", 12_000)).toBe(0);
  });

  it("no longer counts isolates that have not called for five seconds, and does count those that have", () => {
    const meter = new CallMeter();
    callTimes(meter, 300, { isolates: 300 });
    expect(callTimes(meter, 151, { isolates: 1, atMs: 5_000 })).toBe(1_000);
    expect(callTimes(meter, 151, { isolates: 1, atMs: 6_000 })).toBe(4);
  });

  it("keeps the pace each caller was last told for the first five seconds, while nobody else is known, and no longer", () => {
    const meter = new CallMeter();
    expect(note(meter, "isolate-1", 0, 200)).toBe(200);
    expect(note(meter, "isolate-2", 100)).toBe(0);
    expect(note(meter, "isolate-1", 4_999, 200)).toBe(200);
    expect(note(meter, "isolate-1", 5_000, 200)).toBe(0);
  });

  it("slows down who was told less than it knows itself, also in its first seconds", () => {
    const meter = new CallMeter();
    callTimes(meter, 150, { isolates: 30 });
    expect(note(meter, "isolate-1", 0, 20)).toBe(100);
    expect(note(meter, "isolate-2", 0, 300)).toBe(300);
  });
});
