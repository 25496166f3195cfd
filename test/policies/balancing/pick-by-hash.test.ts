// Requests with one key stay together, as far as their instance can carry them.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { pickByHash } from "../../../src/policies/balancing/pick-by-hash.ts";
import { instanceOf } from "./isolate-calls.ts";
import { loadOf, pickOf } from "./snapshot-loads.ts";

const pool = (count: number) => Array.from({ length: count }, (_, at) => loadOf(`i${at}`));
const keys = Array.from({ length: 2_000 }, (_, at) => `session ${at}`);
const placed = (loads: ReturnType<typeof pool>, key: string) => loads[pickByHash(loads, pickOf({ key }))]?.instance.id;

describe("pickByHash", () => {
  it("sends a key to the same instance, in whatever order instances stand", () => {
    const loads = pool(5);
    for (const key of keys.slice(0, 200)) expect(placed(loads.toReversed(), key)).toBe(placed(loads, key));
  });

  it("moves only the keys of an instance that goes, and only to one that comes", () => {
    const before = pool(6);
    const after = before.filter(({ instance }) => instance.id !== "i2");
    for (const key of keys) {
      const was = placed(before, key);
      if (was !== "i2") expect(placed(after, key)).toBe(was);
    }
  });

  it("spreads keys by weight", () => {
    const loads = [loadOf("a", { burden: 1 / 3 }), loadOf("b")];
    const share = keys.filter((key) => placed(loads, key) === "a").length / keys.length;
    expect(share).toBeGreaterThan(0.7);
    expect(share).toBeLessThan(0.8);
  });

  it("goes to the next best of the key while the first has 1.25 times its part to do", () => {
    const key = "one of many";
    const loads = pool(4).map((load) => ({ ...load, inFlight: 20 }));
    const first = pickByHash(loads, pickOf({ key }));
    const withOn = (inFlight: number) => loads.map((load, at) => (at === first ? { ...load, inFlight } : load));
    expect(pickByHash(withOn(26), pickOf({ key }))).toBe(first);
    const next = pickByHash(withOn(40), pickOf({ key }));
    expect(next).not.toBe(first);
    const left = loads.filter((_, at) => at !== first);
    expect(left[pickByHash(left, pickOf({ key }))]?.instance.id).toBe(loads[next]?.instance.id);
  });

  it("never brings an instance beyond its bound, whatever the keys are", () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(3), { minLength: 50, maxLength: 300 }),
        fc.integer({ min: 2, max: 9 }),
        (asked, n) => {
          const loads = pool(n).map((load) => ({ ...load, inFlight: 0 }));
          for (const [sent, key] of asked.entries()) {
            const load = loads[pickByHash(loads, pickOf({ key: `k${key}` }))];
            if (load === undefined) throw new Error("nobody");
            load.inFlight++;
            expect(load.inFlight).toBeLessThanOrEqual(Math.max(4, Math.ceil((1.25 * (sent + 1)) / n)));
          }
        },
      ),
    );
  });

  it("keeps a few parallel requests together however idle the others are", () => {
    const loads = pool(4);
    const first = pickByHash(loads, pickOf({ key: "k" }));
    const busy = loads.map((load, at) => (at === first ? { ...load, inFlight: 3 } : load));
    expect(pickByHash(busy, pickOf({ key: "k" }))).toBe(first);
  });

  it("passes over who is out or was tried, and finds nobody when all are", () => {
    const loads = pool(2);
    const first = pickByHash(loads, pickOf({ key: "k" }));
    const tried = [instanceOf(`i${first}`)];
    expect(pickByHash(loads, pickOf({ key: "k", barring: { tried, outAfterMs: 0 } }))).toBe(1 - first);
    const all = [instanceOf("i0"), instanceOf("i1")];
    expect(pickByHash(loads, pickOf({ key: "k", barring: { tried: all, outAfterMs: 0 } }))).toBe(-1);
  });

  it("sends a request without a key to the least loaded", () => {
    expect(pickByHash([loadOf("a", { inFlight: 2 }), loadOf("b")], pickOf())).toBe(1);
  });
});
