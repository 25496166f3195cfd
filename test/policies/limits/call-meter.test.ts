// How often isolates may call one shard: freely while it is calm, and together no more than its budget when it is not; who asks for
// more may call more often.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { LimiterCall } from "../../../src/contracts/limits.ts";
import { CallMeter } from "../../../src/policies/limits/call-meter.ts";
import { paceMs } from "../../../src/policies/limits/pace.ts";

const START = 1_000_000;
const rule = { kind: "rate", limit: 1_000, windowMs: 10_000 } as const;

function callOf(isolateId: string, waiting: number, toldMs: number): LimiterCall {
  const wish = { leaseId: "lease", waiting: waiting * 5, cost: 5, spare: 0, withinMs: 50 };
  return { isolateId, callId: 1, paceMs: toldMs, asks: [{ kind: "rate", key: "own/key", rule, reports: [], wish }] };
}

/** One call for one request by an isolate that has never been told a pace, unless said otherwise. */
const note = (meter: CallMeter, isolateId: string, atMs = 0, { toldMs = 0, waiting = 1 } = {}): number =>
  meter.note(callOf(isolateId, waiting, toldMs), START + atMs);

/** `calls` in one second, by as many isolates in turn. Returns the last one's pace. */
function callTimes(meter: CallMeter, calls: number, { isolates = 1, atMs = 0 } = {}): number {
  let pace = 0;
  for (let call = 0; call < calls; call++) pace = note(meter, `isolate-${call % isolates}`, atMs);
  return pace;
}

describe("paceMs", () => {
  it("lets nobody wait while a shard is called 150 times a second or less", () => {
    expect(paceMs(150, 1)).toBe(0);
    expect(paceMs(0, 0.001)).toBe(0);
    expect(paceMs(151, 1)).toBe(4);
  });

  it.each([1, 2, 30, 300, 1_000, 5_000])("keeps %d isolates of equal shares within 300 calls a second", (isolates) => {
    const pace = paceMs(10_000, 1 / isolates);
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
    expect(note(meter, "isolate-1", 0, { toldMs: 200 })).toBe(200);
    expect(note(meter, "isolate-2", 100)).toBe(0);
    expect(note(meter, "isolate-1", 4_999, { toldMs: 200 })).toBe(200);
    expect(note(meter, "isolate-1", 5_000, { toldMs: 200 })).toBe(0);
  });

  it("slows down who was told less than it knows itself, also in its first seconds", () => {
    const meter = new CallMeter();
    callTimes(meter, 150, { isolates: 30 });
    expect(note(meter, "isolate-1", 0, { toldMs: 20 })).toBe(100);
    expect(note(meter, "isolate-2", 0, { toldMs: 300 })).toBe(300);
  });

  it("lets who asks for far more than others call more often, and slows those down no more than that takes", () => {
    const meter = new CallMeter();
    callTimes(meter, 200, { isolates: 100 });
    note(meter, "busy", 0, { waiting: 1_000 });
    callTimes(meter, 200, { isolates: 100, atMs: 1_000 });
    expect(note(meter, "busy", 1_000)).toBeLessThan(30);
    // All 101 alike would be 337 ms; one that asks for nearly everything takes a quarter as much as they have together.
    expect(note(meter, "isolate-1", 1_000)).toBeLessThanOrEqual(1.25 * 337);
  });

  it("lets who asks for up to four times the mean be one among equals", () => {
    const meter = new CallMeter();
    callTimes(meter, 200, { isolates: 100 });
    note(meter, "isolate-1", 0, { waiting: 5 });
    callTimes(meter, 200, { isolates: 100, atMs: 1_000 });
    expect(note(meter, "isolate-1", 1_000)).toBe(note(meter, "isolate-2", 1_000));
  });

  it("forgets within seconds how much was asked for", () => {
    const meter = new CallMeter();
    note(meter, "once-busy", 0, { waiting: 10_000 });
    for (let second = 0; second < 60; second++) {
      callTimes(meter, 200, { isolates: 10, atMs: second * 1_000 });
      note(meter, "once-busy", second * 1_000, { waiting: 0 });
    }
    expect(note(meter, "once-busy", 59_000, { waiting: 0 })).toBe(note(meter, "isolate-1", 59_000));
  });

  it("keeps all together within the budget, whatever each asks for", () => {
    const demand = fc.array(fc.nat({ max: 1_000 }), { minLength: 1, maxLength: 300 });
    fc.assert(
      fc.property(demand, (waiting) => {
        const meter = new CallMeter();
        for (const [at, each] of waiting.entries()) note(meter, `isolate-${at}`, 0, { waiting: each });
        callTimes(meter, 151, { isolates: waiting.length, atMs: 1_000 });
        const perSecond = waiting.map((_, at) => 1_000 / note(meter, `isolate-${at}`, 1_000));
        expect(perSecond.reduce((sum, each) => sum + each, 0)).toBeLessThanOrEqual(300.001);
      }),
    );
  });
});
