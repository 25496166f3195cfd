// A busy isolate's own pick: own requests exactly, the others' fading, hot and failing instances last.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  hotThreshold,
  isSnapshotUsable,
  pickBySnapshot,
  type SnapshotLoad,
} from "../../../src/policies/balancing/pick-by-snapshot.ts";
import { instanceOf } from "./isolate-calls.ts";

const load = (id: string, more: Partial<SnapshotLoad> = {}): SnapshotLoad => ({
  instance: instanceOf(id),
  inFlight: 0,
  promised: 0,
  others: 0,
  hot: false,
  doubtful: false,
  failures: 0,
  outUntilMs: 0,
  ejectedUntilMs: 0,
  closed: false,
  ...more,
});
const fresh = { barring: { tried: [], outAfterMs: 0 }, ageMs: 0, start: 0 };

describe("pickBySnapshot", () => {
  it("takes the least of own, promised and others' requests", () => {
    const loads = [
      load("a", { inFlight: 3 }),
      load("b", { others: 3 }),
      load("c", { promised: 3 }),
      load("d", { inFlight: 2 }),
    ];
    expect(pickBySnapshot(loads, fresh)).toBe(3);
  });

  it("believes others' requests while the snapshot is young, its own when it is old", () => {
    const loads = [load("a", { inFlight: 2 }), load("b", { others: 5 })];
    expect(pickBySnapshot(loads, fresh)).toBe(0);
    // 5 · e^(−55/60) = 2.0: from here on the other's five weigh less than two of its own.
    expect(pickBySnapshot(loads, { ...fresh, ageMs: 54 })).toBe(0);
    expect(pickBySnapshot(loads, { ...fresh, ageMs: 56 })).toBe(1);
  });

  it("takes turns among equals", () => {
    const loads = [load("a"), load("b"), load("c")];
    expect([0, 1, 2, 3].map((start) => pickBySnapshot(loads, { ...fresh, start }))).toEqual([0, 1, 2, 0]);
  });

  it("takes a hot instance only when no other is left", () => {
    const loads = [load("a", { hot: true }), load("b", { inFlight: 9 })];
    expect(pickBySnapshot(loads, fresh)).toBe(1);
    const tried = [instanceOf("b")];
    expect(pickBySnapshot(loads, { ...fresh, barring: { tried, outAfterMs: 0 } })).toBe(0);
  });

  it("counts a doubtful instance as ten requests busier, and sends to it when the others are busier still", () => {
    const loads = (inFlight: number) => [load("a", { doubtful: true, inFlight: 1 }), load("b", { inFlight })];
    expect([10, 12].map((inFlight) => pickBySnapshot(loads(inFlight), fresh))).toEqual([1, 0]);
  });

  it("passes over instances that are out or were tried, and finds none when all are", () => {
    const loads = [load("a", { outUntilMs: 500 }), load("b", { inFlight: 9 })];
    expect(pickBySnapshot(loads, { ...fresh, barring: { tried: [], outAfterMs: 499 } })).toBe(1);
    expect(pickBySnapshot(loads, { ...fresh, barring: { tried: [], outAfterMs: 500 } })).toBe(0);
    expect(pickBySnapshot(loads, { ...fresh, barring: { tried: [instanceOf("b")], outAfterMs: 499 } })).toBe(-1);
  });

  it("agrees with the obvious search", () => {
    const one = fc.record({
      inFlight: fc.nat(4),
      promised: fc.nat(1),
      others: fc.nat(6),
      hot: fc.boolean(),
      out: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(one, { minLength: 1, maxLength: 9 }), fc.nat(200), fc.nat(20), (given, ageMs, start) => {
        const loads = given.map(({ out, ...rest }, i) => load(`i${i}`, { ...rest, outUntilMs: out ? 10 : 0 }));
        const weigh = ({ inFlight, promised, others }: SnapshotLoad) =>
          inFlight + promised + others * Math.exp(-ageMs / 60);
        const order = loads.map((_, i) => (start + i) % loads.length);
        const among = order.filter((i) => !given[i]?.out);
        const cool = among.filter((i) => !given[i]?.hot);
        const candidates = cool.length > 0 ? cool : among;
        const least = Math.min(...candidates.map((i) => weigh(loads[i] ?? load("none"))));
        const expected = candidates.find((i) => weigh(loads[i] ?? load("none")) === least) ?? -1;
        expect(pickBySnapshot(loads, { barring: { tried: [], outAfterMs: 5 }, ageMs, start })).toBe(expected);
      }),
    );
  });
});

describe("hotThreshold", () => {
  it.each([
    [[], Number.POSITIVE_INFINITY],
    [[1, 2, 3, 4], 4],
    [[6, 5, 4, 3, 2, 1], 6],
    [[7, 1, 2, 3, 4, 5, 6], 6],
    [[12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1], 11],
  ])("of %j is %d: nothing above it below seven instances", (loads, expected) => {
    expect(hotThreshold(loads)).toBe(expected);
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
