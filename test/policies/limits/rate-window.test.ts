// One window by itself: what a lease, a report, a give-back, a refund and a reset each do, and what they leave alone.

import { describe, expect, it } from "vitest";
import type { RateAnswer, TokenWish } from "../../../src/contracts/limits.ts";
import { LEASES_MAX } from "../../../src/policies/limits/lease-size.ts";
import { RateWindow } from "../../../src/policies/limits/rate-window.ts";

const START = 1_000_000;
const MINUTE_MS = 60_000;
/** What requests that wait say they spend theirs within, and by how much later the last one may. */
const LEASE_MS = 300;
const SLACK_MS = 10;
const GIVE_BACK_MS = 5_000;
const BUCKET_MS = MINUTE_MS / 1_000;

/** A window of a minute that is restored from what it stored before everything that happens to it. */
function open(limit: number, windowMs = MINUTE_MS) {
  let state: ReturnType<RateWindow["toState"]> | undefined;
  const at = <R>(nowMs: number, act: (window: RateWindow) => R, ownMs = windowMs): R => {
    const window = new RateWindow(ownMs, START + nowMs, state);
    const result = act(window);
    state = JSON.parse(JSON.stringify(window.toState()));
    return result;
  };
  return {
    at,
    ask: (nowMs: number, wish: Partial<TokenWish> & { leaseId: string }, isolateId = "a"): RateAnswer =>
      at(nowMs, (window) => {
        const full = { waiting: 0, cost: 1, spare: 0, withinMs: LEASE_MS, ...wish };
        return window.grant({ isolateId, wish: full, limit });
      }),
    report: (nowMs: number, leaseId: string, used: number, done = false): void =>
      at(nowMs, (window) => window.settle({ leaseId, used, done })),
    used: (nowMs: number): number => at(nowMs, (window) => window.used),
  };
}

describe("a lease", () => {
  it("is granted once for the same id, however often it is asked for", () => {
    const { ask, used } = open(100);
    const first = ask(0, { leaseId: "x", waiting: 30 });
    expect(first).toMatchObject({ granted: 30, validMs: LEASE_MS, remaining: 70 });
    expect(ask(200, { leaseId: "x", waiting: 30 })).toEqual({ ...first, releaseInMs: first.releaseInMs - 200 });
    expect(used(200)).toBe(30);
  });

  it("is another one for another id", () => {
    const { ask, used } = open(100);
    ask(0, { leaseId: "x", waiting: 30 });
    expect(ask(0, { leaseId: "y", waiting: 30 })).toMatchObject({ granted: 30, remaining: 40 });
    expect(used(0)).toBe(60);
  });

  it("that is asked for again after its end lasts as long as at first, counted from before it was first asked for", () => {
    const { ask, at } = open(100);
    ask(0, { leaseId: "x", waiting: 30 });
    const leases = at(0, (window) => window.leases);
    expect(ask(GIVE_BACK_MS - 1, { leaseId: "x", waiting: 30 })).toMatchObject({ granted: 30, validMs: LEASE_MS });
    expect(at(GIVE_BACK_MS - 1, (window) => window.leases)).toEqual(leases);
  });

  it("that is asked for again once it is forgotten is another one, and both count", () => {
    const { ask, used } = open(100);
    ask(0, { leaseId: "x", waiting: 30 });
    expect(ask(GIVE_BACK_MS, { leaseId: "x", waiting: 30 })).toMatchObject({ granted: 30, remaining: 40 });
    expect(used(GIVE_BACK_MS)).toBe(60);
  });

  it("holds what is left when less is left than was wished for, and nothing when nothing is", () => {
    const { ask } = open(100);
    expect(ask(0, { leaseId: "x", waiting: 90 })).toMatchObject({ granted: 90, remaining: 10 });
    expect(ask(0, { leaseId: "y", waiting: 90 })).toMatchObject({ granted: 10, remaining: 0 });
    expect(ask(0, { leaseId: "z", waiting: 90 })).toMatchObject({ granted: 0, remaining: 0 });
  });

  it("holds whole requests only: multiples of the cost", () => {
    const { ask } = open(100);
    expect(ask(0, { leaseId: "x", waiting: 49, cost: 7 })).toMatchObject({ granted: 49 });
    expect(ask(0, { leaseId: "y", waiting: 70, cost: 7 })).toMatchObject({ granted: 49, remaining: 2 });
    expect(ask(0, { leaseId: "z", waiting: 7, cost: 7 })).toMatchObject({ granted: 0, remaining: 2 });
    expect(ask(0, { leaseId: "single", waiting: 2, cost: 1 })).toMatchObject({ granted: 2, remaining: 0 });
  });

  it("holds spare tokens in multiples of the cost too, and none where not even one request fits", () => {
    const { ask } = open(2_000);
    expect(ask(0, { leaseId: "x", waiting: 4, cost: 4, spare: 400 })).toMatchObject({ granted: 4 + 8 });
    expect(ask(0, { leaseId: "y", waiting: 11, cost: 11, spare: 1_100 })).toMatchObject({ granted: 11 });
    expect(ask(0, { leaseId: "z", waiting: 10, cost: 10, spare: 10 })).toMatchObject({ granted: 20 });
  });

  it.each([
    { withinMs: 50, validMs: 50 },
    { withinMs: 700, validMs: 700 },
    { withinMs: 5_000, validMs: 700 },
  ])(
    "for requests that wait $withinMs ms counts until its end, the slack and the window are over when nobody reports it",
    ({ withinMs, validMs }) => {
      const { ask, used } = open(100);
      expect(ask(0, { leaseId: "x", waiting: 100, withinMs })).toMatchObject({ granted: 100, validMs });
      const lastMs = validMs + SLACK_MS + MINUTE_MS;
      expect(used(lastMs)).toBe(100);
      expect(used(lastMs + BUCKET_MS)).toBe(0);
    },
  );

  it("with spare tokens counts until its end, two seconds for clocks and the window are over", () => {
    const { ask, used } = open(10_000);
    expect(ask(0, { leaseId: "x", waiting: 3, spare: 20 })).toMatchObject({ granted: 23, validMs: 6_000 });
    expect(used(6_000 + 2_000 + MINUTE_MS)).toBe(23);
    expect(used(6_000 + 2_000 + MINUTE_MS + BUCKET_MS)).toBe(0);
  });
});

describe("spare tokens", () => {
  it("come on top of what waits, as many as are wished for and half a percent of the limit at most", () => {
    expect(open(10_000).ask(0, { leaseId: "x", waiting: 3, spare: 20 })).toMatchObject({ granted: 23, validMs: 6_000 });
    expect(open(10_000).ask(0, { leaseId: "x", waiting: 3, spare: 500 })).toMatchObject({ granted: 53 });
    expect(open(199).ask(0, { leaseId: "x", waiting: 3, spare: 500 })).toMatchObject({ granted: 3, validMs: LEASE_MS });
  });

  it("are shared by the isolates that hold leases, each counted once", () => {
    const { ask, report } = open(10_000);
    for (const isolateId of ["b", "c", "d", "e", "f", "g", "h"])
      for (const turn of [1, 2]) ask(0, { leaseId: `${isolateId}${turn}`, waiting: 1 }, isolateId);
    ask(0, { leaseId: "much", waiting: 9_356 }, "b");
    report(0, "much", 9_356);
    // Half of 630 free, among seven.
    expect(ask(0, { leaseId: "own", spare: 100 }, "b").granted).toBe(45);
    ask(0, { leaseId: "one", waiting: 1 }, "i");
    // Half of 584 free, among nine.
    expect(ask(0, { leaseId: "next", spare: 100 }, "j").granted).toBe(32);
  });

  it("never are the last 5 % of the limit", () => {
    const { ask, report } = open(1_000);
    ask(0, { leaseId: "much", waiting: 947 });
    report(0, "much", 947);
    expect(ask(0, { leaseId: "x", spare: 100 }).granted).toBe(3);
    expect(ask(0, { leaseId: "y", spare: 100 }).granted).toBe(0);
  });

  it("never are more than 2 % of the limit unspent: what is reported makes room for more", () => {
    const { ask, report } = open(10_000);
    const spare = (leaseId: string): number => ask(0, { leaseId, spare: 100 }, leaseId).granted;
    expect(["a", "b", "c", "d", "e"].map(spare)).toEqual([50, 50, 50, 50, 0]);
    report(0, "a", 30);
    expect(spare("f")).toBe(30);
  });
});

describe("the next release", () => {
  it("is when tokens come free, and not a moment before", () => {
    const { ask, at, report } = open(10);
    expect(at(0, (window) => window.releaseInMs)).toBe(0);
    ask(0, { leaseId: "x", waiting: 4 });
    ask(7_000, { leaseId: "y", waiting: 6 });
    report(7_000, "y", 6);
    const { releaseInMs } = ask(7_000, { leaseId: "z", waiting: 1 });
    expect(ask(7_000 + releaseInMs - 1, { leaseId: "early", waiting: 1 }).granted).toBe(0);
    expect(ask(7_000 + releaseInMs, { leaseId: "then", waiting: 10 }).granted).toBe(4);
  });
});

describe("a report", () => {
  it("lets what was spent count from its receipt", () => {
    const { ask, report, used } = open(100);
    ask(0, { leaseId: "x", waiting: 100 });
    report(100, "x", 100);
    expect(used(100 + MINUTE_MS)).toBe(100);
    expect(used(100 + MINUTE_MS + BUCKET_MS)).toBe(0);
  });

  it("changes nothing when it comes twice, or after a later one", () => {
    const { ask, report, used, at } = open(100);
    ask(0, { leaseId: "x", waiting: 50 });
    report(0, "x", 20);
    report(0, "x", 20);
    report(0, "x", 10);
    expect(used(0)).toBe(50);
    expect(at(0, (window) => window.leases)).toMatchObject([{ tokens: 50, used: 20 }]);
    expect(at(0, (window) => window.toState().buckets)).toEqual([[expect.any(Number), 20]]);
  });

  it("never counts more than was leased", () => {
    const { ask, report, used } = open(100);
    ask(0, { leaseId: "x", waiting: 50 });
    report(0, "x", 5_000, true);
    expect(used(0)).toBe(50);
  });

  it("of a lease nobody knows changes nothing", () => {
    const { ask, at } = open(100);
    ask(0, { leaseId: "x", waiting: 50 });
    const before = at(0, (window) => window.toState());
    at(0, (window) => window.settle({ leaseId: "y", used: 10, done: true }));
    expect(at(0, (window) => window.toState())).toEqual(before);
  });

  it("that gives back frees what was not spent, once", () => {
    const { ask, report, used } = open(100);
    ask(0, { leaseId: "x", waiting: 50 });
    ask(0, { leaseId: "y", waiting: 50 });
    report(LEASE_MS - 1, "x", 20, true);
    expect(used(LEASE_MS - 1)).toBe(70);
    report(LEASE_MS - 1, "x", 0, true);
    expect(used(LEASE_MS - 1)).toBe(70);
  });

  it("that gives back what came for requests that wait frees it for 5 s, however short they waited", () => {
    const { ask, report, used } = open(100);
    ask(0, { leaseId: "x", waiting: 50, withinMs: 50 });
    report(GIVE_BACK_MS - 1, "x", 20, true);
    expect(used(GIVE_BACK_MS - 1)).toBe(20);
    ask(GIVE_BACK_MS, { leaseId: "y", waiting: 50, withinMs: 50 });
    report(2 * GIVE_BACK_MS, "y", 20, true);
    expect(used(2 * GIVE_BACK_MS)).toBe(70);
  });

  it("that gives back spare tokens at their end frees nothing, while what was spent counts from now", () => {
    const { ask, report, used, at } = open(1_000);
    ask(0, { leaseId: "x", waiting: 46, spare: 4 });
    report(6_000, "x", 20, true);
    expect(used(6_000)).toBe(50);
    expect(at(6_000, (window) => window.leases)).toMatchObject([{ tokens: 50, used: 20 }]);
    expect(used(6_000 + MINUTE_MS)).toBe(50);
    // Nobody can have spent the rest later than this, so it counts from there on.
    expect(used(8_000 + MINUTE_MS)).toBe(30);
    expect(used(8_000 + MINUTE_MS + BUCKET_MS)).toBe(0);
  });

  it("of what came for requests that wait counts from the last moment at which they can have spent it, if it comes later", () => {
    const countsUntil = (reportedMs: number): number => {
      const { ask, report, at } = open(100);
      ask(0, { leaseId: "x", waiting: 100, withinMs: 50 });
      report(reportedMs, "x", 100);
      return at(reportedMs, (window) => window.idleAt) - START - MINUTE_MS;
    };
    expect(countsUntil(GIVE_BACK_MS - 1)).toBeGreaterThan(50 + SLACK_MS);
    expect(countsUntil(GIVE_BACK_MS - 1)).toBeLessThanOrEqual(50 + SLACK_MS + BUCKET_MS);
    expect(countsUntil(0)).toBeLessThanOrEqual(50);
  });
});

describe("more leases than are remembered", () => {
  it("are granted and count, as if they were spent at the last moment", () => {
    const { ask, report, used, at } = open(1_000);
    for (let index = 0; index < LEASES_MAX; index++) ask(0, { leaseId: `${index}`, waiting: 1 });
    expect(ask(0, { leaseId: "more", waiting: 5, spare: 5 })).toMatchObject({ granted: 5, validMs: LEASE_MS });
    expect(at(0, (window) => window.leases)).toHaveLength(LEASES_MAX);
    expect(used(0)).toBe(LEASES_MAX + 5);
    report(0, "more", 0, true);
    expect(used(0)).toBe(LEASES_MAX + 5);
    expect(used(LEASE_MS + SLACK_MS + MINUTE_MS)).toBe(LEASES_MAX + 5);
    expect(used(LEASE_MS + SLACK_MS + MINUTE_MS + BUCKET_MS)).toBe(0);
  });

  it("are never granted above the limit", () => {
    const { ask, used } = open(LEASES_MAX + 3);
    for (let index = 0; index < LEASES_MAX; index++) ask(0, { leaseId: `${index}`, waiting: 1 });
    expect(ask(0, { leaseId: "more", waiting: 5 })).toMatchObject({ granted: 3, remaining: 0 });
    expect(used(0)).toBe(LEASES_MAX + 3);
  });

  it("are remembered again when others have been reported", () => {
    const { ask, report, at } = open(1_000);
    for (let index = 0; index < LEASES_MAX; index++) ask(0, { leaseId: `${index}`, waiting: 1 });
    report(0, "7", 1);
    ask(0, { leaseId: "more", waiting: 5 });
    expect(at(0, (window) => window.leases.some(({ id }) => id === "more"))).toBe(true);
  });
});

describe("a refund", () => {
  it("takes back the newest first", () => {
    const { at, used } = open(100);
    for (const nowMs of [0, 10_000, 20_000]) at(nowMs, (window) => window.spend(10, 100));
    expect(at(20_000, (window) => window.refund(15))).toBe(15);
    expect(used(20_000)).toBe(15);
    // The oldest are all still there, half of those in the middle too.
    expect(used(MINUTE_MS + BUCKET_MS)).toBe(5);
    expect(used(MINUTE_MS + 10_000 + BUCKET_MS)).toBe(0);
  });

  it("never takes back what is leased", () => {
    const { ask, at, used } = open(100);
    at(0, (window) => window.spend(10, 100));
    ask(0, { leaseId: "x", waiting: 50 });
    expect(at(0, (window) => window.refund(1_000))).toBe(10);
    expect(used(0)).toBe(50);
    expect(at(0, (window) => window.refund(1))).toBe(0);
  });
});

describe("a reset", () => {
  it("forgets what was spent, and keeps what is leased", () => {
    const { ask, report, at, used } = open(100);
    ask(0, { leaseId: "x", waiting: 50 });
    ask(0, { leaseId: "y", waiting: 50 });
    report(0, "y", 50);
    at(0, (window) => window.reset());
    expect(used(0)).toBe(50);
    expect(ask(0, { leaseId: "z", waiting: 100 })).toMatchObject({ granted: 50 });
    report(1, "x", 50);
    expect(used(1)).toBe(100);
  });
});

describe("spending without a lease", () => {
  it("goes up to the limit and no further, all or nothing", () => {
    const { at } = open(10);
    expect(at(0, (window) => window.spend(8, 10))).toBe(true);
    expect(at(0, (window) => window.spend(3, 10))).toBe(false);
    expect(at(0, (window) => window.spend(2, 10))).toBe(true);
    expect(at(0, (window) => window.spend(1, 10))).toBe(false);
    expect(at(MINUTE_MS + BUCKET_MS, (window) => window.spend(10, 10))).toBe(true);
  });
});

describe("the clock", () => {
  it("that shows too early a time once lets nothing count for less long", () => {
    const { at, used } = open(10);
    at(0, () => undefined);
    at(-5_000, (window) => window.spend(10, 10));
    expect(used(MINUTE_MS - 1)).toBe(10);
    expect(used(MINUTE_MS + BUCKET_MS)).toBe(0);
  });
});

describe("a changed window", () => {
  it("that grows lets what still counts count for all of it", () => {
    const { at } = open(10, 1_000);
    at(0, (window) => window.spend(10, 10));
    expect(at(900, (window) => window.used, MINUTE_MS)).toBe(10);
    expect(at(MINUTE_MS, (window) => window.used, MINUTE_MS)).toBe(10);
    expect(at(MINUTE_MS + BUCKET_MS, (window) => window.used, MINUTE_MS)).toBe(0);
  });

  it("that shrinks frees what is older than the new one, and a bucket at the most", () => {
    const { at } = open(10, MINUTE_MS);
    at(0, (window) => window.spend(4, 10));
    at(5_000, (window) => window.spend(4, 10));
    expect(at(5_001, (window) => window.used, 1_000)).toBe(4);
    expect(at(5_000 + 1_000 + BUCKET_MS, (window) => window.used, 1_000)).toBe(0);
  });

  it("and its predecessor may take turns, as while a new configuration spreads, without keeping anything longer", () => {
    const { at } = open(10, MINUTE_MS);
    at(0, (window) => window.spend(10, 10));
    for (let nowMs = 0; nowMs < 2_000; nowMs += 10) at(nowMs, (window) => window.used, MINUTE_MS + (nowMs % 20) * 10);
    expect(at(MINUTE_MS + BUCKET_MS, (window) => window.used)).toBe(0);
  });

  it("keeps leases as they were granted", () => {
    const { ask, at, report } = open(100, 1_000);
    ask(0, { leaseId: "x", waiting: 50 });
    expect(at(0, (window) => window.leases, MINUTE_MS)).toMatchObject([{ id: "x", tokens: 50, used: 0 }]);
    report(10, "x", 20, true);
    expect(at(10, (window) => window.used, MINUTE_MS)).toBe(20);
  });
});

describe("steady full demand", () => {
  const FILLED = 10;
  /** Until 1,000 a minute are admitted for the tenth time, when 2,000 a minute are asked for in threes. */
  function tookMs({ reportedAfterMs, withinMs = LEASE_MS }: { reportedAfterMs?: number; withinMs?: number }): number {
    const { ask, report } = open(1_000);
    let tokens = 0;
    for (let nowMs = 0; ; nowMs += 90) {
      const leaseId = `${nowMs}`;
      const { granted } = ask(nowMs, { leaseId, waiting: 3, withinMs });
      tokens += granted;
      if (reportedAfterMs !== undefined) report(nowMs + reportedAfterMs, leaseId, granted);
      if (tokens >= FILLED * 1_000) return nowMs;
    }
  }

  it("is admitted to at least 99.5 % of the limit and no more than all of it, when what is spent is reported at once", () => {
    const ms = tookMs({ reportedAfterMs: 20 });
    const leastMs = (FILLED - 1) * MINUTE_MS;
    expect(ms).toBeGreaterThan(leastMs);
    // The tenth time takes half a window by itself.
    expect(ms).toBeLessThanOrEqual(leastMs / 0.995 + MINUTE_MS / 2);
  });

  it("is admitted more slowly when nobody reports, and the more so the longer requests wait", () => {
    const soon = tookMs({ withinMs: 50 });
    expect(tookMs({ withinMs: 700 })).toBeGreaterThan(soon);
    expect(soon).toBeGreaterThanOrEqual(tookMs({ reportedAfterMs: 20 }));
  });
});
