// The revocation log against a slow model: a reader is told of everything, or told that it was not.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CHANGE_KEPT_MS, isGap, prunableThrough } from "../../../src/policies/sessions/change-log.ts";

describe("a cursor", () => {
  const span = { floor: 10, head: 20 };
  it.each([
    [null, true],
    [9, true],
    [10, false],
    [20, false],
    [21, true],
  ])("%s in a log from 11 to 20 has a gap: %s", (cursor, gap) => {
    expect(isGap(cursor, span)).toBe(gap);
  });

  it("at the head of a log that was pruned to nothing has none", () => {
    expect(isGap(20, { floor: 20, head: 20 })).toBe(false);
    expect(isGap(19, { floor: 20, head: 20 })).toBe(true);
  });
});

describe("pruning", () => {
  it("takes what is five minutes old and nothing younger", () => {
    const rows = [
      { seq: 1, at: 0 },
      { seq: 2, at: 1 },
    ];
    expect(prunableThrough(rows, CHANGE_KEPT_MS - 1)).toBeUndefined();
    expect(prunableThrough(rows, CHANGE_KEPT_MS)).toBe(1);
    expect(prunableThrough(rows, CHANGE_KEPT_MS + 1)).toBe(2);
    expect(prunableThrough([], CHANGE_KEPT_MS)).toBeUndefined();
  });

  it("stops at the first young entry, even if a clock that stepped back put older ones behind it", () => {
    const rows = [
      { seq: 1, at: 0 },
      { seq: 2, at: 900_000 },
      { seq: 3, at: 0 },
    ];
    expect(prunableThrough(rows, 500_000)).toBe(1);
  });
});

it("a reader that comes and goes misses nothing without being told, whatever is published and pruned meanwhile", () => {
  const event = fc.record({
    waitMs: fc.integer({ min: 0, max: 200_000 }),
    kind: fc.constantFrom("publish", "prune", "read"),
  });
  fc.assert(
    fc.property(fc.array(event, { maxLength: 60 }), (events) => {
      let nowMs = 0;
      let head = 0;
      let rows: { seq: number; at: number }[] = [];
      let cursor: number | null = null;
      const known = new Set<number>();
      for (const { waitMs, kind } of events) {
        nowMs += waitMs;
        if (kind === "publish") rows.push({ seq: ++head, at: nowMs });
        if (kind === "prune") rows = rows.filter(({ seq }) => seq > (prunableThrough(rows, nowMs) ?? 0));
        if (kind !== "read") continue;
        const floor = rows[0] === undefined ? head : rows[0].seq - 1;
        if (isGap(cursor, { floor, head })) for (let seq = 1; seq <= head; seq++) known.add(seq);
        else for (const { seq } of rows) if (seq > (cursor ?? 0)) known.add(seq);
        cursor = head;
        expect(known.size).toBe(head);
      }
    }),
  );
});
