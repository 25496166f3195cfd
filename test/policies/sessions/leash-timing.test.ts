// When a leashed socket speaks to its session, and when it ties itself anew.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { activityEveryMs, retieDelayMs } from "../../../src/policies/sessions/leash-timing.ts";

const MINUTE_MS = 60_000;
const sessionOf = (idleMs: number) => ({
  name: "s",
  data: { authenticated: true, createdAt: 0, lastActivityAt: 5_000 },
  idleExpiresAt: 5_000 + idleMs,
  absoluteExpiresAt: Number.MAX_SAFE_INTEGER,
});

describe("activity", () => {
  it("is told by the hour where a session may be idle for a day, and often enough where only for two minutes", () => {
    expect(activityEveryMs(sessionOf(24 * 60 * MINUTE_MS))).toBe(60 * MINUTE_MS);
    expect(activityEveryMs(sessionOf(2 * MINUTE_MS))).toBe(30_000);
  });

  it("written down at most once a minute still never lets a session in use end as idle", () => {
    fc.assert(
      fc.property(fc.integer({ min: 2 * MINUTE_MS, max: 30 * 24 * 60 * MINUTE_MS }), (idleMs) => {
        // What was told just before the minute was over is not written; what is told next is.
        expect(MINUTE_MS + activityEveryMs(sessionOf(idleMs))).toBeLessThan(idleMs);
      }),
    );
  });

  it("is never told at intervals below zero, whatever the session says", () => {
    expect(activityEveryMs(sessionOf(-1))).toBe(0);
  });
});

describe("the pause before a leash is tied anew", () => {
  it("grows from a tenth of a second to a second at most, all of it jitter", () => {
    expect([0, 1, 2, 3, 4, 1_000].map((attempt) => retieDelayMs(attempt, 1))).toEqual([
      100, 200, 400, 800, 1_000, 1_000,
    ]);
    expect([0, 1, 5].map((attempt) => retieDelayMs(attempt, 0))).toEqual([0, 0, 0]);
    expect(retieDelayMs(2, 0.5)).toBe(200);
  });
});
