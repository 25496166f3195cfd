// What operators read of a pool's registry.

import { describe, expect, it } from "vitest";
import type { ProbeState } from "../../../src/contracts/health.ts";
import { STATUS_ENTRIES_MAX } from "../../../src/contracts/registry.ts";
import { answerLeaseCall } from "../../../src/policies/balancing/answer-lease-call.ts";
import { describeHealth, describeRegistry } from "../../../src/policies/balancing/describe-registry.ts";
import { openBooks } from "../../../src/policies/balancing/registry-books.ts";
import { hearReport } from "../../../src/policies/health/verdicts.ts";
import { callUnder, rosterOfIds } from "./isolate-calls.ts";

const roster = rosterOfIds(["a", "b"]);

describe("describeRegistry", () => {
  it("of a pool nobody has called is empty, not an error", () => {
    expect(describeRegistry("api", openBooks(undefined, undefined), 0)).toMatchObject({
      pool: "api",
      rosterVersion: 0,
      issued: 0,
      outstanding: [],
      isolates: [],
      inFlight: {},
      instances: [],
      staleness: { renewAfterMs: 100, oldestReportMs: 0 },
    });
  });

  it("tells what is out with whom, how old reports are, and what is in flight", () => {
    const books = openBooks(undefined, undefined);
    answerLeaseCall(
      books,
      callUnder(roster, { isolateId: "x", callId: 1, roster, want: 3, inFlight: [["a", 2]], uncounted: 1 }),
      1_000,
    );
    answerLeaseCall(
      books,
      callUnder(roster, {
        isolateId: "y",
        callId: 1,
        inFlight: [
          ["a", 1],
          ["b", 1],
        ],
      }),
      1_400,
    );
    const status = describeRegistry("api", books, 1_500);
    expect(status).toMatchObject({
      strategy: "round-robin",
      rosterVersion: 1,
      configVersion: 1,
      issued: 3,
      used: 0,
      inFlight: { a: 3, b: 1 },
      uncounted: 1,
      staleness: { renewAfterMs: 100, oldestReportMs: 500 },
      isolates: [
        { isolateId: "x", ageMs: 500, inFlight: 2 },
        { isolateId: "y", ageMs: 100, inFlight: 2 },
      ],
    });
    expect(status.outstanding).toEqual([
      { leaseId: "1.1", rosterVersion: 1, from: 0, count: 3, isolateId: "x", used: 0, ageMs: 500 },
    ]);
  });

  it("tells whom probes find bad, in the roster's order, and who is probed beside the roster only as such", () => {
    const books = openBooks(undefined, undefined);
    const fact = (instanceId: string, state: ProbeState) => ({ instanceId, state, ms: 1 });
    const facts = [fact("c", "unhealthy"), fact("b", "degraded"), fact("a", "unhealthy")];
    hearReport(books.verdicts, { facts, validMs: 1_000 }, 0);
    const before = describeRegistry("api", books, 0);
    expect(before).toMatchObject({ unhealthy: ["c", "a"], degraded: ["b"], panic: false, probed: facts });
    answerLeaseCall(books, callUnder(roster, { isolateId: "x", callId: 1, roster }), 0);
    const told = describeRegistry("api", books, 999);
    expect(told).toMatchObject({ unhealthy: ["a"], degraded: ["b"], panic: false, probed: facts, ejected: [] });
    expect(describeHealth(books, 999)).toMatchObject({ ejected: [], probed: facts });
    const lapsed = { unhealthy: [], degraded: [], panic: false, probed: [] };
    expect(describeRegistry("api", books, 1_000)).toMatchObject(lapsed);
  });

  it("tells of panic once more than half of the pool would be out, and still who is bad", () => {
    const books = openBooks(undefined, undefined);
    answerLeaseCall(books, callUnder(roster, { isolateId: "x", callId: 1, roster }), 0);
    const facts = ["a", "b"].map((instanceId) => ({ instanceId, state: "unhealthy" as const, ms: null }));
    hearReport(books.verdicts, { facts: facts.slice(1), validMs: 1_000 }, 0);
    expect(describeRegistry("api", books, 0)).toMatchObject({ unhealthy: ["b"], panic: false });
    hearReport(books.verdicts, { facts, validMs: 1_000 }, 0);
    expect(describeRegistry("api", books, 0)).toMatchObject({ unhealthy: ["a", "b"], panic: true });
  });

  it("bounds its lists", () => {
    const books = openBooks(undefined, undefined);
    answerLeaseCall(books, callUnder(roster, { isolateId: "first", callId: 1, roster }), 0);
    for (let i = 0; i < STATUS_ENTRIES_MAX + 5; i++) {
      answerLeaseCall(books, callUnder(roster, { isolateId: `x${i}`, callId: 1, want: 1 }), 0);
    }
    const status = describeRegistry("api", books, 0);
    expect(status.outstanding).toHaveLength(STATUS_ENTRIES_MAX);
    expect(status.isolates).toHaveLength(STATUS_ENTRIES_MAX);
    expect(status.issued).toBe(STATUS_ENTRIES_MAX + 5);
  });
});
