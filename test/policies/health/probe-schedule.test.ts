// When an instance is probed next, who is due, and when the alarm goes off.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ProbeRecord } from "../../../src/policies/health/probe-record.ts";
import {
  DUE_MAX,
  dueRecords,
  firstProbeDelayMs,
  nextAlarmAtMs,
  probeDelayMs,
} from "../../../src/policies/health/probe-schedule.ts";
import { compileProbeSettings } from "../../../src/policies/health/probe-settings.ts";

const NOW_MS = 1_000_000;
const DEFAULTS = compileProbeSettings({});
const every = (intervalMs: number) => compileProbeSettings({ intervalMs });
const record = (nextAtMs: number, instanceId = "a"): ProbeRecord => ({
  instanceId,
  state: "healthy",
  failures: 0,
  successes: 1,
  alerted: false,
  ms: 1,
  nextAtMs,
});
const SOUND = { state: "healthy", failures: 0, successes: 9 } as const;
const FAILING = { state: "healthy", failures: 1, successes: 0 } as const;
const GONE = { state: "unhealthy", failures: 9, successes: 0 } as const;
const BACK = { state: "unhealthy", failures: 0, successes: 1 } as const;
const NEVER_ANSWERED = { state: "unknown", failures: 2, successes: 0 } as const;

describe("the next probe", () => {
  it.each([
    ["one that is well", SOUND, 30_000],
    ["one that keeps failing", GONE, 30_000],
    ["a suspect", FAILING, 3_000],
    ["one that answers again", BACK, 3_000],
    ["one that has never answered and is not given up", NEVER_ANSWERED, 3_000],
  ])("of %s comes after %j → %d ms", (_, standing, ms) => {
    expect(probeDelayMs(standing, DEFAULTS, 0.5)).toBe(ms);
  });

  it("comes up to a tenth sooner or later than that (D47)", () => {
    expect([0, 0.5, 1].map((random) => probeDelayMs(SOUND, DEFAULTS, random))).toEqual([27_000, 30_000, 33_000]);
  });

  it("of a suspect comes after 1 s at least, and after the interval at most", () => {
    expect(probeDelayMs(FAILING, every(5_000), 0.5)).toBe(1_000);
    expect(probeDelayMs(FAILING, every(1_000), 0.5)).toBe(1_000);
    expect(probeDelayMs(FAILING, every(600_000), 0.5)).toBe(60_000);
  });

  it("is the first one within a second, and within the interval", () => {
    expect([0, 0.5, 1].map((random) => firstProbeDelayMs(DEFAULTS, random))).toEqual([0, 500, 1_000]);
  });
});

describe("who is due", () => {
  it("is whose time has come, and nobody else", () => {
    const records = [record(NOW_MS + 1, "later"), record(NOW_MS, "now"), record(NOW_MS - 1, "before")];
    expect(dueRecords(records, DEFAULTS, NOW_MS).map(({ instanceId }) => instanceId)).toEqual(["before", "now"]);
  });

  it("is the longest overdue first, no more than a round can probe", () => {
    const records = Array.from({ length: 40 }, (_, i) => record(NOW_MS - i, `${i}`));
    const due = dueRecords(records, DEFAULTS, NOW_MS).map(({ instanceId }) => Number(instanceId));
    expect(due).toEqual(Array.from({ length: DUE_MAX }, (_, i) => 39 - i));
  });

  it("is also who was to wait for longer than the interval: on a clock that was ahead, or under another configuration", () => {
    expect(dueRecords([record(NOW_MS + 33_001)], DEFAULTS, NOW_MS)).toHaveLength(1);
    expect(dueRecords([record(NOW_MS + 33_000)], DEFAULTS, NOW_MS)).toHaveLength(0);
  });
});

describe("the alarm", () => {
  it.each([
    ["who is due next", [NOW_MS + 9_000, NOW_MS + 5_000], NOW_MS + 5_000],
    ["those left over, at once but not now", [NOW_MS - 5, NOW_MS + 5_000], NOW_MS + 10],
    ["who is due soon, together with those due a little later", [NOW_MS + 1], NOW_MS + 200],
    ["nobody, but for what a deployment may bring", [], NOW_MS + 60_000],
  ])("goes off for %s", (_, times, expected) => {
    expect(
      nextAlarmAtMs(
        times.map((atMs) => record(atMs)),
        DEFAULTS,
        NOW_MS,
      ),
    ).toBe(expected);
  });

  it("goes off within a minute however long the interval", () => {
    expect(nextAlarmAtMs([record(NOW_MS + 3_600_000)], every(3_600_000), NOW_MS)).toBe(NOW_MS + 60_000);
  });

  it("is always later than now, and whoever is due then has waited no more than 200 ms", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -50_000, max: 100_000 })), (offsets) => {
        const records = offsets.map((offset) => record(NOW_MS + offset));
        const atMs = nextAlarmAtMs(records, DEFAULTS, NOW_MS);
        expect(atMs).toBeGreaterThanOrEqual(NOW_MS + 10);
        const waiting = records.filter(({ nextAtMs }) => nextAtMs > NOW_MS && nextAtMs < atMs - 200);
        expect(waiting).toEqual([]);
      }),
    );
  });
});
