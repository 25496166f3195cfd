// When a pool's circuit opens, whom it lets through to try the pool, when it closes; and that it never goes any other way.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { BreakerSettings, TrialReport, TrialVerdict } from "../../../src/contracts/breaker.ts";
import { grantTrial, hearBreaker, noticeOf, openBreaker } from "../../../src/policies/breaker/breaker.ts";
import { compileBreaker, openForMs } from "../../../src/policies/breaker/breaker-settings.ts";
import { describeBreaker } from "../../../src/policies/breaker/describe-breaker.ts";

const SETTINGS: BreakerSettings = { failureShare: 0.5, minRequests: 10, windowMs: 10_000, openMs: 5_000, trials: 3 };
const AGAIN_MS = 100;

/** A breaker on a clock the test sets, and isolates that call. */
function open(settings: BreakerSettings | undefined = SETTINGS, book = openBreaker()) {
  let callId = 0;
  const gone = new Set<string>();
  const one = {
    book,
    gone,
    nowMs: 1_000_000,
    settings: settings as BreakerSettings | undefined,
    hear: (answered: number, failed: number, { isolateId = "x", trials = [] as readonly TrialReport[] } = {}) =>
      hearBreaker(
        book,
        { isolateId, trials },
        {
          settings: one.settings,
          outcomes: [{ instanceId: "a", answered, failed, failedLast: failed }],
          nowMs: one.nowMs,
        },
      ),
    /** The trial's name where one is granted. */
    ask: (isolateId = "x"): number | undefined => {
      callId++;
      const isLive = (id: string) => !gone.has(id);
      return grantTrial(book, { isolateId, callId }, { settings: one.settings, nowMs: one.nowMs, isLive })
        ? callId
        : undefined;
    },
    tell: (trial: number | undefined, verdict: TrialVerdict, isolateId = "x") =>
      one.hear(0, 0, { isolateId, trials: trial === undefined ? [] : [[trial, verdict]] }),
    notice: () => noticeOf(book, one.settings, { nowMs: one.nowMs, againMs: AGAIN_MS }),
    get state() {
      return book.state.kind;
    },
  };
  return one;
}

/** One that has just opened, and whose time is over. */
function lapsed() {
  const breaker = open();
  breaker.hear(0, 10);
  expect(breaker.state).toBe("open");
  breaker.nowMs += SETTINGS.openMs;
  return breaker;
}

describe("a closed circuit", () => {
  it.each([
    { answered: 5, failed: 5, state: "open" },
    { answered: 6, failed: 5, state: "closed" },
    { answered: 0, failed: 9, state: "closed" },
    { answered: 0, failed: 10, state: "open" },
    { answered: 1_000, failed: 999, state: "closed" },
  ])("with $failed failed beside $answered answered is $state", ({ answered, failed, state }) => {
    const breaker = open();
    breaker.hear(answered, failed);
    expect(breaker.state).toBe(state);
  });

  it("counts what all isolates report together, within the window and not beyond it", () => {
    const together = open();
    for (const isolateId of ["x", "y", "z", "w", "v"]) together.hear(0, 2, { isolateId });
    expect(together.state).toBe("open");
    const apart = open();
    for (let i = 0; i < 20; i++) {
      apart.hear(0, 2);
      apart.nowMs += 3_000;
    }
    expect(apart.state).toBe("closed");
  });

  it("says nothing to isolates, grants no trial, and hears of none", () => {
    const breaker = open();
    expect([breaker.notice(), breaker.ask()]).toEqual([undefined, undefined]);
    breaker.tell(7, "failed");
    expect([breaker.state, breaker.book.unsaved]).toEqual(["closed", []]);
  });
});

describe("an open circuit", () => {
  it("refuses for openMs and grants nothing in that time, whatever else is reported", () => {
    const breaker = open();
    breaker.hear(0, 10);
    expect(breaker.notice()).toEqual({ state: "open", forMs: 5_000 });
    breaker.nowMs += 4_999;
    breaker.hear(1_000, 0);
    expect([breaker.ask(), breaker.state, breaker.notice()]).toEqual([undefined, "open", { state: "open", forMs: 1 }]);
  });

  it("half-opens with the first that asks when its time is over, and not before anyone does", () => {
    const breaker = lapsed();
    expect([breaker.state, breaker.notice()]).toEqual(["open", { state: "open", forMs: 0 }]);
    expect(breaker.ask()).toBeDefined();
    expect(breaker.state).toBe("half-open");
  });

  it("is open no longer than it ever would be where the clock is set back", () => {
    const breaker = open();
    breaker.hear(0, 10);
    breaker.nowMs -= 900_000;
    expect(breaker.notice()).toEqual({ state: "open", forMs: 5_000 });
  });

  it("is closed at once when the pool's breaker is taken away", () => {
    const breaker = open();
    breaker.hear(0, 10);
    breaker.settings = undefined;
    breaker.hear(0, 0);
    expect([breaker.state, breaker.notice()]).toEqual(["closed", undefined]);
    expect(breaker.book.recent[0]).toMatchObject({ from: "open", to: "closed" });
  });
});

describe("a half-open circuit", () => {
  it("grants exactly as many trials as configured, over all isolates, and tells the others when to ask again", () => {
    const breaker = lapsed();
    expect(["x", "y", "x", "z", "y"].map((id) => breaker.ask(id) !== undefined)).toEqual([
      true,
      true,
      true,
      false,
      false,
    ]);
    expect(breaker.notice()).toEqual({ state: "half-open", forMs: AGAIN_MS });
  });

  it("closes when all its trials were answered, and not with one less", () => {
    const breaker = lapsed();
    const trials = [breaker.ask(), breaker.ask(), breaker.ask()];
    const verdicts = ["answered", "answered", "pending"] as const;
    breaker.hear(0, 0, { trials: verdicts.map((verdict, at): TrialReport => [trials[at] ?? 0, verdict]) });
    expect(breaker.state).toBe("half-open");
    breaker.tell(trials[2], "answered");
    expect([breaker.state, breaker.notice()]).toEqual(["closed", undefined]);
  });

  it("closes when as many were answered as a later configuration asks for, though nobody has a trial to tell of", () => {
    const breaker = lapsed();
    breaker.tell(breaker.ask(), "answered");
    breaker.hear(0, 0, { isolateId: "y" });
    expect(breaker.state).toBe("half-open");
    breaker.settings = { ...SETTINGS, trials: 1 };
    breaker.hear(0, 0, { isolateId: "y" });
    expect([breaker.state, breaker.notice()]).toEqual(["closed", undefined]);
  });

  it("opens again for twice as long with the first trial that fails, and what comes of the others counts no more", () => {
    const breaker = lapsed();
    const [first, second] = [breaker.ask("x"), breaker.ask("y")];
    breaker.tell(first, "failed", "x");
    expect([breaker.state, breaker.notice()]).toEqual(["open", { state: "open", forMs: 10_000 }]);
    breaker.tell(second, "answered", "y");
    expect(breaker.state).toBe("open");
  });

  it("grants anew what was not used, what its isolate does not know of, and what lapsed with its isolate; and nothing that is under way", () => {
    const breaker = lapsed();
    const [unused, , ,] = [breaker.ask("x"), breaker.ask("y"), breaker.ask("z")];
    expect(breaker.ask("w")).toBeUndefined();
    breaker.tell(unused, "unused", "x");
    expect(breaker.ask("w")).toBeDefined();
    expect(breaker.ask("w")).toBeUndefined();
    breaker.hear(0, 0, { isolateId: "y" });
    expect(breaker.ask("w")).toBeDefined();
    expect(breaker.ask("w")).toBeUndefined();
    breaker.gone.add("z");
    expect(breaker.ask("w")).toBeDefined();
  });

  it("hears a trial's end once, however often it is told, and only from the isolate it was granted to", () => {
    const breaker = lapsed();
    const trial = breaker.ask("x");
    for (let i = 0; i < 5; i++) breaker.tell(trial, "answered", i === 0 ? "stranger" : "x");
    expect(describeBreaker(breaker.book, SETTINGS, breaker.nowMs).trials).toEqual({ out: 0, answered: 1, max: 3 });
  });
});

describe("how long it is open", () => {
  it("doubles up to five minutes, and begins anew once it has closed", () => {
    expect([1, 2, 3, 7, 8, 500].map((times) => openForMs(SETTINGS, times))).toEqual([
      5_000, 10_000, 20_000, 300_000, 300_000, 300_000,
    ]);
    expect(openForMs({ openMs: 600_000 }, 9)).toBe(600_000);
    const breaker = lapsed();
    breaker.tell(breaker.ask(), "failed");
    breaker.nowMs += 10_000;
    for (const trial of [breaker.ask(), breaker.ask(), breaker.ask()]) breaker.tell(trial, "answered");
    for (let i = 0; i < 3 && breaker.state !== "closed"; i++) breaker.tell(breaker.ask(), "answered");
    expect(breaker.state).toBe("closed");
    breaker.hear(0, 10);
    expect(breaker.notice()).toEqual({ state: "open", forMs: 5_000 });
  });
});

describe("after a restart", () => {
  it("it stands as its newest transition says: open for what is left of it, half-open with all its trials", () => {
    const breaker = lapsed();
    const openOne = open(SETTINGS, openBreaker(breaker.book.recent));
    openOne.nowMs = breaker.nowMs - 1_000;
    expect(openOne.notice()).toEqual({ state: "open", forMs: 1_000 });
    const before = breaker.ask();
    const half = open(SETTINGS, openBreaker(breaker.book.recent));
    expect(half.state).toBe("half-open");
    half.tell(before, "failed");
    expect(half.state).toBe("half-open");
    expect([half.ask(), half.ask(), half.ask(), half.ask()].filter((trial) => trial !== undefined)).toHaveLength(3);
  });
});

describe("what a pool says of its breaker", () => {
  it("has defaults", () => {
    expect(compileBreaker({})).toEqual({
      failureShare: 0.5,
      minRequests: 20,
      windowMs: 10_000,
      openMs: 5_000,
      trials: 3,
    });
    expect(compileBreaker({ trials: 1, openMs: 500 })).toMatchObject({ trials: 1, openMs: 500, minRequests: 20 });
  });
});

type Step =
  | { readonly do: "wait"; readonly ms: number }
  | { readonly do: "outcomes"; readonly answered: number; readonly failed: number }
  | { readonly do: "ask"; readonly isolate: string }
  | { readonly do: "end"; readonly at: number; readonly verdict: TrialVerdict };

const isolateId = fc.constantFrom("x", "y", "z");
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constant("wait" as const), ms: fc.nat(8_000) }),
  fc.record({ do: fc.constant("outcomes" as const), answered: fc.nat(8), failed: fc.nat(8) }),
  fc.record({ do: fc.constant("ask" as const), isolate: isolateId }),
  fc.record({
    do: fc.constant("end" as const),
    at: fc.nat(5),
    verdict: fc.constantFrom<TrialVerdict>("answered", "answered", "failed", "unused"),
  }),
);

const LEGAL = new Set(["closed>open", "open>half-open", "half-open>open", "half-open>closed"]);

describe("whatever happens", () => {
  it("no transition but the four there are is ever made, and no more trials are under way or answered than are allowed", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const breaker = open();
        // The slow model: every trial granted since the circuit last half-opened, by what became of it.
        let trials: { isolate: string; id: number; verdict: TrialVerdict }[] = [];
        const report = (isolate: string) =>
          breaker.hear(0, 0, {
            isolateId: isolate,
            trials: trials.filter((one) => one.isolate === isolate).map(({ id, verdict }) => [id, verdict] as const),
          });
        let openedAtMs = 0;
        for (const one of steps) {
          const before = breaker.state;
          if (one.do === "wait") breaker.nowMs += one.ms;
          if (one.do === "outcomes") {
            const pending = trials
              .filter(({ isolate }) => isolate === "x")
              .map(({ id, verdict }) => [id, verdict] as const);
            breaker.hear(one.answered, one.failed, { trials: pending });
          }
          if (one.do === "ask") {
            const id = breaker.ask(one.isolate);
            if (before === "open" && id !== undefined) {
              expect(breaker.nowMs - openedAtMs).toBeGreaterThanOrEqual(SETTINGS.openMs);
              trials = [];
            }
            const taken = trials.filter(({ verdict }) => verdict === "pending" || verdict === "answered").length;
            expect(id !== undefined).toBe(breaker.state === "half-open" && taken < SETTINGS.trials);
            if (id !== undefined) trials.push({ isolate: one.isolate, id, verdict: "pending" });
          }
          const ended = one.do === "end" ? trials.filter(({ verdict }) => verdict === "pending")[one.at] : undefined;
          if (one.do === "end" && ended !== undefined) {
            ended.verdict = one.verdict;
            report(ended.isolate);
            const answered = trials.filter(({ verdict }) => verdict === "answered").length;
            const expected = one.verdict === "failed" ? "open" : answered >= SETTINGS.trials ? "closed" : "half-open";
            expect(breaker.state).toBe(before === "half-open" ? expected : before);
          }
          if (breaker.state === before) continue;
          expect(LEGAL).toContain(`${before}>${breaker.state}`);
          if (breaker.state === "open") openedAtMs = breaker.nowMs;
          if (breaker.state !== "half-open") trials = [];
        }
        expect(breaker.book.unsaved.every(({ from, to }) => LEGAL.has(`${from}>${to}`))).toBe(true);
      }),
      { numRuns: 500 },
    );
  });
});
