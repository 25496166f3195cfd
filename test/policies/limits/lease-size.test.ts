// How much an isolate is lent in advance, and for how long.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { leaseTimes, type SpareFacts, spareTokens } from "../../../src/policies/limits/lease-size.ts";

const facts: SpareFacts = { wanted: 1_000, limit: 10_000, free: 10_000, unspent: 0, isolates: 1 };

describe("spareTokens", () => {
  it("is what is wanted while that is little", () => {
    expect(spareTokens({ ...facts, wanted: 7 })).toBe(7);
    expect(spareTokens({ ...facts, wanted: 0 })).toBe(0);
  });

  it("is at most half a percent of the limit", () => {
    expect(spareTokens(facts)).toBe(50);
    expect(spareTokens({ ...facts, wanted: 51 })).toBe(50);
    expect(spareTokens({ ...facts, limit: 399, free: 399 })).toBe(1);
  });

  it("is at most an isolate's share of half of what is free", () => {
    expect(spareTokens({ ...facts, free: 1_000, isolates: 20 })).toBe(25);
    expect(spareTokens({ ...facts, free: 1_000, isolates: 10 })).toBe(50);
    expect(spareTokens({ ...facts, free: 1_000, isolates: 501 })).toBe(0);
  });

  it("leaves the last 5 % of the limit alone", () => {
    expect(spareTokens({ ...facts, free: 510 })).toBe(10);
    expect(spareTokens({ ...facts, free: 501 })).toBe(1);
    expect(spareTokens({ ...facts, free: 500 })).toBe(0);
    expect(spareTokens({ ...facts, free: 0 })).toBe(0);
  });

  it("leaves no more than 2 % of the limit unspent over all isolates", () => {
    expect(spareTokens({ ...facts, unspent: 150 })).toBe(50);
    expect(spareTokens({ ...facts, unspent: 170 })).toBe(30);
    expect(spareTokens({ ...facts, unspent: 200 })).toBe(0);
    expect(spareTokens({ ...facts, unspent: 5_000 })).toBe(0);
  });

  it("is nothing for limits below 200", () => {
    expect(spareTokens({ ...facts, limit: 199, free: 199 })).toBe(0);
    expect(spareTokens({ ...facts, limit: 200, free: 200 })).toBe(1);
  });

  it("keeps all these bounds at once, in whole tokens", () => {
    const any = fc.record({
      wanted: fc.nat(100_000),
      limit: fc.integer({ min: 1, max: 1_000_000 }),
      free: fc.nat(1_000_000),
      unspent: fc.nat(1_000_000),
      isolates: fc.integer({ min: 1, max: 1_000 }),
    });
    fc.assert(
      fc.property(any, (known) => {
        const { wanted, limit, unspent, isolates } = known;
        const free = Math.min(known.free, limit);
        const spare = spareTokens({ ...known, free });
        expect(Number.isInteger(spare) && spare >= 0).toBe(true);
        if (spare === 0) return;
        expect(limit).toBeGreaterThanOrEqual(200);
        expect(spare).toBeLessThanOrEqual(wanted);
        expect(spare).toBeLessThanOrEqual(0.005 * limit);
        expect(spare * isolates).toBeLessThanOrEqual(free / 2);
        expect(free - spare).toBeGreaterThanOrEqual(0.05 * limit);
        expect(unspent + spare).toBeLessThanOrEqual(0.02 * limit);
      }),
      { numRuns: 1_000 },
    );
  });
});

describe("leaseTimes", () => {
  const windowMs = 3_600_000;

  it("are, where only waiting requests are served, as they said themselves and a little longer", () => {
    expect(leaseTimes({ windowMs, spare: 0, withinMs: 50, leases: 0 })).toEqual({
      validMs: 50,
      lastMs: 60,
      giveBackMs: 5_000,
    });
    expect(leaseTimes({ windowMs, spare: 0, withinMs: 499.5, leases: 0 })).toMatchObject({
      validMs: 499.5,
      lastMs: 509.5,
    });
  });

  it("can be given back for long where few are out, and not where many are", () => {
    const giveBackMs = (leases: number) => leaseTimes({ windowMs, spare: 0, withinMs: 50, leases }).giveBackMs;
    expect([0, 127, 128, 511].map(giveBackMs)).toEqual([5_000, 5_000, 1_500, 1_500]);
  });

  it("end with a short window, after which nothing of them counts", () => {
    expect(leaseTimes({ windowMs: 1_000, spare: 0, withinMs: 50, leases: 0 })).toMatchObject({ giveBackMs: 1_000 });
    expect(leaseTimes({ windowMs: 5_001, spare: 0, withinMs: 50, leases: 0 })).toMatchObject({ giveBackMs: 5_000 });
  });

  it("never let waiting requests have more than 700 ms, whatever they say", () => {
    expect(leaseTimes({ windowMs, spare: 0, withinMs: 700, leases: 0 })).toMatchObject({ validMs: 700, lastMs: 710 });
    expect(leaseTimes({ windowMs, spare: 0, withinMs: 701, leases: 0 })).toMatchObject({ validMs: 700, lastMs: 710 });
  });

  it("are a tenth of the window with spare tokens, between one second and ten, and two seconds for clocks", () => {
    const spare = (ms: number) => leaseTimes({ windowMs: ms, spare: 1, withinMs: 50, leases: 0 });
    expect(spare(60_000)).toEqual({ validMs: 6_000, lastMs: 8_000, giveBackMs: 6_000 });
    expect(spare(1_000)).toEqual({ validMs: 1_000, lastMs: 3_000, giveBackMs: 1_000 });
    expect(spare(windowMs)).toEqual({ validMs: 10_000, lastMs: 12_000, giveBackMs: 10_000 });
  });
});
