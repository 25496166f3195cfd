// Whom the fleet passes over, of ejections and verdicts together, and when it passes over nobody.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ProbeState } from "../../../src/contracts/health.ts";
import { openEjections } from "../../../src/policies/health/ejections.ts";
import { outOfPool } from "../../../src/policies/health/out-of-pool.ts";
import { hearReport, openVerdicts } from "../../../src/policies/health/verdicts.ts";

const NOW_MS = 1_000_000;
const VALID_MS = 50_000;

type Known = {
  readonly ejected?: readonly string[];
  readonly probed?: { readonly [id: string]: ProbeState };
  readonly ejectedForMs?: number;
};
function pool(ids: readonly string[], { ejected = [], probed = {}, ejectedForMs = 30_000 }: Known) {
  const verdicts = openVerdicts();
  const facts = Object.entries(probed).map(([instanceId, state]) => ({ instanceId, state, ms: 1 }));
  hearReport(verdicts, { facts, validMs: VALID_MS }, NOW_MS);
  const ejections = openEjections(
    ejected.map((instanceId) => ({ instanceId, times: 1, atMs: NOW_MS, untilMs: NOW_MS + ejectedForMs })),
  );
  const instances = ids.map((id) => ({ id }));
  return (nowMs = NOW_MS) => outOfPool({ ejections, verdicts }, instances, nowMs);
}

const IDS = ["a", "b", "c", "d"];

describe("whom the fleet passes over", () => {
  it("is who is ejected and who is unhealthy, in the roster's order, each for as long as it holds", () => {
    const out = pool(IDS, { ejected: ["d"], probed: { b: "unhealthy", a: "healthy" } });
    expect(out()).toEqual({
      out: [
        ["b", 50_000],
        ["d", 30_000],
      ],
      panic: false,
    });
    expect(out(NOW_MS + 30_000)).toEqual({ out: [["b", 20_000]], panic: false });
    expect(out(NOW_MS + VALID_MS - 1).out).toEqual([["b", 1]]);
    expect(out(NOW_MS + VALID_MS).out).toEqual([]);
  });

  it("is out for the longer of both", () => {
    expect(pool(IDS, { ejected: ["a"], probed: { a: "unhealthy" } })().out).toEqual([["a", VALID_MS]]);
    expect(pool(IDS, { ejected: ["a"], ejectedForMs: 90_000, probed: { a: "unhealthy" } })().out).toEqual([
      ["a", 90_000],
    ]);
  });

  it("is not who is degraded or healthy, nor a stranger to the pool", () => {
    const probed = { a: "degraded", b: "healthy", z: "unhealthy", constructor: "unhealthy" } as const;
    const out = pool(IDS, { probed });
    expect(out()).toEqual({ out: [], panic: false });
  });
});

describe("panic", () => {
  it.each([
    [1, 1, true],
    [2, 1, false],
    [2, 2, true],
    [3, 1, false],
    [3, 2, true],
    [4, 2, false],
    [4, 3, true],
    [5, 2, false],
    [5, 3, true],
  ])("of %i instances with %i unhealthy is %s; then nobody is out", (count, bad, panic) => {
    const ids = Array.from({ length: count }, (_, i) => `i${i}`);
    const probed = Object.fromEntries(ids.slice(0, bad).map((id) => [id, "unhealthy" as const]));
    const told = pool(ids, { probed })();
    expect(told.panic).toBe(panic);
    expect(told.out.map(([id]) => id)).toEqual(panic ? [] : ids.slice(0, bad));
  });

  it("counts who is ejected too, and nobody twice", () => {
    expect(pool(IDS, { ejected: ["a", "b"], probed: { b: "unhealthy" } })().panic).toBe(false);
    expect(pool(IDS, { ejected: ["a", "b"], probed: { c: "unhealthy" } })()).toEqual({ out: [], panic: true });
  });

  it("is over as soon as enough are back, and then the rest is out again", () => {
    const out = pool(IDS, { ejected: ["a"], probed: { b: "unhealthy", c: "unhealthy" } });
    expect(out().panic).toBe(true);
    expect(out(NOW_MS + 30_000)).toEqual({
      out: [
        ["b", 20_000],
        ["c", 20_000],
      ],
      panic: false,
    });
  });

  it("never leaves less than half of a pool to be sent to", () => {
    const subset = fc.subarray(IDS);
    fc.assert(
      fc.property(fc.subarray(IDS, { minLength: 1 }), subset, subset, (ids, ejected, unhealthy) => {
        const probed = Object.fromEntries(unhealthy.map((id) => [id, "unhealthy" as const]));
        const { out, panic } = pool(ids, { ejected, probed })();
        const bad = ids.filter((id) => ejected.includes(id) || unhealthy.includes(id));
        expect(out.length).toBeLessThanOrEqual(ids.length / 2);
        expect(out.map(([id]) => id)).toEqual(panic ? [] : bad);
        expect(panic).toBe(bad.length > ids.length / 2);
      }),
    );
  });
});
