// Whatever isolates, networks, clocks and restarts do: never more than the limit in any interval, and all of it again after a rest.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { mostInAnyInterval, type Spend, type Step, WindowHistory } from "./window-history.ts";

const WINDOWS_MS = [1_000, 1_499, 2_500, 10_000, 60_000];
const LEASE_MS_MAX = 10_000;
const BUCKETS = 1_000;
/** What clocks may differ by while a lease runs. */
const CLOCKS_MS = 2_000;

const only = <K extends string>(kind: K) => fc.constant(kind);
const which = fc.nat(20);
const driftMs = fc.constantFrom(-CLOCKS_MS, 0, CLOCKS_MS - 1, CLOCKS_MS, CLOCKS_MS, CLOCKS_MS);
/** More than the shard grants included. */
const withinMs = fc.constantFrom(1, 50, 50, 137.5, 300, 700, 900);
const travelMs = fc.constantFrom(0, 0, 1, 40, 900);
/** A report that arrives at once, one that is on its way until it is delivered, and one that never is. */
const fate = fc.constantFrom("arrives", "arrives", "late", "lost");
const isLost = fc.constantFrom(false, false, false, true);
const ms = fc.constantFrom(1, 500, 5_000);
const windows: fc.Arbitrary<Step> = fc.record({
  kind: only("change-window"),
  windowMs: fc.constantFrom(...WINDOWS_MS),
});

const stepUnder = (limit: number): fc.Arbitrary<Step> => {
  const waiting = fc.constantFrom(0, 1, 2, Math.ceil(limit / 3), limit, limit);
  const spare = fc.constantFrom(0, 3, limit);
  const ask = { isolate: fc.nat(3), waiting, spare, withinMs, travelMs, driftMs, isLost };
  const afterMs = fc.constantFrom(0, 40, 400, 999, 2_999);
  return fc.oneof(
    { weight: 6, arbitrary: fc.record({ kind: only("ask"), ...ask }) },
    { weight: 2, arbitrary: fc.record({ kind: only("repeat"), which, afterMs, driftMs }) },
    {
      weight: 4,
      arbitrary: fc.record({ kind: only("spend"), which, share: fc.constantFrom(0.1, 0.5, 1, 1) }),
    },
    { weight: 4, arbitrary: fc.record({ kind: only("spend-last-moment"), which }) },
    { weight: 4, arbitrary: fc.record({ kind: only("report"), which, done: fc.boolean(), fate }) },
    { weight: 1, arbitrary: fc.record({ kind: only("give-up"), which, fate }) },
    { weight: 1, arbitrary: fc.record({ kind: only("deliver"), which }) },
    { weight: 1, arbitrary: fc.constantFrom<Step>({ kind: "report-unknown" }, { kind: "restore" }) },
    { weight: 2, arbitrary: fc.record({ kind: only("pass"), ms: fc.nat(700) }) },
    { weight: 1, arbitrary: fc.record({ kind: only("pass-windows"), share: fc.constantFrom(0.3, 0.9, 1, 1.1) }) },
    { weight: 4, arbitrary: fc.record({ kind: only("await-release") }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom("step-back", "glitch"), ms }) },
  );
};

const rule = fc.record({
  limit: fc.constantFrom(1, 3, 10, 250, 1_000),
  windowMs: fc.constantFrom(...WINDOWS_MS),
  cost: fc.constantFrom(1, 1, 3),
});
type Story = { readonly facts: ConstructorParameters<typeof WindowHistory>[0]; readonly steps: readonly Step[] };
const SIZE = { minLength: 5, maxLength: 50, size: "max" } as const;
const story = rule.chain((facts) => fc.array(stepUnder(facts.limit), SIZE).map((steps): Story => ({ facts, steps })));
/** With a window that is changed under way. */
const changing = rule.chain((facts) => {
  const step = fc.oneof({ weight: 5, arbitrary: stepUnder(facts.limit) }, { weight: 1, arbitrary: windows });
  return fc.array(step, SIZE).map((steps): Story => ({ facts, steps }));
});

function play({ facts, steps }: Story): WindowHistory {
  const history = new WindowHistory(facts);
  for (const step of steps) history.take(step);
  return history;
}

/** To the end, when every isolate has spent what it could. */
function playOut(told: Story): WindowHistory {
  const history = play(told);
  history.finish();
  return history;
}

describe("RateWindow, whatever happens", () => {
  it("lets no interval of the window hold more than the limit", () => {
    fc.assert(
      fc.property(story, (told) => {
        const history = playOut(told);
        expect(mostInAnyInterval(history.spends, history.windowMs)).toBeLessThanOrEqual(history.limit);
      }),
      { numRuns: 3_000 },
    );
  });

  it("lets no interval of the shortest window hold more than the limit while the window is changed", () => {
    fc.assert(
      fc.property(changing, (told) => {
        const history = playOut(told);
        expect(mostInAnyInterval(history.spends, history.shortestMs)).toBeLessThanOrEqual(history.limit);
      }),
      { numRuns: 3_000 },
    );
  });

  it("is judged by a log that sees one token too many, and none that lies a whole window apart", () => {
    const spends: Spend[] = [
      { atMs: 0, tokens: 3 },
      { atMs: 999, tokens: 1 },
      { atMs: 1_000, tokens: 2 },
    ];
    expect(mostInAnyInterval(spends, 1_000)).toBe(4);
    expect(mostInAnyInterval(spends, 1_001)).toBe(6);
    expect(mostInAnyInterval(spends, 1)).toBe(3);
  });

  it("gives the whole limit out again after a rest, however it was used before", () => {
    fc.assert(
      fc.property(story, (told) => {
        const history = play(told);
        const { window, windowMs, limit, clockMs } = history;
        // A clock that stepped back has to come by the latest time it showed.
        const behindMs = window.toState().seenAt - clockMs;
        const restMs = behindMs + LEASE_MS_MAX + CLOCKS_MS + windowMs + Math.ceil(windowMs / BUCKETS);
        expect(window.idleAt - clockMs).toBeLessThanOrEqual(restMs);
        history.pass(restMs);
        expect(history.window.used).toBe(0);
        const wish = { leaseId: "after-the-rest", waiting: limit, cost: 1, spare: 0, withinMs: 50 };
        expect(history.window.grant({ isolateId: "any", wish, limit }).granted).toBe(limit);
      }),
      { numRuns: 500 },
    );
  });

  it("is idle from idleAt on, and not a moment before", () => {
    fc.assert(
      fc.property(story, (told) => {
        const history = play(told);
        const idleInMs = history.window.idleAt - history.clockMs;
        if (history.window.used === 0) return;
        history.pass(idleInMs - 1);
        expect(history.window.used).toBeGreaterThan(0);
        history.pass(1);
        expect(history.window.used).toBe(0);
      }),
      { numRuns: 500 },
    );
  });
});
