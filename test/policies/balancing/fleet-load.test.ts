// In-flight over the fleet against the obvious sums, and least-connections against the obvious minimum.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  countPick,
  emptyFleet,
  type FleetLoad,
  hearIsolate,
  ISOLATES_MAX,
  lapseIsolates,
  othersThan,
} from "../../../src/policies/balancing/fleet-load.ts";
import { pickLeastConnections } from "../../../src/policies/balancing/pick-least-connections.ts";

const IDS = ["a", "b", "c", "d"];
const noOutcomes = { outcomes: [], since: 0 };
const nobody = { out: [], avoid: [], shares: new Map<string, number>() };
const instances = IDS.map((id) => ({ id, weight: 1 }));

const sumOf = (model: Map<string, Map<string, number>>, id: string, except?: string): number =>
  [...model].reduce((sum, [isolate, loads]) => sum + (isolate === except ? 0 : (loads.get(id) ?? 0)), 0);

describe("the fleet's load", () => {
  it("is always the sum of what each isolate said last and was given since", () => {
    const report = fc.record({
      do: fc.constant("report" as const),
      isolate: fc.nat(3),
      loads: fc.uniqueArray(fc.tuple(fc.constantFrom(...IDS), fc.nat(5)), { selector: ([id]) => id }),
    });
    const pick = fc.record({ do: fc.constant("pick" as const), isolate: fc.nat(3), start: fc.nat(50) });
    const pass = fc.record({ do: fc.constant("pass" as const), ms: fc.nat(9_000) });
    fc.assert(
      fc.property(fc.array(fc.oneof(report, pick, pass), { maxLength: 60 }), (steps) => {
        const fleet = emptyFleet();
        const model = new Map<string, Map<string, number>>();
        const seenMs = new Map<string, number>();
        let nowMs = 0;
        let callId = 0;
        for (const step of steps) {
          if (step.do === "pass") {
            nowMs += step.ms;
            lapseIsolates(fleet, nowMs, 15_000);
            for (const [id, at] of seenMs) if (nowMs - at >= 15_000) model.delete(id);
            continue;
          }
          const isolateId = `x${step.isolate}`;
          if (step.do === "report") {
            hearIsolate(
              fleet,
              { isolateId, callId: ++callId, inFlight: step.loads, ...noOutcomes },
              { instances, nowMs },
            );
            model.set(isolateId, new Map(step.loads));
            seenMs.set(isolateId, nowMs);
          } else if (model.has(isolateId)) {
            const picked = pickLeastConnections({ instances, inFlight: fleet.totals, ...nobody, start: step.start });
            const least = Math.min(...IDS.map((id) => sumOf(model, id)));
            expect(sumOf(model, picked ?? "")).toBe(least);
            countPick(fleet, isolateId, picked ?? "");
            model.get(isolateId)?.set(picked ?? "", (model.get(isolateId)?.get(picked ?? "") ?? 0) + 1);
          }
        }
        expect([...fleet.isolates.keys()].sort()).toEqual([...model.keys()].sort());
        for (const id of IDS) {
          expect(fleet.totals.get(id) ?? 0).toBe(sumOf(model, id));
          expect(new Map(othersThan(fleet, "x0")).get(id) ?? 0).toBe(sumOf(model, id, "x0"));
        }
      }),
    );
  });

  it("forgets the isolate heard of longest ago once there are more than the maximum", () => {
    const fleet: FleetLoad = emptyFleet();
    const hear = (n: number) =>
      hearIsolate(
        fleet,
        { isolateId: `x${n}`, callId: 1, inFlight: [["a", 1]], ...noOutcomes },
        { instances, nowMs: n },
      );
    for (let n = 0; n < ISOLATES_MAX; n++) hear(n);
    hear(0);
    expect(fleet.isolates.size).toBe(ISOLATES_MAX);
    hear(ISOLATES_MAX);
    expect(fleet.isolates.size).toBe(ISOLATES_MAX);
    expect(fleet.isolates.has("x1")).toBe(false);
    expect(fleet.isolates.has("x0")).toBe(true);
    expect(fleet.totals.get("a")).toBe(ISOLATES_MAX);
  });
});

describe("pickLeastConnections", () => {
  const inFlight = new Map([
    ["a", 1],
    ["b", 0],
    ["c", 0],
    ["d", 2],
  ]);
  it.each([
    ["begins at its turn among equals", 2, [], "c"],
    ["goes round", 3, [], "b"],
    ["takes any number for a turn", 4_000_000_001, [], "b"],
    ["passes over what is avoided", 0, ["b", "c"], "a"],
    ["avoids nothing when everything is avoided", 0, IDS, "b"],
  ])("%s", (_, start, avoid, expected) => {
    expect(pickLeastConnections({ ...nobody, instances, inFlight, avoid, start })).toBe(expected);
  });

  it.each([
    ["passes over who is out as it does whom the isolate avoids", ["b"], ["c"], "a"],
    [
      "goes by who is out alone when together they are everybody: the isolate may have heard long ago",
      ["b", "c"],
      ["a", "d"],
      "a",
    ],
    ["takes anybody when everybody is out", IDS, ["b"], "b"],
  ])("%s", (_, out, avoid, expected) => {
    expect(pickLeastConnections({ ...nobody, instances, inFlight, out, avoid, start: 0 })).toBe(expected);
  });

  it("counts requests by weight, and those of one that starts slowly by the part of it that it gets", () => {
    const pick = (weight: number, share: number, requests: number) =>
      pickLeastConnections({
        ...nobody,
        instances: [
          { id: "a", weight },
          { id: "b", weight: 1 },
        ],
        inFlight: new Map([
          ["a", requests],
          ["b", 1],
        ]),
        shares: new Map([["a", share]]),
        start: 0,
      });
    expect([1, 2, 4].map((requests) => pick(3, 1, requests))).toEqual(["a", "a", "b"]);
    expect([0, 1].map((requests) => pick(3, 0.1, requests))).toEqual(["a", "b"]);
  });

  it("gives lone requests to each in turn, whatever it weighs, and to one that starts slowly", () => {
    const instances = [
      { id: "a", weight: 9 },
      { id: "b", weight: 1 },
      { id: "c", weight: 1 },
    ];
    const idle = { ...nobody, instances, inFlight: new Map(), shares: new Map([["c", 0.1]]) };
    expect([0, 1, 2].map((start) => pickLeastConnections({ ...idle, start }))).toEqual(["a", "b", "c"]);
  });

  it("picks a backup only while more than half of those before it are out", () => {
    const ranked = IDS.map((id) => ({ id, weight: 1, ...(id === "d" && { tier: 1 }) }));
    const pick = (out: readonly string[]) =>
      pickLeastConnections({ ...nobody, instances: ranked, inFlight: new Map([["c", 9]]), out, start: 3 });
    expect(pick([])).toBe("a");
    expect(pick(["a"])).toBe("b");
    expect(pick(["a", "b"])).toBe("d");
  });

  it("picks nothing from an empty roster", () => {
    expect(pickLeastConnections({ instances: [], inFlight, ...nobody, start: 0 })).toBeUndefined();
  });
});
