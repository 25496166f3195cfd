// What an isolate remembers has an end, and whoever relies on an entry learns when it goes.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BoundedMap } from "../../src/isolate/bounded-map.ts";

describe("a bounded map", () => {
  it("past its number of entries forgets the older half and says which", () => {
    const evicted: number[] = [];
    const map = new BoundedMap<number>({ entriesMax: 4, onEvict: (value) => evicted.push(value) });
    for (let i = 1; i <= 5; i++) map.set(`k${i}`, i);
    expect(evicted).toEqual([1, 2]);
    expect([1, 2, 3, 4, 5].map((i) => map.get(`k${i}`))).toEqual([undefined, undefined, 3, 4, 5]);
  });

  it("within its bounds forgets nothing", () => {
    const map = new BoundedMap<number>({ entriesMax: 4 });
    for (let i = 1; i <= 4; i++) map.set(`k${i}`, i);
    expect(map.size).toBe(4);
  });

  it("does not keep one value that is heavier than half of it", () => {
    const map = new BoundedMap<number>({ entriesMax: 4, weightMax: 10 });
    map.set("light", 1, 5);
    map.set("heavy", 2, 6);
    expect(map.get("light")).toBe(1);
    expect(map.get("heavy")).toBeUndefined();
  });

  it("tells of every entry when it is cleared, and of none that is deleted", () => {
    const evicted: number[] = [];
    const map = new BoundedMap<number>({ entriesMax: 4, onEvict: (value) => evicted.push(value) });
    map.set("a", 1);
    map.set("b", 2);
    map.delete("a");
    map.clear();
    expect(evicted).toEqual([2]);
    expect(map.size).toBe(0);
  });

  it("never holds more than it may, and every value that left without being deleted or replaced was told", () => {
    const step = fc.tuple(
      fc.constantFrom("a", "b", "c", "d", "e", "f", "g"),
      fc.integer({ min: 0, max: 12 }),
      fc.boolean(),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const told = new Set<object>();
        const map = new BoundedMap<{ weight: number }>({
          entriesMax: 4,
          weightMax: 20,
          onEvict: (value) => told.add(value),
        });
        const model = new Map<string, { weight: number }>();
        for (const [key, weight, isDelete] of steps) {
          if (isDelete) {
            map.delete(key);
            model.delete(key);
          } else {
            const value = { weight };
            map.set(key, value, weight);
            if (weight <= 10) model.set(key, value);
            else model.delete(key);
          }
          const held = [...model].filter(([held]) => map.get(held) !== undefined);
          for (const [held, value] of model) if (map.get(held) !== value) expect(told.has(value)).toBe(true);
          expect(map.size).toBeLessThanOrEqual(4);
          expect(held.reduce((sum, [, value]) => sum + value.weight, 0)).toBeLessThanOrEqual(20);
        }
      }),
    );
  });
});
