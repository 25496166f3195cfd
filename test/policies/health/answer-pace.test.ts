// From when on an answer is overdue: by what the route's answers usually take, never before half a second.

import { describe, expect, it } from "vitest";
import { AnswerPace } from "../../../src/policies/health/answer-pace.ts";

const MOST_MS = 15_000;

/** `answers` of `ms` each, `everyMs` apart. */
function paceOf(ms: number, { answers = 100, everyMs = 20, pace = new AnswerPace(), fromMs = 0 } = {}): AnswerPace {
  for (let answer = 0; answer < answers; answer++) pace.hear(ms, fromMs + answer * everyMs);
  return pace;
}

describe("AnswerPace", () => {
  it("takes nothing for overdue before ten answers have come, however quick", () => {
    expect(paceOf(1, { answers: 9 }).overdueAfterMs(MOST_MS)).toBe(MOST_MS);
    expect(paceOf(1, { answers: 10 }).overdueAfterMs(MOST_MS)).toBe(500);
  });

  it.each([
    [1, 500],
    [125, 500],
    [200, 800],
    [2_000, 8_000],
    [5_000, 15_000],
    [60_000, 15_000],
  ])("where every answer takes %i ms, one is overdue after %i ms", (ms, expected) => {
    expect(paceOf(ms).overdueAfterMs(MOST_MS)).toBeCloseTo(expected, 5);
  });

  it("is never above what a try may take, be that less than half a second", () => {
    expect(paceOf(1).overdueAfterMs(200)).toBe(200);
  });

  it("waits no less than for the longest of late, however rare, and forgets it within 20 s", () => {
    const pace = paceOf(5);
    pace.hear(4_000, 2_000);
    paceOf(5, { pace, fromMs: 2_000, answers: 500 });
    expect(pace.overdueAfterMs(MOST_MS)).toBe(4_000);
    paceOf(5, { pace, fromMs: 12_000, answers: 500 });
    expect(pace.overdueAfterMs(MOST_MS)).toBe(500);
  });

  it("knows no longest of late after a pause, but for the first that comes then", () => {
    const pace = paceOf(5);
    pace.hear(4_000, 2_000);
    paceOf(5, { pace, fromMs: 3_600_000, answers: 400 });
    expect(pace.overdueAfterMs(MOST_MS)).toBe(500);
    pace.hear(3_000, 3_600_000);
    expect(pace.overdueAfterMs(MOST_MS)).toBe(3_000);
  });

  it("an isolate that was idle knows what it knew", () => {
    const pace = paceOf(3_000, { answers: 20 });
    pace.hear(3_000, 3_600_000);
    expect(pace.overdueAfterMs(MOST_MS)).toBeCloseTo(12_000, 5);
  });

  it("a clock that steps back begins a new span, and no answer is lost", () => {
    const pace = paceOf(5, { fromMs: 1_000_000 });
    pace.hear(2_000, 5_000);
    expect(pace.overdueAfterMs(MOST_MS)).toBe(2_000);
  });
});
