// What a registry keeps of what probes find: for how long it counts, and when it is worth writing down.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { HealthFact, ProbeState } from "../../../src/contracts/health.ts";
import { hearReport, openVerdicts, verdictsNow } from "../../../src/policies/health/verdicts.ts";

const VALID_MS = 105_000;
const fact = (instanceId: string, state: ProbeState = "healthy", ms: number | null = 5): HealthFact => ({
  instanceId,
  state,
  ms,
});
const report = (...facts: HealthFact[]) => ({ facts, validMs: VALID_MS });

describe("a report", () => {
  it("counts until it is as old as it says, and no longer", () => {
    const book = openVerdicts();
    hearReport(book, report(fact("a", "unhealthy")), 1_000);
    expect([...verdictsNow(book, 1_000 + VALID_MS - 1).values()]).toEqual([fact("a", "unhealthy")]);
    expect(verdictsNow(book, 1_000 + VALID_MS).size).toBe(0);
  });

  it("takes the place of the one before: whom it leaves out is not known any more", () => {
    const book = openVerdicts();
    hearReport(book, report(fact("a", "unhealthy"), fact("b")), 0);
    hearReport(book, report(fact("b", "degraded")), 10);
    expect([...verdictsNow(book, 10)]).toEqual([["b", fact("b", "degraded")]]);
  });

  it("told again counts for as long from then on", () => {
    const book = openVerdicts();
    hearReport(book, report(fact("a")), 0);
    hearReport(book, report(fact("a")), 30_000);
    expect(verdictsNow(book, VALID_MS + 29_999).size).toBe(1);
  });

  it("is cut to as many instances as a pool may have", () => {
    const book = openVerdicts();
    hearReport(book, report(...Array.from({ length: 1_001 }, (_, i) => fact(`i${i}`))), 0);
    expect([book.facts.size, book.facts.has("i1000")]).toEqual([1_000, false]);
  });
});

describe("a report that comes late", () => {
  const made = (madeAtMs: number, state: ProbeState) => ({ ...report(fact("a", state)), madeAtMs });
  const stateIn = (book: ReturnType<typeof openVerdicts>) => verdictsNow(book, 0).get("a")?.state;

  it("does not take the place of one that was made after it", () => {
    const book = openVerdicts();
    hearReport(book, made(1_000_000, "healthy"), 0);
    expect(hearReport(book, made(999_999, "unhealthy"), 0)).toBeUndefined();
    expect(stateIn(book)).toBe("healthy");
  });

  it.each([
    [1_000_000, "told again, or made in the same moment"],
    [1_000_001, "made later"],
    [940_000, "made by a monitor whose clock was set back"],
    [undefined, "made by a monitor that does not say when"],
  ])("is none where it was made at %s: %s", (madeAtMs, _) => {
    const book = openVerdicts();
    hearReport(book, made(1_000_000, "healthy"), 0);
    hearReport(book, { ...report(fact("a", "unhealthy")), ...(madeAtMs !== undefined && { madeAtMs }) }, 0);
    expect(stateIn(book)).toBe("unhealthy");
  });

  it("is heard again as usual once a clock that was set back has been believed", () => {
    const book = openVerdicts();
    for (const [madeAtMs, state] of [
      [1_000_000, "healthy"],
      [900_000, "unhealthy"],
      [900_001, "degraded"],
      [900_000, "healthy"],
    ] as const)
      hearReport(book, made(madeAtMs, state), 0);
    expect(stateIn(book)).toBe("degraded");
  });
});

describe("what is written down", () => {
  it("is the first report, then only one in which a state differs or an instance comes or goes", () => {
    const book = openVerdicts();
    const isStored = (...facts: HealthFact[]) => hearReport(book, report(...facts), 0) !== undefined;
    expect(isStored(fact("a"), fact("b"))).toBe(true);
    expect(isStored(fact("a"), fact("b"))).toBe(false);
    expect(isStored(fact("b", "healthy", 900), fact("a", "healthy", null))).toBe(false);
    expect(isStored(fact("a", "degraded"), fact("b"))).toBe(true);
    expect(isStored(fact("a", "degraded"))).toBe(true);
    expect(isStored(fact("a", "degraded"), fact("c"))).toBe(true);
    expect(isStored(fact("a", "degraded"), fact("d"))).toBe(true);
    expect(isStored()).toBe(true);
    expect(isStored()).toBe(false);
  });

  it("is nothing at all where nothing was ever found", () => {
    const book = openVerdicts();
    expect(hearReport(book, report(), 0)).toBeUndefined();
  });

  it("is renewed when less than half of its time is left, and not before", () => {
    const book = openVerdicts();
    hearReport(book, report(fact("a", "unhealthy")), 0);
    expect(hearReport(book, report(fact("a", "unhealthy")), VALID_MS / 2)).toBeUndefined();
    const renewed = hearReport(book, report(fact("a", "unhealthy")), VALID_MS / 2 + 1);
    expect(renewed?.untilMs).toBe(VALID_MS / 2 + 1 + VALID_MS);
  });

  it("never counts for longer than what was told last", () => {
    const book = openVerdicts();
    hearReport(book, { facts: [fact("a", "unhealthy")], validMs: 10 * VALID_MS }, 0);
    expect(hearReport(book, report(fact("a", "unhealthy")), 0)?.untilMs).toBe(VALID_MS);
  });

  it("makes a restart at any moment know the same states, never for longer, and for half of the time at least", () => {
    const states = fc.constantFrom<ProbeState>("healthy", "degraded", "unhealthy");
    const facts = fc
      .uniqueArray(fc.tuple(fc.constantFrom("a", "b", "c"), states), { selector: ([id]) => id })
      .map((list) => list.map(([id, state]) => fact(id, state)));
    const step = fc.record({ facts, afterMs: fc.nat(2_000), validMs: fc.integer({ min: 100, max: 3_000 }) });
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 30 }), (steps) => {
        const book = openVerdicts();
        let disk: ReturnType<typeof hearReport>;
        let nowMs = 0;
        for (const { facts: told, afterMs, validMs } of steps) {
          nowMs += afterMs;
          disk = hearReport(book, { facts: told, validMs }, nowMs) ?? disk;
          const again = openVerdicts(disk);
          const statesIn = (known: typeof book, atMs: number) =>
            [...verdictsNow(known, atMs).values()].map(({ instanceId, state }) => `${instanceId} ${state}`).sort();
          expect(statesIn(again, nowMs)).toEqual(statesIn(book, nowMs));
          expect(statesIn(again, nowMs + validMs)).toEqual([]);
          expect(statesIn(again, nowMs + Math.floor(validMs / 2) - 1)).toEqual(statesIn(book, nowMs));
        }
      }),
      { numRuns: 300 },
    );
  });
});
