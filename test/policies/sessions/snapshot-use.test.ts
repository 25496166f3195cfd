// What an isolate may do with what it remembers of a session, both sides of every boundary.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { SessionSnapshot } from "../../../src/contracts/session.ts";
import { earnCredit, FULL_CREDIT, spendOnReread } from "../../../src/policies/sessions/reread-budget.ts";
import { calmUntil, snapshotUse } from "../../../src/policies/sessions/snapshot-use.ts";

const HOUR = 3_600_000;
const T = 1_000_000_000;
/** Of all names this one comes due last: its share is one. */
const LAST = String.fromCharCode(0, 0);
const snapshot = (idleMs: number, absoluteMs: number, name = LAST): SessionSnapshot => ({
  name,
  data: { authenticated: true, createdAt: T, lastActivityAt: T },
  idleExpiresAt: T + idleMs,
  absoluteExpiresAt: T + absoluteMs,
});
const day = { snapshot: snapshot(24 * HOUR, 720 * HOUR), askedAt: T };

describe("a snapshot", () => {
  it.each([
    [0, "use"],
    [59_999, "use"],
    [60_000, "use_and_reread"],
    [HOUR - 1, "use_and_reread"],
    [HOUR, "reread"],
    [24 * HOUR - 1, "reread"],
    [24 * HOUR, "lapsed"],
    [720 * HOUR, "over"],
  ])("%d ms old: %s", (ageMs, use) => {
    expect(snapshotUse(day, T + ageMs)).toBe(use);
  });

  it("of a short session is read again by the middle of its idle time, so that a session in use never lapses", () => {
    const short = { snapshot: snapshot(120_000, HOUR), askedAt: T };
    expect(snapshotUse(short, T + 59_999)).toBe("use");
    expect(snapshotUse(short, T + 60_000)).toBe("reread");
    expect(snapshotUse(short, T + 120_000)).toBe("lapsed");
  });

  it("comes due between half an hour and an hour, each session at a time of its own", () => {
    const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const names = [...ALPHABET].flatMap((first) => [...ALPHABET].map((second) => first + second));
    const dueMs = names.map((name) => {
      const remembered = { snapshot: snapshot(24 * HOUR, 720 * HOUR, name), askedAt: T };
      for (let ageMs = HOUR / 2; ; ageMs += 1_000) if (snapshotUse(remembered, T + ageMs) === "reread") return ageMs;
    });
    expect(Math.min(...dueMs)).toBeGreaterThanOrEqual(HOUR / 2);
    expect(Math.max(...dueMs)).toBeLessThanOrEqual(HOUR);
    const perMinute = Map.groupBy(dueMs, (ms) => Math.floor(ms / 60_000));
    for (const due of perMinute.values()) expect(due.length).toBeLessThan((2 * names.length) / 30);
  });

  it("past its absolute end is over even if it is also idle", () => {
    const capped = { snapshot: snapshot(5_000, 5_000), askedAt: T };
    expect(snapshotUse(capped, T + 4_999)).not.toBe("over");
    expect(snapshotUse(capped, T + 5_000)).toBe("over");
  });

  it("is calm exactly as long as it may simply be used", () => {
    const ms = fc.integer({ min: 0, max: 48 * HOUR });
    fc.assert(
      fc.property(ms, ms, fc.integer({ min: 0, max: 2 * HOUR }), (idleMs, moreMs, ageMs) => {
        const remembered = { snapshot: snapshot(idleMs, idleMs + moreMs), askedAt: T };
        expect(T + ageMs < calmUntil(remembered)).toBe(snapshotUse(remembered, T + ageMs) === "use");
      }),
      { numRuns: 1_000 },
    );
  });
});

describe("the budget of background re-reads", () => {
  const rereadsOf = (requests: number, everyMs: number): number => {
    let credit = FULL_CREDIT;
    let rereads = 0;
    for (let request = 0; request < requests; request++) {
      credit = earnCredit(credit, everyMs);
      const left = spendOnReread(credit);
      if (left === undefined) continue;
      credit = left;
      rereads++;
    }
    return rereads;
  };

  it("allows a burst of 20 and then one per 1,000 requests of a busy isolate", () => {
    expect(rereadsOf(100_000, 0)).toBe(20 + 99);
  });

  it("allows one per 4 s of a quiet one", () => {
    expect(rereadsOf(1_000, 1_996)).toBe(20 + 499);
  });

  it("saves up no more than the burst, and takes nothing for a clock that steps back", () => {
    expect(earnCredit(FULL_CREDIT, 1_000_000)).toBe(FULL_CREDIT);
    expect(earnCredit(0, -1_000_000)).toBe(4);
    expect(spendOnReread(3_999)).toBeUndefined();
    expect(spendOnReread(4_000)).toBe(0);
  });
});
