// A busy isolate's own pick: own requests exactly, the others' as a hint that fades, slow and weak instances each counting more.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  isSnapshotUsable,
  othersShare,
  pickBySnapshot,
  type SnapshotLoad,
} from "../../../src/policies/balancing/pick-by-snapshot.ts";
import { instanceOf } from "./isolate-calls.ts";
import { loadOf, pickOf } from "./snapshot-loads.ts";

const fresh = pickOf({ share: 1 });

describe("pickBySnapshot", () => {
  it("takes the least of own, promised and others' requests", () => {
    const loads = [
      loadOf("a", { inFlight: 3 }),
      loadOf("b", { others: 3 }),
      loadOf("c", { promised: 3 }),
      loadOf("d", { inFlight: 2 }),
    ];
    expect(pickBySnapshot(loads, fresh)).toBe(3);
  });

  it("believes others' requests less the older they are", () => {
    const loads = [loadOf("a", { inFlight: 2 }), loadOf("b", { others: 5 })];
    expect(pickBySnapshot(loads, fresh)).toBe(0);
    // 5 · e^(−275/300) = 2.0: from here on the other's five weigh less than two of its own.
    expect(pickBySnapshot(loads, { ...fresh, ageMs: 270 })).toBe(0);
    expect(pickBySnapshot(loads, { ...fresh, ageMs: 280 })).toBe(1);
  });

  it("takes turns among equals", () => {
    const loads = [loadOf("a"), loadOf("b"), loadOf("c")];
    expect([0, 1, 2, 3].map((start) => pickBySnapshot(loads, { ...fresh, start }))).toEqual([0, 1, 2, 0]);
  });

  it("counts requests by weight, and twice on an instance that is slow", () => {
    const loads = (inFlight: number) => [loadOf("a", { inFlight, burden: 1 / 3 }), loadOf("b", { inFlight: 1 })];
    expect([1, 2, 4].map((inFlight) => pickBySnapshot(loads(inFlight), fresh))).toEqual([0, 0, 1]);
    const slow = (inFlight: number) => [loadOf("a", { slowness: 2 }), loadOf("b", { inFlight })];
    expect([0, 1, 2].map((inFlight) => pickBySnapshot(slow(inFlight), fresh))).toEqual([1, 0, 0]);
  });

  it("gives lone requests to each in turn, whatever it weighs", () => {
    const loads = [loadOf("a", { burden: 1 / 9 }), loadOf("b"), loadOf("c", { burden: 10 })];
    expect([0, 1, 2].map((start) => pickBySnapshot(loads, { ...fresh, start }))).toEqual([0, 1, 2]);
  });

  it("looks at a part of the pool only where isolates are many, and never at fewer than two", () => {
    const loads = Array.from({ length: 10 }, (_, at) => loadOf(`i${at}`, { inFlight: at === 4 ? 0 : 1 }));
    const start = 2;
    expect(pickBySnapshot(loads, { ...fresh, start, isolates: 250 })).toBe(4);
    expect(pickBySnapshot(loads, { ...fresh, start, isolates: 833 })).toBe(4);
    expect(pickBySnapshot(loads, { ...fresh, start, isolates: 1_250 })).toBe(2);
    expect(pickBySnapshot(loads, { ...fresh, start: 3, isolates: 10_000 })).toBe(4);
  });

  it("counts a doubtful instance as ten requests busier, and sends to it when the others are busier still", () => {
    const loads = (inFlight: number) => [loadOf("a", { doubtful: true, inFlight: 1 }), loadOf("b", { inFlight })];
    expect([10, 12].map((inFlight) => pickBySnapshot(loads(inFlight), fresh))).toEqual([1, 0]);
  });

  it("passes over instances that are out or were tried, and finds none when all are", () => {
    const loads = [loadOf("a", { outUntilMs: 500 }), loadOf("b", { inFlight: 9 })];
    expect(pickBySnapshot(loads, { ...fresh, barring: { tried: [], outAfterMs: 499 } })).toBe(1);
    expect(pickBySnapshot(loads, { ...fresh, barring: { tried: [], outAfterMs: 500 } })).toBe(0);
    expect(pickBySnapshot(loads, { ...fresh, barring: { tried: [instanceOf("b")], outAfterMs: 499 } })).toBe(-1);
  });

  it("agrees with the obvious search", () => {
    const one = fc.record({
      inFlight: fc.nat(4),
      promised: fc.nat(1),
      others: fc.nat(6),
      slowness: fc.constantFrom(1, 1.5, 2),
      burden: fc.constantFrom(1, 0.5, 0.25),
      out: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(one, { minLength: 1, maxLength: 9 }), fc.nat(200), fc.nat(20), (given, ageMs, start) => {
        const loads = given.map(({ out, ...rest }, i) => loadOf(`i${i}`, { ...rest, outUntilMs: out ? 10 : 0 }));
        const share = 0.125;
        const weigh = ({ inFlight, promised, others, slowness, burden }: SnapshotLoad) =>
          ((inFlight + promised + others * (share * Math.exp(-ageMs / 300))) * burden + 1) * slowness;
        const order = loads.map((_, i) => (start + i) % loads.length);
        const among = order.filter((i) => !given[i]?.out);
        const least = Math.min(...among.map((i) => weigh(loads[i] ?? loadOf("none"))));
        const expected = among.find((i) => weigh(loads[i] ?? loadOf("none")) === least) ?? -1;
        const pick = pickOf({ barring: { tried: [], outAfterMs: 5 }, ageMs, share, start });
        expect(pickBySnapshot(loads, pick)).toBe(expected);
      }),
    );
  });
});

describe("othersShare", () => {
  it.each([
    [0, 0, 0],
    [3, 4, 0.25],
    [0, 100, 0.0025],
    [100, 1, 1],
  ])("of %d own and %d others' requests is %d", (own, others, expected) => {
    expect(othersShare(own, others)).toBe(expected);
  });
});

describe("isSnapshotUsable", () => {
  it.each([
    [200, 100, true],
    [201, 100, false],
    [300, 150, true],
    [301, 150, false],
    [Number.POSITIVE_INFINITY, 100, false],
  ])("at %d ms with a renewal every %d ms: %s", (ageMs, renewAfterMs, expected) => {
    expect(isSnapshotUsable(ageMs, renewAfterMs)).toBe(expected);
  });
});
