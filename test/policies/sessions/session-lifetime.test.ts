// When a session ends, both sides of every boundary.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { publicationRetryMs } from "../../../src/policies/sessions/publication-retry.ts";
import {
  forgettableAt,
  idleExpiresAt,
  isWorthRecording,
  type Lifetime,
  latestActivity,
  whyRefused,
} from "../../../src/policies/sessions/session-lifetime.ts";

const DAY = 86_400_000;
const T = 1_000_000_000;
const session: Lifetime = { lastActivityAt: T, idleTtlMs: DAY, absoluteExpiresAt: T + 30 * DAY, revokedAt: undefined };

describe("a session", () => {
  it("lives until 24 h after its last activity and not a millisecond longer", () => {
    expect(whyRefused(session, T + DAY - 1)).toBeUndefined();
    expect(whyRefused(session, T + DAY)).toBe("session_expired");
  });

  it("never lives beyond its absolute end, however active it is", () => {
    const active = { ...session, lastActivityAt: T + 30 * DAY - 1 };
    expect(whyRefused(active, T + 30 * DAY - 1)).toBeUndefined();
    expect(whyRefused(active, T + 30 * DAY)).toBe("session_expired");
    expect(idleExpiresAt(active)).toBe(T + 30 * DAY);
  });

  it("that was revoked is refused as such even after its end", () => {
    const revoked = { ...session, revokedAt: T + 1 };
    expect(whyRefused(revoked, T + 1)).toBe("session_revoked");
    expect(whyRefused(revoked, T + 60 * DAY)).toBe("session_revoked");
  });
});

describe("activity", () => {
  it("moves forwards only, and not into the future", () => {
    expect(latestActivity(session, T + 5, T + 10)).toBe(T + 5);
    expect(latestActivity(session, T - 5, T + 10)).toBe(T);
    expect(latestActivity(session, T + 99, T + 10)).toBe(T + 10);
    expect(latestActivity(session, undefined, T + 10)).toBe(T);
  });

  it("is worth a row once a minute", () => {
    expect(isWorthRecording(session, T + 59_999)).toBe(false);
    expect(isWorthRecording(session, T + 60_000)).toBe(true);
  });

  it("is written at most once a minute, whatever is reported", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 600_000 }), { maxLength: 60 }), (reports) => {
        let stored = session;
        const written: number[] = [];
        for (const at of reports.sort((a, b) => a - b)) {
          const activity = latestActivity(stored, T + at, T + at);
          if (!isWorthRecording(stored, activity)) continue;
          written.push(activity);
          stored = { ...stored, lastActivityAt: activity };
        }
        for (const [i, at] of written.entries()) expect(at - (written[i - 1] ?? T)).toBeGreaterThanOrEqual(60_000);
      }),
    );
  });
});

describe("forgetting", () => {
  it("happens at the end of a session that ran out", () => {
    expect(forgettableAt(session, false)).toBe(T + DAY);
  });

  it("leaves a revoked session an hour to be told apart, but not beyond its absolute end", () => {
    expect(forgettableAt({ ...session, revokedAt: T + 7 }, false)).toBe(T + 7 + 3_600_000);
    expect(forgettableAt({ ...session, revokedAt: T + 30 * DAY - 1 }, false)).toBe(T + 30 * DAY);
  });

  it("waits for an unpublished change until the absolute end, which every snapshot knows", () => {
    expect(forgettableAt({ ...session, revokedAt: T + 7 }, true)).toBe(T + 30 * DAY);
  });
});

it("publication is tried again after 2 s, doubling to a minute and no further", () => {
  expect([0, 1, 2, 3, 4, 5, 6, 1_000_000].map(publicationRetryMs)).toEqual([
    2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000,
  ]);
});
