// What a round makes of a pool, and what a changed configuration does to who is probed.

import { describe, expect, it } from "vitest";
import type { ProbeRecord } from "../../../src/policies/health/probe-record.ts";
import { adoptPlan, concludeRound, type ProbePlan } from "../../../src/policies/health/probe-round.ts";
import { compileProbeSettings } from "../../../src/policies/health/probe-settings.ts";
import type { Probe } from "../../../src/policies/health/probe-verdict.ts";

const settings = compileProbeSettings({});
const moment = { nowMs: 1_000_000, random: () => 0.5 };
const plan = (...urls: readonly (readonly [id: string, base: string])[]): ProbePlan => ({
  settings,
  instances: urls.map(([id, base]) => ({ id, weight: 1, features: [], target: { kind: "url", base } })),
});
const begun = (next: ProbePlan): ProbeRecord[] => [...adoptPlan([], { before: undefined, next }, moment).begun];
const TWO = plan(["a", "http://a"], ["b", "http://b"]);

const round = (records: readonly ProbeRecord[], probes: { readonly [id: string]: Probe }) =>
  concludeRound(records, new Map(Object.entries(probes)), { settings, ...moment });
const statesOf = ({ records }: ReturnType<typeof round>) =>
  Object.fromEntries(records.map(({ instanceId, state }) => [instanceId, state]));
const answerIn = (ms: number): Probe => ({ status: 200, ms });

describe("a round", () => {
  it("changes those that were probed, and nobody else", () => {
    const outcome = round(begun(TWO), { a: answerIn(5) });
    expect(statesOf(outcome)).toEqual({ a: "healthy" });
    expect(outcome.standing).toMatchObject([{ instanceId: "a", state: "healthy" }, begun(TWO)[1]]);
    expect(outcome.transitions).toMatchObject([{ instanceId: "a", from: "unknown", to: "healthy" }]);
  });

  it("judges by the median of the whole pool, in whatever order the answers came", () => {
    const records = begun(plan(["a", "http://a"], ["b", "http://b"], ["c", "http://c"]));
    const slow = { a: answerIn(900), b: answerIn(20), c: answerIn(30) };
    const turned = Object.fromEntries(Object.entries(slow).toReversed());
    for (const probes of [slow, turned]) {
      expect(statesOf(round(records, probes))).toEqual({ a: "degraded", b: "healthy", c: "healthy" });
    }
  });

  it("compares with what others answered before, and not with those that failed last", () => {
    const records = round(begun(TWO), { a: answerIn(20), b: answerIn(20) }).records;
    expect(statesOf(round(records, { a: answerIn(900) }))).toEqual({ a: "degraded" });
    const failed = round(records, { b: { status: 503, ms: 1 } }).records;
    const [a] = records;
    expect(statesOf(round([...(a ? [a] : []), ...failed], { a: answerIn(900) }))).toEqual({ a: "healthy" });
  });

  it("calls nobody degraded where all are slow alike", () => {
    expect(statesOf(round(begun(TWO), { a: answerIn(2_000), b: answerIn(2_100) }))).toEqual({
      a: "healthy",
      b: "healthy",
    });
  });

  it("raises an alert for whom it is due, and for nobody else", () => {
    const down: Probe = { status: undefined, ms: 1 };
    const once = round(begun(TWO), { a: down, b: answerIn(1) });
    expect(once.alerts).toEqual([]);
    expect(round(once.records, { a: down, b: down }).alerts).toEqual([{ instanceId: "a", failures: 2 }]);
  });
});

describe("a changed configuration", () => {
  it("begins with instances that are new, at once, and ends those that are gone", () => {
    const next = plan(["b", "http://b"], ["c", "http://c"]);
    const { ended, begun: fresh } = adoptPlan(begun(TWO), { before: TWO, next }, moment);
    expect(ended).toEqual(["a"]);
    expect(fresh).toMatchObject([{ instanceId: "c", state: "unknown", failures: 0, nextAtMs: moment.nowMs + 500 }]);
  });

  it("leaves those alone that stay", () => {
    expect(adoptPlan(begun(TWO), { before: TWO, next: TWO }, moment)).toEqual({ ended: [], begun: [] });
  });

  it("takes an instance that leads elsewhere for another one", () => {
    const next = plan(["a", "http://elsewhere"], ["b", "http://b"]);
    const { ended, begun: fresh } = adoptPlan(begun(TWO), { before: TWO, next }, moment);
    expect([ended, fresh.map(({ instanceId }) => instanceId)]).toEqual([["a"], ["a"]]);
  });
});
