// How long an answer is worth waiting for: what the latest took and half as much again, within bounds.

import { describe, expect, it } from "vitest";
import { RoundTrip } from "../../../src/policies/limits/round-trip.ts";

/** As calls that took so long, the first first, leave it. */
function withinAfter(...tookMs: readonly number[]): number {
  const trip = new RoundTrip();
  for (const ms of tookMs) trip.note(ms);
  return trip.withinMs;
}
const times = (count: number, ms: number): readonly number[] => Array.from({ length: count }, () => ms);

describe("RoundTrip", () => {
  it("waits as long as it may while nothing is known", () => {
    expect(withinAfter()).toBe(500);
  });

  it("waits half as long again as calls take, from the first on", () => {
    expect(withinAfter(100)).toBe(150);
    expect(withinAfter(...times(20, 200))).toBe(300);
  });

  it("waits 50 ms at least and 500 ms at most", () => {
    expect(withinAfter(0)).toBe(50);
    expect(withinAfter(33)).toBe(50);
    expect(withinAfter(34)).toBe(51);
    expect(withinAfter(333)).toBe(499.5);
    expect(withinAfter(334)).toBe(500);
    expect(withinAfter(...times(20, 2_000))).toBe(500);
  });

  it("is not misled by one or two slow calls among many, but by three", () => {
    expect(withinAfter(...times(19, 40), 400)).toBe(60);
    expect(withinAfter(...times(18, 40), 400, 400)).toBe(60);
    expect(withinAfter(...times(17, 40), 300, 300, 300)).toBe(450);
  });

  it("takes the slowest of few calls as usual", () => {
    expect(withinAfter(40, 40, 200)).toBe(300);
    expect(withinAfter(40, 40, 40, 200)).toBe(60);
  });

  it("forgets all but the latest twenty", () => {
    expect(withinAfter(...times(3, 300), ...times(17, 40))).toBe(450);
    expect(withinAfter(...times(3, 300), ...times(18, 40))).toBe(60);
  });

  it("learns nothing from a call during which the clock was set back", () => {
    expect(withinAfter(-1)).toBe(500);
    expect(withinAfter(200, ...times(20, -1))).toBe(300);
    expect(withinAfter(200, ...times(20, 0))).toBe(50);
  });
});
