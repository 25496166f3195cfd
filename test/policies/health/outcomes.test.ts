// What isolates tell of instances, against an exact log of what happened there: nothing counts twice, and nothing is lost for good.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { LeaseCall } from "../../../src/contracts/registry.ts";
import { answerLeaseCall } from "../../../src/policies/balancing/answer-lease-call.ts";
import { openBooks } from "../../../src/policies/balancing/registry-books.ts";
import { FAILURES_IN_A_ROW } from "../../../src/policies/health/ejections.ts";
import { keepTold, newOutcomes, OutcomeCount } from "../../../src/policies/health/outcomes.ts";
import { callUnder, rosterOfIds } from "../balancing/isolate-calls.ts";

/** Nobody is ever put out of a pool of one, so that the row goes on however long it is. */
const roster = rosterOfIds(["a"]);

/** `unsent`: the call never reaches the registry; `unheard`: its reply never comes back. */
type Fate = "heard" | "unheard" | "unsent";
const fate = fc.constantFrom<Fate>("heard", "unheard", "unsent");

/** A registry, and isolates whose calls and replies may get lost. */
function openFleet() {
  const books = openBooks(undefined, undefined);
  const isolates = new Map<string, { count: OutcomeCount; callId: number; since: number }>();
  answerLeaseCall(books, callUnder(roster, { isolateId: "first", callId: 1, roster }), 0);
  const isolate = (id: string) => {
    const known = isolates.get(id) ?? { count: new OutcomeCount(), callId: 0, since: 0 };
    isolates.set(id, known);
    return known;
  };
  const call = (isolateId: string, ending: Fate, whileOut = () => {}) => {
    const one = isolate(isolateId);
    const outcomes = one.count.isEmpty ? [] : [one.count.tell("a")];
    const sent: LeaseCall = callUnder(roster, { isolateId, callId: ++one.callId, outcomes, since: one.since });
    if (ending !== "unsent") expect(answerLeaseCall(books, sent, 0).kind).toBe("leased");
    whileOut();
    if (ending !== "heard") return;
    for (const outcome of outcomes) one.count.forget(outcome);
    one.since = sent.callId;
  };
  const row = () => books.ejections.failures.get("a") ?? 0;
  return { isolate, call, row };
}

type Outcome = "answer" | "fail";
const outcome = fc.constantFrom<Outcome>("answer", "fail", "fail");

/** How many failed last, with no answer after them. */
const rowIn = (log: readonly Outcome[]): number => log.length - 1 - log.lastIndexOf("answer");

describe("what one isolate tells", () => {
  const step = fc.oneof(
    { weight: 2, arbitrary: outcome },
    { weight: 1, arbitrary: fc.record({ fate, meanwhile: fc.array(outcome, { maxLength: 4 }) }) },
  );

  it("makes the row that the registry counts the true one at every call that reaches it, whether replies are heard or lost", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const fleet = openFleet();
        const log: Outcome[] = [];
        let row = 0;
        const happen = (what: Outcome) => {
          log.push(what);
          fleet.isolate("x").count[what]();
        };
        for (const one of steps) {
          if (typeof one === "string") happen(one);
          else {
            const toldOf = log.slice();
            fleet.call("x", one.fate, () => one.meanwhile.forEach(happen));
            if (one.fate !== "unsent") row = rowIn(toldOf);
            expect(fleet.row()).toBe(row);
          }
        }
        fleet.call("x", "heard");
        expect(fleet.row()).toBe(rowIn(log));
      }),
      { numRuns: 500 },
    );
  });
});

describe("what several isolates tell", () => {
  const isolateId = fc.constantFrom("x", "y", "z");
  const happens = fc.record({ isolateId, what: outcome });
  const calls = fc.record({ isolateId, fate });

  it("never makes a row longer than what has failed since the last answer that was told, whatever replies get lost", () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(happens, calls), { maxLength: 80 }), (steps) => {
        const fleet = openFleet();
        const untold = new Map<string, Outcome[]>();
        let row = 0;
        for (const one of steps) {
          const own = untold.get(one.isolateId) ?? [];
          if ("what" in one) {
            fleet.isolate(one.isolateId).count[one.what]();
            untold.set(one.isolateId, [...own, one.what]);
          } else {
            fleet.call(one.isolateId, one.fate);
            if (one.fate === "unsent") continue;
            untold.delete(one.isolateId);
            row = own.includes("answer") ? rowIn(own) : row + own.length;
            expect(fleet.row()).toBe(row);
          }
        }
      }),
      { numRuns: 500 },
    );
  });

  it("is the true row when each tells what happened before the next thing does", () => {
    fc.assert(
      fc.property(fc.array(happens, { maxLength: 60 }), (log) => {
        const fleet = openFleet();
        for (const { isolateId, what } of log) {
          fleet.isolate(isolateId).count[what]();
          fleet.call(isolateId, "heard");
        }
        expect(fleet.row()).toBe(rowIn(log.map(({ what }) => what)));
      }),
    );
  });
});

describe("a report whose reply was lost", () => {
  it("counts once, however often it is told", () => {
    const fleet = openFleet();
    for (let i = 1; i < FAILURES_IN_A_ROW; i++) fleet.isolate("x").count.fail();
    for (let i = 0; i < 5; i++) fleet.call("x", "unheard");
    expect(fleet.row()).toBe(FAILURES_IN_A_ROW - 1);
  });

  it("does not undo what another isolate has told meanwhile", () => {
    const fleet = openFleet();
    fleet.isolate("x").count.fail();
    fleet.isolate("x").count.fail();
    fleet.call("x", "unheard");
    fleet.isolate("y").count.answer();
    fleet.call("y", "heard");
    fleet.call("x", "heard");
    expect(fleet.row()).toBe(0);
  });
});

describe("newOutcomes", () => {
  const failed = (times: number) => [{ instanceId: "a", answered: 0, failed: times, failedLast: times }];

  it("takes off what was told since the same reply, and nothing of what was told since another", () => {
    const before = keepTold({ since: 3, outcomes: failed(2) }, roster.instances);
    expect(newOutcomes({ since: 3, outcomes: failed(3) }, before)).toMatchObject([{ failed: 1 }]);
    expect(newOutcomes({ since: 4, outcomes: failed(3) }, before)).toMatchObject([{ failed: 3 }]);
    expect(newOutcomes({ since: 3, outcomes: failed(3) }, undefined)).toMatchObject([{ failed: 3 }]);
  });

  it("counts numbers that went down as none", () => {
    const told = [{ instanceId: "a", answered: 9, failed: 9, failedLast: 0 }];
    const before = keepTold({ since: 0, outcomes: told }, roster.instances);
    expect(newOutcomes({ since: 0, outcomes: failed(2) }, before)).toMatchObject([{ answered: 0, failed: 0 }]);
  });

  it("takes off what was told of each instance, also under a roster that has changed since, and of no other", () => {
    const under = [{ id: "b" }, { id: "a" }, { id: "constructor" }];
    const outcomes = ["a", "b", "constructor"].map((instanceId, i) => ({
      instanceId,
      answered: 10 * (i + 1),
      failed: i,
      failedLast: 0,
    }));
    const before = keepTold({ since: 7, outcomes }, under);
    const more = outcomes.map((one) => ({ ...one, answered: one.answered + 1 }));
    expect(newOutcomes({ since: 7, outcomes: more }, before).map(({ answered, failed }) => [answered, failed])).toEqual(
      [
        [1, 0],
        [1, 0],
        [1, 0],
      ],
    );
    const fresh = [{ instanceId: "c", answered: 4, failed: 1, failedLast: 1 }];
    expect(newOutcomes({ since: 7, outcomes: fresh }, before)).toEqual(fresh);
  });
});

describe("what is kept of a report", () => {
  it("is sixteen bytes for each instance, and nothing of strangers", () => {
    const ids = Array.from({ length: 1_000 }, (_, i) => ({ id: `i${i}` }));
    const outcomes = [...ids, { id: "stranger" }].map(({ id }) => ({
      instanceId: id,
      answered: 1,
      failed: 0,
      failedLast: 0,
    }));
    const { counts, instances } = keepTold({ since: 0, outcomes }, ids);
    expect(counts.byteLength).toBe(16_000);
    expect(instances).toBe(ids);
  });
});

describe("an isolate's count", () => {
  it("keeps what happened while the registry was told, and says of nothing else that it failed last", () => {
    const count = new OutcomeCount();
    count.answer();
    count.fail();
    count.fail();
    const told = count.tell("a");
    count.fail();
    count.forget(told);
    expect(count.tell("a")).toEqual({ instanceId: "a", answered: 0, failed: 1, failedLast: 1 });
    count.forget(count.tell("a"));
    expect([count.isEmpty, count.hasFailed]).toEqual([true, false]);
  });
});
