// How many instances a pool gets under a load that steps, ramps, flaps or leaps: a fleet on a fake clock, decided tick by tick.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ScaleDecision, ScaleDelivery, ScaleSettings } from "../../../src/contracts/autoscale.ts";
import { meterInFlight, meterOutcomes } from "../../../src/policies/autoscale/load-meter.ts";
import { activeIn, nextTickAtMs, openScale, tickScale } from "../../../src/policies/autoscale/scale-book.ts";
import { scaleSettingsOf, tickMs } from "../../../src/policies/autoscale/scale-settings.ts";

const STANDBY = Array.from({ length: 20 }, (_, i) => `standby-${i}`);
const settingsOf = (more: Partial<Parameters<typeof scaleSettingsOf>[0]> = {}): ScaleSettings =>
  scaleSettingsOf({ min: 1, max: 12, ...more }, { scaledBy: "standby", standby: STANDBY });

type Load = {
  readonly inFlight: number;
  readonly latencyMs?: number;
  readonly failed?: number;
  readonly cpu?: number;
  readonly out?: number;
};
const START_MS = 1_000_000;

/** A pool of one instance and twenty on standby. `load` is asked each tick, as of so many seconds since the start. */
function run(load: (second: number, active: number) => Load, seconds: number, settings = settingsOf()) {
  const book = openScale([], START_MS);
  const decisions: (ScaleDecision & { readonly second: number })[] = [];
  const actives: number[] = [];
  let nowMs = START_MS;
  const capacity = () => ({ always: 1, most: 1 + STANDBY.length, nowMs });
  while (nowMs < START_MS + seconds * 1_000) {
    const second = (nowMs - START_MS) / 1_000;
    const active = activeIn(book, settings, capacity());
    const { inFlight, latencyMs = 20, failed = 0, cpu = null, out = 0 } = load(second, active);
    meterInFlight(book.meter, inFlight, nowMs);
    nowMs = nextTickAtMs(book, settings, nowMs);
    const answered = Math.max(1, Math.round(inFlight * 10));
    meterOutcomes(book.meter, [{ answered, failed, answeredMs: answered * latencyMs }]);
    const decision = tickScale(book, { settings, active, out, cpu, nowMs, pool: "api" });
    if (decision !== undefined) decisions.push({ ...decision, second: (nowMs - START_MS) / 1_000 });
    actives.push(activeIn(book, settings, capacity()));
  }
  return { book, decisions, actives, end: actives.at(-1) ?? 0 };
}

describe("a webhook that was asked for instances", () => {
  const settings = scaleSettingsOf(
    { min: 1, max: 12, webhook: { url: "http://hook.test" } },
    { scaledBy: "webhook", standby: [] },
  );

  /** `there`: how many instances there are; `takes`: what becomes of a decision. */
  function ask(
    inFlight: (second: number) => number,
    seconds: number,
    { there, takes }: { there: (second: number) => number; takes: (second: number) => ScaleDelivery },
  ) {
    const book = openScale([], START_MS);
    const told: string[] = [];
    for (let nowMs = START_MS; nowMs < START_MS + seconds * 1_000; ) {
      const second = (nowMs - START_MS) / 1_000;
      meterInFlight(book.meter, inFlight(second), nowMs);
      nowMs = nextTickAtMs(book, settings, nowMs);
      const active = activeIn(book, settings, { always: there(second), most: there(second), nowMs });
      const decision = tickScale(book, { settings, active, out: 0, cpu: null, nowMs, pool: "api" });
      if (decision !== undefined) told.push(`${decision.from}>${decision.to}`);
      const [latest, ...earlier] = book.decisions;
      if (latest !== undefined) book.decisions = [{ ...latest, delivery: takes(second) }, ...earlier];
    }
    return told;
  }
  const delivered = (second: number): ScaleDelivery => ({
    state: "delivered",
    attempts: 1,
    nextAtMs: START_MS + Math.min(second, 20) * 1_000,
    detail: "",
  });

  it("and brings none in time is asked for as many again, never for fewer than before", () => {
    expect(ask(() => 40, 150, { there: () => 1, takes: delivered })).toEqual(["1>2", "2>4", "1>4", "1>4"]);
  });

  it("and takes none away in time is told to again, never to keep more than before", () => {
    const load = (second: number) => (second < 60 ? 80 : 0);
    const told = ask(load, 800, { there: (second) => (second < 30 ? 1 : 8), takes: delivered });
    const again = told.slice(told.indexOf("2>1") + 1);
    expect(again.length).toBeGreaterThan(2);
    expect(new Set(again)).toEqual(new Set(["8>1"]));
  });

  it("but can't be told is asked for the same for as long as that lasts, by one decision", () => {
    const due: ScaleDelivery = { state: "due", attempts: 9, nextAtMs: START_MS + 3_000_000, detail: "it answered 500" };
    expect(ask(() => 40, 1_000, { there: () => 1, takes: () => due })).toEqual(["1>2", "2>4"]);
  });
});

describe("a pool without an instance and without load", () => {
  it("is not in panic; with load it is", () => {
    const isPanic = (inFlight: number) => {
      const book = openScale([], START_MS);
      meterInFlight(book.meter, inFlight, START_MS);
      tickScale(book, { settings: settingsOf(), active: 0, out: 0, cpu: null, nowMs: START_MS + 2_000, pool: "api" });
      return book.signals.isPanic;
    };
    expect([0, 19, 20].map(isPanic)).toEqual([false, false, true]);
  });
});

describe("the load of an instance is ten requests in flight: a pool", () => {
  it.each([
    [0, 1],
    [9, 1],
    [10, 1],
    [11, 2],
    [55, 6],
    [120, 12],
    [1_000, 12],
  ])("under %i has %i instances in the end", (inFlight, instances) => {
    expect(run(() => ({ inFlight }), 300).end).toBe(instances);
  });

  it("decides nothing more once it has as many as a steady load takes, however long that lasts", () => {
    const { decisions } = run(() => ({ inFlight: 45 }), 3_600);
    expect(decisions.at(-1)?.second).toBeLessThanOrEqual(60);
    expect(decisions.every(({ from, to }) => to > from)).toBe(true);
  });

  it("never has more than twice as many after one decision, nor less than half, and says why each time", () => {
    const { decisions } = run((second) => ({ inFlight: second < 600 ? 100 : 0 }), 1_800);
    for (const { from, to, why } of decisions) {
      expect(to).toBeLessThanOrEqual(Math.max(from + 1, 2 * from));
      expect(to).toBeGreaterThanOrEqual(Math.ceil(from / 2));
      expect(why).not.toBe("");
    }
    expect(decisions.slice(0, 4).map(({ to }) => to)).toEqual([2, 4, 8, 10]);
    expect(decisions.at(-1)?.to).toBe(1);
  });
});

describe("a load that", () => {
  it("steps up to ten times as much is met within the panic window, and one that rises by a half is not called a panic", () => {
    const leap = run((second) => ({ inFlight: second < 120 ? 8 : 80 }), 180);
    const first = leap.decisions.find(({ to }) => to >= 8);
    expect(first?.second).toBeLessThanOrEqual(120 + 6 + 4);
    expect(leap.decisions.map(({ reason }) => reason)).toContain("panic");
    const rise = run((second) => ({ inFlight: second < 120 ? 8 : 12 }), 300);
    expect(rise.decisions.map(({ reason, to }) => [reason, to])).toEqual([["load", 2]]);
  });

  it("leaps for a second is not followed for less than the panic window's mean", () => {
    const { decisions } = run((second) => ({ inFlight: second >= 120 && second < 121 ? 30 : 2 }), 300);
    expect(decisions).toEqual([]);
  });

  it("ramps up and down is followed up without delay and down a delay later, never the other way", () => {
    const ramp = (second: number) => ({ inFlight: second < 600 ? second / 6 : Math.max(0, 200 - second / 6) });
    const { actives, decisions } = run(ramp, 1_500);
    const top = actives.indexOf(Math.max(...actives));
    expect(actives[top]).toBe(10);
    expect(actives.slice(0, top).every((active, i, all) => i === 0 || active >= (all[i - 1] ?? 0))).toBe(true);
    expect(actives.slice(top).every((active, i, all) => i === 0 || active <= (all[i - 1] ?? 0))).toBe(true);
    expect(actives.at(-1)).toBe(1);
    expect(decisions.at(-1)?.reason).toBe("quiet");
  });

  it.each([10, 30, 50])("flaps every %i s makes no instance come and go", (periodSeconds) => {
    const flapping = (second: number) => ({ inFlight: Math.floor(second / periodSeconds) % 2 === 0 ? 60 : 5 });
    const { decisions } = run(flapping, 1_800);
    expect(decisions.filter(({ from, to }) => to < from)).toEqual([]);
    expect(decisions.length).toBeLessThanOrEqual(4);
  });

  it("hovers about the bearable makes no instance come and go", () => {
    let odd = 0;
    const { decisions } = run(() => ({ inFlight: 19.5 + (odd++ % 2) }), 1_800);
    expect(decisions.filter(({ from, to }) => to < from)).toEqual([]);
  });

  it("has gone keeps its instances for downDelayMs, and loses them then", () => {
    const { decisions } = run(
      (second) => ({ inFlight: second < 120 ? 20 : 0 }),
      600,
      settingsOf({ downDelayMs: 180_000 }),
    );
    const down = decisions.find(({ from, to }) => to < from);
    // The stable window still holds some of the load for a minute.
    expect(down?.second).toBeGreaterThanOrEqual(120 + 180);
    expect(down?.second).toBeLessThanOrEqual(120 + 60 + 180 + 10);
  });
});

describe("errors", () => {
  it("alone add no instance, however many; under load they do", () => {
    expect(run(() => ({ inFlight: 2, failed: 500 }), 600).decisions).toEqual([]);
    const loaded = run((_, active) => ({ inFlight: 7 * active, failed: active < 3 ? 500 : 0 }), 300);
    expect(loaded.decisions.map(({ reason }) => reason)).toEqual(["errors", "errors"]);
  });

  it("keep instances that a quick failure would make look idle", () => {
    const failing = (second: number) => ({ inFlight: second < 120 ? 50 : 1, failed: second < 130 ? 0 : 500 });
    expect(run(failing, 900).end).toBe(5);
    expect(run((second) => ({ inFlight: second < 120 ? 50 : 1 }), 900).end).toBe(1);
  });
});

describe("slow answers", () => {
  const slow = (inFlight: (active: number) => number) => (second: number, active: number) => ({
    inFlight: second < 120 ? 2 : inFlight(active),
    latencyMs: second >= 120 && active < 3 ? 400 : 100,
  });

  it("add one instance at a time under load, until answers are as quick as usual; without load none", () => {
    const loaded = run(
      slow((active) => 7 * active),
      400,
    );
    expect(loaded.decisions.map(({ reason, to }) => [reason, to])).toEqual([
      ["latency", 2],
      ["latency", 3],
    ]);
    expect(
      run(
        slow(() => 2),
        400,
      ).decisions,
    ).toEqual([]);
  });
});

describe("CPU that backends report", () => {
  it("adds instances until each has as much as wanted, and none where there is enough left", () => {
    const busy = run((_, active) => ({ inFlight: 1, cpu: Math.min(1, 2.8 / active) }), 600);
    expect([busy.end, busy.decisions[0]?.reason]).toEqual([4, "cpu"]);
    expect(run((_, active) => ({ inFlight: 1, cpu: 0.6 / active }), 600).decisions).toEqual([]);
  });
});

describe("instances that are out", () => {
  it("are replaced, and given back when they are in again", () => {
    const { decisions } = run((second) => ({ inFlight: 2, out: second >= 120 && second < 300 ? 1 : 0 }), 900);
    expect(decisions.map(({ from, to }) => [from, to])).toEqual([
      [1, 2],
      [2, 1],
    ]);
  });
});

describe("a clock that is set back", () => {
  it("stops nothing for longer than a tick", () => {
    const settings = settingsOf();
    const book = openScale([], START_MS);
    tickScale(book, { settings, active: 1, out: 0, cpu: null, nowMs: START_MS, pool: "api" });
    expect(nextTickAtMs(book, settings, START_MS - 900_000)).toBe(START_MS - 900_000 + tickMs(settings));
  });
});

describe("after a restart", () => {
  it("as many serve as decided last, and none is given back before a stable window has been seen", () => {
    const settings = settingsOf({ downDelayMs: 0 });
    const { decisions } = run(() => ({ inFlight: 50 }), 120);
    const book = openScale(decisions.toReversed(), START_MS);
    expect(activeIn(book, settings, { always: 1, most: 21, nowMs: START_MS })).toBe(5);
    let nowMs = START_MS;
    let first: ScaleDecision | undefined;
    while (first === undefined && nowMs < START_MS + 600_000) {
      nowMs = nextTickAtMs(book, settings, nowMs);
      first = tickScale(book, { settings, active: 5, out: 0, cpu: null, nowMs, pool: "api" });
    }
    expect(nowMs - START_MS).toBeGreaterThanOrEqual(60_000);
    expect(first).toMatchObject({ from: 5, to: 3 });
  });
});

describe("whatever the load", () => {
  it("there are never more than max nor less than min, and the book stays bounded", () => {
    const moment = fc.record({ inFlight: fc.nat(400), latencyMs: fc.nat(2_000), failed: fc.nat(200), out: fc.nat(2) });
    fc.assert(
      fc.property(fc.array(moment, { minLength: 1, maxLength: 40 }), (moments) => {
        const settings = settingsOf({ min: 2, max: 7 });
        const { book, decisions, actives } = run(
          (second) => moments[Math.floor(second / 20) % moments.length] ?? { inFlight: 0 },
          800,
          settings,
        );
        expect(Math.max(...actives)).toBeLessThanOrEqual(7);
        expect(Math.min(...actives)).toBeGreaterThanOrEqual(2);
        expect(decisions.every(({ from, to }) => from !== to)).toBe(true);
        expect(book.wishes.length).toBeLessThanOrEqual(12);
        expect(book.meter.steps.length).toBeLessThanOrEqual(31);
      }),
      { numRuns: 30 },
    );
  });
});
