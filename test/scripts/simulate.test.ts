// The simulation of limits in small: the plane's policies admit nothing beyond a limit, and whoever breaks them is caught.

import { describe, expect, it } from "vitest";
import { EventQueue } from "../../scripts/simulate/event-queue.ts";
import { emptyTally, JudgedKey } from "../../scripts/simulate/limits/judged-key.ts";
import { RollingSum } from "../../scripts/simulate/limits/rolling-sum.ts";
import { runScenario, type ScenarioResult } from "../../scripts/simulate/limits/run-scenario.ts";
import type { Scenario } from "../../scripts/simulate/limits/scenarios.ts";
import { simulateLimits } from "../../scripts/simulate/limits/simulate-limits.ts";
import { readSimulateOptions } from "../../scripts/simulate/limits/simulate-options.ts";
import { judge } from "../../scripts/simulate/limits/simulate-report.ts";
import { type Serve, SOUND_SHARD } from "../../scripts/simulate/limits/simulated-shard.ts";
import { seededRandom } from "../../scripts/simulate/random.ts";
import { SimulateProblem } from "../../scripts/simulate/simulate-problem.ts";
import { serveAsk } from "../../src/policies/limits/limit-book.ts";

const HOT: Scenario = {
  name: "hot",
  limit: 500,
  windowMs: 10_000,
  demand: 3,
  cost: 1,
  keys: 1,
  busyIsolates: undefined,
  share: 1,
};
const BUSY: Scenario = { ...HOT, name: "busy", busyIsolates: 5 };
const LENT: Scenario = { ...HOT, name: "lent", limit: 3_000, windowMs: 20_000, demand: 1.5 };
const SMALL_RUN = { requests: 15_000, seed: 11, isolates: 100 };

/** Leases count until their end and not a moment longer, whatever of them was spent. */
const countsUntilTheEnd: Serve = (ask, isolateId, { state, nowMs }) => {
  const running =
    state?.kind === "rate" ? { ...state, leases: state.leases.filter(({ endsAt }) => endsAt > nowMs) } : state;
  return serveAsk(ask, isolateId, { state: running, nowMs });
};

/** Each ask is served as if the one before had left nothing lent. */
const forgetsWhatIsLent: Serve = (ask, isolateId, { state, nowMs }) =>
  serveAsk(ask, isolateId, { state: state?.kind === "rate" ? { ...state, leases: [] } : state, nowMs });

/** What is reported as spent counts from some time before its report. */
const datesBack: Serve = (ask, isolateId, { state, nowMs }) =>
  serveAsk(ask, isolateId, {
    state:
      state?.kind === "rate"
        ? { ...state, buckets: state.buckets.filter(([endsAt]) => endsAt + state.windowMs - 1_000 > nowMs) }
        : state,
    nowMs,
  });

describe("the plane's own policies", () => {
  it.each([HOT, BUSY, LENT, { ...HOT, name: "cost", cost: 5 }, { ...HOT, name: "keys", keys: 20, demand: 10 }])(
    "admit nothing beyond the limit ($name)",
    (scenario) => {
      const { tally } = runScenario(scenario, SMALL_RUN);
      expect(tally.over).toBe(0);
      expect(tally.admitted).toBeGreaterThan(tally.possible / 2);
    },
  );

  it("admit nearly everything of half the limit", () => {
    const { tally } = runScenario({ ...HOT, demand: 0.5 }, SMALL_RUN);
    expect(tally.possible).toBe(tally.requests - tally.unanswered);
    expect(tally.admitted).toBeGreaterThan(tally.possible * 0.98);
  });

  it("meet lost isolates and restarted shards while they do", () => {
    const { deaths, restarts } = runScenario({ ...HOT, limit: 100, windowMs: 60_000 }, SMALL_RUN);
    expect(deaths).toBeGreaterThan(10);
    expect(restarts).toBeGreaterThan(1);
  });
});

describe("the simulation catches", () => {
  it.each([
    ["a window that counts leases only until their end", HOT, { ...SOUND_SHARD, serve: countsUntilTheEnd }],
    ["a window that forgets what is lent", LENT, { ...SOUND_SHARD, serve: forgetsWhatIsLent }],
    ["a window that is a second too short", HOT, { ...SOUND_SHARD, serve: datesBack }],
  ])("%s", (_, scenario, shard) => {
    expect(runScenario(scenario, { ...SMALL_RUN, shard }).tally.over).toBeGreaterThan(0);
  });

  it("a shard that loses its windows when it restarts", () => {
    const scenario = { ...HOT, limit: 100, windowMs: 60_000 };
    const forgetful = runScenario(scenario, { ...SMALL_RUN, shard: { ...SOUND_SHARD, keepsState: false } });
    expect(forgetful.tally.over).toBeGreaterThan(0);
    expect(runScenario(scenario, SMALL_RUN).tally.over).toBe(0);
  });
});

describe("a seed", () => {
  it("names a run: the same one again finds the same", () => {
    expect(runScenario(HOT, SMALL_RUN)).toEqual(runScenario(HOT, SMALL_RUN));
  });

  it("of another number finds something else", () => {
    expect(runScenario(HOT, SMALL_RUN).calls).not.toBe(runScenario(HOT, { ...SMALL_RUN, seed: 12 }).calls);
  });
});

describe("a judged key", () => {
  const judged = (times: readonly number[], cost = 1) => {
    const tally = emptyTally();
    const key = new JudgedKey("k", { rule: { kind: "rate", limit: 2, windowMs: 1_000 }, cost, tally });
    for (const atMs of times) key.admit(key.arrive(atMs), atMs);
    return tally;
  };

  it("finds what is one too many in an interval of the window's length", () => {
    expect(judged([0, 500, 999.9]).over).toBe(1);
    expect(judged([0, 1, 2, 3]).over).toBe(2);
  });

  it("finds nothing when the oldest leaves the interval just then", () => {
    expect(judged([0, 500, 1_000, 1_500]).over).toBe(0);
  });

  it("counts tokens, not requests", () => {
    expect(judged([0, 10], 2).over).toBe(2);
    expect(judged([0, 1_000], 2).over).toBe(0);
  });

  it("asks the omniscient limiter in the order of arrival, and only about what was answered", () => {
    const tally = emptyTally();
    const key = new JudgedKey("k", { rule: { kind: "rate", limit: 2, windowMs: 1_000 }, cost: 1, tally });
    const [first, second, third, fourth] = [key.arrive(0), key.arrive(1), key.arrive(2), key.arrive(3)];
    key.deny(fourth);
    key.deny(third);
    key.admit(second, 4);
    expect(tally.possible).toBe(0);
    key.leaveUnanswered(first);
    expect(tally).toEqual({ requests: 4, admitted: 1, possible: 2, over: 0, unanswered: 1 });
  });
});

describe("the means of the simulation", () => {
  it("sum up exactly what a slow sum over all times sums up", () => {
    const random = seededRandom(5);
    const fast = new RollingSum(50);
    const all: { atMs: number; amount: number }[] = [];
    for (let atMs = 0; all.length < 2_000; atMs += random() * (all.length % 500)) {
      const amount = 1 + Math.floor(random() * 3);
      fast.at(atMs);
      fast.add(atMs, amount);
      all.push({ atMs, amount });
      const slow = all.filter((one) => atMs - one.atMs < 50).reduce((sum, one) => sum + one.amount, 0);
      expect(fast.at(atMs)).toBe(slow);
    }
  });

  it("run events by their time, and those of the same time in the order in which they were planned", () => {
    const queue = new EventQueue();
    const ran: string[] = [];
    for (const [name, delayMs] of [
      ["c", 5],
      ["a", 1],
      ["d", 5],
      ["b", 2],
      ["late", 9],
    ] as const)
      queue.after(delayMs, () => ran.push(name));
    queue.runUntil(5);
    expect(ran).toEqual(["a", "b", "c", "d"]);
    queue.runUntil(9);
    expect(ran.at(-1)).toBe("late");
  });
});

describe("the command line", () => {
  it("knows how many requests, which seed and which scenarios", () => {
    expect(readSimulateOptions(["limits"])).toEqual({ requests: 10_000_000, seed: 1, only: "" });
    expect(readSimulateOptions(["limits", "--requests", "5000", "--seed", "7", "--only", "busy"])).toEqual({
      requests: 5_000,
      seed: 7,
      only: "busy",
    });
  });

  it.each([[[]], [["health"]], [["limits", "more"]], [["limits", "--requests", "few"]], [["limits", "--speed", "9"]]])(
    "refuses %j",
    (args) => {
      expect(() => readSimulateOptions(args)).toThrow(SimulateProblem);
    },
  );

  it("plays the scenarios asked for, prints one row each and says what was met", () => {
    const lines: string[] = [];
    const results = simulateLimits({ requests: 2_000, seed: 3, only: "1000/60s zipf" }, (line) => lines.push(line));
    expect(results.map(({ scenario }) => scenario.name)).toEqual(["1000/60s zipf x20"]);
    expect(lines.filter((line) => line.startsWith("1000/60s zipf x20"))).toHaveLength(1);
    expect(lines.at(-1)).toMatch(/^(?:met|NOT met) {2,}calls\/s per object, peak/m);
  });

  it("refuses a scenario that is not there", () => {
    expect(() => simulateLimits({ requests: 2_000, seed: 3, only: "nothing" }, () => {})).toThrow(SimulateProblem);
  });
});

describe("the verdict", () => {
  const result = (over: number, admitted: number, peakPerSecond: number, limit = 1_000): ScenarioResult => ({
    scenario: { ...HOT, limit },
    tally: { requests: 200, admitted, possible: 100, over, unanswered: 0 },
    seconds: 1,
    calls: 100,
    rows: 100,
    deaths: 0,
    restarts: 0,
    peakPerSecond,
  });
  const met = (...results: ScenarioResult[]) => judge(results).map((verdict) => verdict.met);

  it("is met at the bounds", () => {
    expect(met(result(0, 98, 500))).toEqual([true, true, true, true]);
  });

  it("is not met beyond one of them, in any scenario", () => {
    expect(met(result(0, 98, 500), result(1, 97, 501))).toEqual([false, false, true, false]);
  });

  it("states the under-admission of small limits without judging it", () => {
    expect(met(result(0, 98, 500), result(0, 50, 10, 999))).toEqual([true, true, true, true]);
  });
});
