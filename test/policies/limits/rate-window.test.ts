// One window by itself: what a lease, a report, a give-back, a refund and a reset each do, and what they leave alone.

import { describe, expect, it } from "vitest";
import type { RateAnswer, TokenWish } from "../../../src/contracts/limits.ts";
import { LEASES_MAX } from "../../../src/policies/limits/lease-size.ts";
import { RateWindow } from "../../../src/policies/limits/rate-window.ts";

const START = 1_000_000;
const MINUTE_MS = 60_000;
const LEASE_MS = 500;
const SLACK_MS = 200;
const BUCKET_MS = 300;

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
      at(nowMs, (window) => window.grant({ isolateId, wish: { waiting: 0, cost: 1, spare: 0, ...wish }, limit })),
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
    expect(ask(400, { leaseId: "x", waiting: 30 })).toMatchObject({ granted: 30, validMs: 100, remaining: 70 });
    expect(used(400)).toBe(30);
  });

  it("is another one for another id", () => {
    const { ask, used } = open(100);
    ask(0, { leaseId: "x", waiting: 30 });
    expect(ask(0, { leaseId: "y", waiting: 30 })).toMatchObject({ granted: 30, remaining: 40 });
    expect(used(0)).toBe(60);
  });

  it("that was repeated after its end can't be spent any longer", () => {
    const { ask } = open(100);
    ask(0, { leaseId: "x", waiting: 30 });
    expect(ask(LEASE_MS, { leaseId: "x", waiting: 30 })).toMatchObject({ granted: 30, validMs: 0 });
    expect(ask(LEASE_MS + SLACK_MS - 1, { leaseId: "x", waiting: 30 }).validMs).toBeLessThanOrEqual(0);
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

  it("counts until its end, the slack and the window are over when nobody reports it", () => {
    const { ask, used } = open(100);
    ask(0, { leaseId: "x", waiting: 100 });
    const lastMs = LEASE_MS + SLACK_MS + MINUTE_MS;
    expect(used(lastMs)).toBe(100);
    expect(used(lastMs + BUCKET_MS)).toBe(0);
  });
});

describe("spare tokens", () => {
  it("come on top of what waits, as many as are wished for and half a percent of the limit at most", () => {
    expect(open(10_000).ask(0, { leaseId: "x", waiting: 3, spare: 20 })).toMatchObject({ granted: 23, validMs: 6_000 });
    expect(open(10_000).ask(0, { leaseId: "x", waiting: 3, spare: 500 })).toMatchObject({ granted: 53 });
    expect(open(199).ask(0, { leaseId: "x", waiting: 3, spare: 500 })).toMatchObject({ granted: 3, validMs: LEASE_MS });
  });

  it("are shared by the isolates that hold leases, each counted once", () => {
    const { ask } = open(1_000);
    ask(0, { leaseId: "much", waiting: 940 });
    ask(0, { leaseId: "x", waiting: 1 }, "b");
    // Of 59 free, 5 % of the limit are the last.
    expect(ask(0, { leaseId: "y", spare: 100 }, "b").granted).toBe(0);
    const { ask: other, report } = open(1_000);
    for (const isolateId of ["b", "c", "d", "e", "f", "g", "h"])
      for (const turn of [1, 2]) other(0, { leaseId: `${isolateId}${turn}`, waiting: 1 }, isolateId);
    other(0, { leaseId: "much", waiting: 916 }, "b");
    report(0, "much", 916);
    // Half of 70 free, among seven.
    expect(other(0, { leaseId: "own", spare: 100 }, "b").granted).toBe(5);
    other(0, { leaseId: "one", waiting: 1 }, "i");
    expect(other(0, { leaseId: "next", spare: 100 }, "j").granted).toBe(3);
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

  it("that gives back at the lease's end frees nothing, while what was spent counts from now", () => {
    const { ask, report, used, at } = open(100);
    ask(0, { leaseId: "x", waiting: 50 });
    report(LEASE_MS, "x", 20, true);
    expect(used(LEASE_MS)).toBe(50);
    expect(at(LEASE_MS, (window) => window.leases)).toMatchObject([{ tokens: 50, used: 20 }]);
    // Nobody can have spent the rest later than this, so it counts from there on.
    expect(used(LEASE_MS + SLACK_MS + MINUTE_MS - 1)).toBeGreaterThanOrEqual(30);
    expect(used(LEASE_MS + SLACK_MS + MINUTE_MS + BUCKET_MS)).toBe(0);
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
  it("is admitted to at least 98 % of 1,000 a minute, when what is spent is reported at once", () => {
    const { ask, report } = open(1_000);
    const windows = 20;
    const demandEveryMs = 30;
    let admitted = 0;
    // 2,000 a minute, in threes every 90 ms.
    for (let nowMs = 0; nowMs < windows * MINUTE_MS; nowMs += 3 * demandEveryMs) {
      const leaseId = `${nowMs}`;
      const { granted } = ask(nowMs, { leaseId, waiting: 3 });
      admitted += granted;
      report(nowMs + 20, leaseId, granted);
    }
    expect(admitted / windows).toBeGreaterThanOrEqual(980);
    // The last window may have been filled at its beginning.
    expect(admitted / windows).toBeLessThanOrEqual((1_000 * (windows + 1)) / windows);
  });

  it("is admitted less when nobody reports, as what is lent then counts for longer", () => {
    const { ask } = open(1_000);
    let admitted = 0;
    for (let nowMs = 0; nowMs < 100 * MINUTE_MS; nowMs += 90)
      admitted += ask(nowMs, { leaseId: `${nowMs}`, waiting: 3 }).granted;
    expect(admitted / 100).toBeLessThan(995);
  });
});
