// What a row of probes makes of an instance: a table of rows, and a slow model that reads the whole history each time.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  afterProbe,
  factsOf,
  type Judgement,
  type Judging,
  type ProbeRecord,
} from "../../../src/policies/health/probe-record.ts";
import { compileProbeSettings, type ProbeSettings } from "../../../src/policies/health/probe-settings.ts";
import type { Probe } from "../../../src/policies/health/probe-verdict.ts";

const START_MS = 1_000_000;
const NEW: ProbeRecord = {
  instanceId: "a",
  state: "unknown",
  failures: 0,
  successes: 0,
  alerted: false,
  ms: null,
  nextAtMs: 0,
};
const DEFAULTS = compileProbeSettings({});

/** `+`: answers; `-`: nothing came; `!`: a 503; `~`: answers slowly. */
const PROBES: { readonly [sign: string]: Probe } = {
  "+": { status: 200, ms: 5 },
  "-": { status: undefined, ms: 5_000 },
  "!": { status: 503, ms: 5 },
  "~": { status: 200, ms: 900 },
};

function play(signs: string, settings: ProbeSettings = DEFAULTS): { judged: Judgement[]; last: ProbeRecord } {
  const judging: Judging = { settings, medianMs: 5, nowMs: START_MS, random: 0.5 };
  let last = NEW;
  const judged = [...signs].map((sign) => {
    const judgement = afterProbe(last, PROBES[sign] ?? PROBES["-"] ?? { status: undefined, ms: 0 }, judging);
    last = judgement.record;
    return judgement;
  });
  return { judged, last };
}
const transitionsOf = (signs: string, settings?: ProbeSettings) =>
  play(signs, settings).judged.flatMap(({ transition }) => (transition ? [`${transition.from} ${transition.to}`] : []));
const alertsOf = (signs: string, settings?: ProbeSettings) =>
  play(signs, settings).judged.map(({ alert }) => alert ?? 0);

describe("an instance", () => {
  it.each([
    ["", "unknown"],
    ["+", "healthy"],
    ["--", "unknown"],
    ["---", "unhealthy"],
    ["+--", "healthy"],
    ["+---", "unhealthy"],
    ["+-!-", "unhealthy"],
    ["+--+--", "healthy"],
    ["---+", "unhealthy"],
    ["---++", "healthy"],
    ["---+-+", "unhealthy"],
    ["---+-++", "healthy"],
    ["+~", "degraded"],
    ["+~+", "healthy"],
    ["~--", "degraded"],
    ["~---", "unhealthy"],
    ["---~~", "degraded"],
  ])("after %j is %s", (signs, state) => {
    expect(play(signs).last.state).toBe(state);
  });

  it("is unhealthy after as many failures, and healthy after as many answers, as its pool says", () => {
    const settings = compileProbeSettings({ retries: 1, successes: 3 });
    expect(transitionsOf("+-++", settings)).toEqual(["unknown healthy", "healthy unhealthy"]);
    expect(transitionsOf("+-+++", settings)).toEqual(["unknown healthy", "healthy unhealthy", "unhealthy healthy"]);
  });

  it("that goes on as it was makes no transition", () => {
    expect(transitionsOf("++++-+--+")).toEqual(["unknown healthy"]);
    expect(transitionsOf("------")).toEqual(["unknown unhealthy"]);
  });

  it("is told with what was found, and with no time where nothing came", () => {
    expect(factsOf([play("+").last])).toEqual([{ instanceId: "a", state: "healthy", ms: 5 }]);
    expect(factsOf([play("---").last])).toEqual([{ instanceId: "a", state: "unhealthy", ms: null }]);
    expect(factsOf([play("+!").last])).toEqual([{ instanceId: "a", state: "healthy", ms: 5 }]);
  });

  it("that nothing was found of yet is not told", () => {
    expect(factsOf([NEW, play("--").last])).toEqual([]);
  });
});

describe("a transition", () => {
  it("says when and why", () => {
    expect(play("+---").judged.at(-1)?.transition).toEqual({
      instanceId: "a",
      from: "healthy",
      to: "unhealthy",
      atMs: START_MS,
      why: "3 failed in a row: no answer in 5000 ms",
    });
    expect(play("--!").judged.at(-1)?.transition?.why).toBe("3 failed in a row: answered 503 in 5 ms");
    expect(play("---++").judged.at(-1)?.transition?.why).toBe("2 in a row: answered 200 in 5 ms");
    expect(play("+~").judged.at(-1)?.transition?.why).toBe("answered 200 in 900 ms, the pool's median is 5 ms");
  });
});

describe("an alert", () => {
  it("is raised at the second failure in a row, once, before the instance is unhealthy (D50)", () => {
    expect(alertsOf("+-----")).toEqual([0, 0, 2, 0, 0, 0]);
  });

  it("is raised again for another row, and not for a single failure", () => {
    expect(alertsOf("--+-+--")).toEqual([0, 2, 0, 0, 0, 0, 2]);
  });

  it("is raised once also where the threshold is lowered below what has failed already", () => {
    const { last } = play("+---", compileProbeSettings({ alertThreshold: 9 }));
    const judging = { settings: DEFAULTS, medianMs: 5, nowMs: START_MS, random: 0.5 };
    const lowered = afterProbe(last, { status: undefined, ms: 1 }, judging);
    expect(lowered.alert).toBe(4);
    expect(afterProbe(lowered.record, { status: undefined, ms: 1 }, judging).alert).toBeUndefined();
  });
});

it("any history is judged as a model judges that reads all of it", () => {
  const small = fc.integer({ min: 1, max: 4 });
  const history = fc.string({ unit: fc.constantFrom("+", "-"), maxLength: 40 });
  fc.assert(
    fc.property(history, small, small, small, (signs, retries, successes, alertThreshold) => {
      const { judged, last } = play(signs, compileProbeSettings({ retries, successes, alertThreshold }));
      const fell = signs.lastIndexOf("-".repeat(retries));
      const isUnhealthy = fell >= 0 && !signs.slice(fell + retries).includes("+".repeat(successes));
      expect(last.state === "unhealthy").toBe(isUnhealthy);
      const rows = signs.split("+").filter((row) => row.length >= alertThreshold);
      expect(judged.filter(({ alert }) => alert !== undefined).length).toBe(rows.length);
      const [failures, answers] = [/-*$/, /\+*$/].map((row) => row.exec(signs)?.[0].length);
      expect([last.failures, last.successes]).toEqual([failures, answers]);
    }),
    { numRuns: 1_000 },
  );
});
