// Who is put out for the whole fleet, when, for how long, and how many at most.

import { describe, expect, it } from "vitest";
import type { Outcome } from "../../../src/contracts/registry.ts";
import {
  FAILURES_IN_A_ROW,
  hearOutcomes,
  keepOnly,
  openEjections,
  outNow,
} from "../../../src/policies/health/ejections.ts";

const START_MS = 1_000_000;
const OUT_MS = 30_000;
const OUT_MS_MAX = 300_000;

const failing = (times: number, instanceId = "a"): Outcome => ({
  instanceId,
  answered: 0,
  failed: times,
  failedLast: times,
});
const answering = (failedLast = 0, instanceId = "a"): Outcome => ({
  instanceId,
  answered: 1,
  failed: failedLast,
  failedLast,
});

/** A pool that hears outcomes, on a clock the test sets. */
function open(ids: readonly string[] = ["a", "b"], stored: Parameters<typeof openEjections>[0] = []) {
  const book = openEjections(stored);
  const instances = ids.map((id) => ({ id }));
  const pool = {
    book,
    nowMs: START_MS,
    hear: (...outcomes: Outcome[]) => hearOutcomes(book, outcomes, { instances, nowMs: pool.nowMs }),
    out: () => outNow(book, instances, pool.nowMs),
    outIds: () => pool.out().map(([id]) => id),
  };
  return pool;
}

const placesOf = (...ids: string[]) => ids.map((id) => ({ id, target: `http://${id}.test` }));

/** Puts "a" out once and returns for how long. */
function putOut(pool: ReturnType<typeof open>): number {
  pool.hear(failing(FAILURES_IN_A_ROW));
  const [first] = pool.out();
  expect(first?.[0]).toBe("a");
  return first?.[1] ?? 0;
}

describe("failures in a row", () => {
  it("put an instance out at the fifth, and not at the fourth", () => {
    const pool = open();
    pool.hear(failing(4));
    expect(pool.out()).toEqual([]);
    pool.hear(failing(1));
    expect(pool.out()).toEqual([["a", OUT_MS]]);
  });

  it("count over isolates: five with one each are as many as one with five", () => {
    const pool = open();
    for (let isolate = 1; isolate <= 4; isolate++) pool.hear(failing(1));
    expect(pool.out()).toEqual([]);
    pool.hear(failing(1));
    expect(pool.outIds()).toEqual(["a"]);
  });

  it("are ended by one answer, after which only what failed later counts", () => {
    const pool = open();
    pool.hear(failing(4));
    pool.hear(answering());
    pool.hear(failing(4));
    expect(pool.out()).toEqual([]);
    pool.hear(answering(4));
    expect(pool.out()).toEqual([]);
    pool.hear(failing(1));
    expect(pool.outIds()).toEqual(["a"]);
  });

  it("are each instance's own", () => {
    const pool = open();
    pool.hear(failing(4, "a"), failing(4, "b"));
    expect(pool.out()).toEqual([]);
    pool.hear(failing(1, "b"));
    expect(pool.outIds()).toEqual(["b"]);
  });

  it("of an instance the pool does not have count for nothing", () => {
    const pool = open();
    pool.hear(failing(50, "stranger"), failing(50, "constructor"));
    expect(pool.out()).toEqual([]);
    expect([pool.book.failures.size, pool.book.latest.size, pool.book.unsaved.length]).toEqual([0, 0, 0]);
  });
});

describe("at most half of the pool", () => {
  it.each([
    [1, 0],
    [2, 1],
    [3, 1],
    [4, 2],
    [5, 2],
    [10, 5],
  ])("of %i instances that all fail puts %i out, the first to fail", (count, expected) => {
    const ids = Array.from({ length: count }, (_, i) => `i${i}`);
    const pool = open(ids);
    for (let round = 0; round < 10; round++) pool.hear(...ids.map((id) => failing(3, id)));
    expect(pool.outIds()).toEqual(ids.slice(0, expected));
  });

  it("lets the next one go out when one of them is in again, and not before", () => {
    const pool = open();
    pool.hear(failing(5, "a"), failing(5, "b"));
    pool.nowMs += OUT_MS - 1;
    pool.hear(failing(1, "b"));
    expect(pool.outIds()).toEqual(["a"]);
    pool.nowMs += 1;
    pool.hear(failing(1, "b"));
    expect(pool.outIds()).toEqual(["b"]);
  });
});

describe("being out", () => {
  it("lasts 30 s more each time, and never more than 300 s", () => {
    const pool = open();
    const outFor = Array.from({ length: 13 }, () => {
      const forMs = putOut(pool);
      pool.nowMs += forMs;
      expect(pool.out()).toEqual([]);
      return forMs;
    });
    const expected = Array.from({ length: 13 }, (_, n) => Math.min(OUT_MS_MAX, OUT_MS * (n + 1)));
    expect(outFor).toEqual(expected);
  });

  it("ends at its time and not a moment earlier", () => {
    const pool = open();
    putOut(pool);
    pool.nowMs += OUT_MS - 1;
    expect(pool.out()).toEqual([["a", 1]]);
    pool.nowMs += 1;
    expect(pool.out()).toEqual([]);
  });

  it("is not prolonged by what fails meanwhile, nor does that count afterwards", () => {
    const pool = open();
    putOut(pool);
    pool.nowMs += 10_000;
    pool.hear(failing(50));
    expect(pool.out()).toEqual([["a", 20_000]]);
    pool.nowMs += 20_000;
    pool.hear(failing(4));
    expect(pool.out()).toEqual([]);
    expect(pool.book.unsaved).toHaveLength(1);
  });

  it("is forgiven after more than 300 s in, and counts as the next time until then", () => {
    const strict = open();
    strict.nowMs += putOut(strict) + OUT_MS_MAX;
    expect(putOut(strict)).toBe(2 * OUT_MS);
    const forgiven = open();
    forgiven.nowMs += putOut(forgiven) + OUT_MS_MAX + 1;
    expect(putOut(forgiven)).toBe(OUT_MS);
  });
});

describe("the books", () => {
  it("leave each ejection to be written down once, with its times and end", () => {
    const pool = open();
    pool.nowMs += putOut(pool);
    putOut(pool);
    expect(pool.book.unsaved).toEqual([
      { instanceId: "a", times: 1, atMs: START_MS, untilMs: START_MS + OUT_MS },
      { instanceId: "a", times: 2, atMs: START_MS + OUT_MS, untilMs: START_MS + 3 * OUT_MS },
    ]);
  });

  it("begin with what was written down: who is out stays out, and the next time is one more", () => {
    const stored = [{ instanceId: "a", times: 3, atMs: START_MS - 80_000, untilMs: START_MS + 10_000 }];
    const pool = open(["a", "b"], stored);
    expect(pool.out()).toEqual([["a", 10_000]]);
    pool.nowMs += 10_000;
    expect(putOut(pool)).toBe(4 * OUT_MS);
    expect(open(["b", "c"], stored).out()).toEqual([]);
  });

  it("forget who left the pool, and nobody else", () => {
    const pool = open(["a", "b", "c", "d"]);
    pool.hear(failing(5, "a"), failing(4, "b"), failing(4, "c"));
    keepOnly(pool.book, { before: placesOf("a", "b", "c", "d"), now: placesOf("b") }, pool.nowMs);
    expect(pool.out()).toEqual([]);
    pool.hear(failing(1, "b"), failing(1, "c"));
    expect(pool.outIds()).toEqual(["b"]);
  });

  it("begin anew for who leads elsewhere under the same id, and for nobody else", () => {
    const pool = open(["a", "b", "c", "d"]);
    pool.hear(failing(5, "a"), failing(5, "b"), failing(4, "c"), failing(4, "d"));
    pool.book.unsaved.splice(0);
    const [before, [, b, , d]] = [placesOf("a", "b", "c", "d"), placesOf("a", "b", "c", "d")];
    const moved = (id: string) => ({ id, target: "http://elsewhere.test" });
    keepOnly(pool.book, { before, now: [moved("a"), b, moved("c"), d].flatMap((one) => one ?? []) }, pool.nowMs);
    expect(pool.outIds()).toEqual(["b"]);
    expect(pool.book.unsaved).toMatchObject([{ instanceId: "a", untilMs: pool.nowMs }]);
    pool.hear(failing(1, "c"), failing(1, "d"));
    expect(pool.outIds()).toEqual(["b", "d"]);
  });

  it("keep who is out when the roster is not known that was in force before", () => {
    const pool = open();
    putOut(pool);
    keepOnly(pool.book, { before: [], now: placesOf("a", "b") }, pool.nowMs);
    expect(pool.outIds()).toEqual(["a"]);
  });
});
