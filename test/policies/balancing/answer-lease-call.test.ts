// What a registry answers: positions once each, rosters in order, repeats harmless, picks counted at once.

import { describe, expect, it } from "vitest";
import type { LeaseCall, LeaseReply, Roster } from "../../../src/contracts/registry.ts";
import { answerLeaseCall } from "../../../src/policies/balancing/answer-lease-call.ts";
import { BLOCK, storeLedger } from "../../../src/policies/balancing/position-ledger.ts";
import { closeRound, openBooks, type RegistryBooks } from "../../../src/policies/balancing/registry-books.ts";
import { hearReport } from "../../../src/policies/health/verdicts.ts";
import { callUnder, rosterOfIds } from "./isolate-calls.ts";

const roster = rosterOfIds(["a", "b", "c"]);
const leastConnections = rosterOfIds(["a", "b", "c"], { strategy: "least-connections" });

/** Books that know `roster` already, and a way to call them. */
function open(known: Roster = roster) {
  const books = openBooks(undefined, undefined);
  answerLeaseCall(books, callUnder(known, { isolateId: "first", callId: 1, roster: known }), 0);
  let callId = 1;
  const ask = (
    isolateId: string,
    more: Partial<LeaseCall> = {},
    nowMs = 0,
  ): Extract<LeaseReply, { kind: "leased" }> => {
    const reply = answerLeaseCall(books, callUnder(known, { isolateId, callId: ++callId, ...more }), nowMs);
    if (reply.kind !== "leased") throw new Error(reply.kind);
    return reply;
  };
  return { books, ask };
}

/** What an object that starts anew finds, whatever was in memory. */
const restart = (books: RegistryBooks): RegistryBooks =>
  openBooks(books.roster, {
    ledger: { ...storeLedger(books.ledger), parked: books.ledger.parked },
    uncounted: books.uncounted,
  });

const rangeOf = (reply: LeaseReply) => {
  if (reply.kind !== "leased" || reply.range === undefined) throw new Error("no range");
  return reply.range;
};

describe("positions", () => {
  it("are issued one after another, each once, whoever asks", () => {
    const { ask } = open();
    expect(rangeOf(ask("x", { want: 3 }))).toMatchObject({ from: 0, count: 3 });
    expect(rangeOf(ask("y", { want: 2 }))).toMatchObject({ from: 3, count: 2 });
    expect(rangeOf(ask("x", { want: 1 }))).toMatchObject({ from: 5, count: 1 });
  });

  it("are at most 256 in a lease, and none when none are wanted", () => {
    const { ask } = open();
    expect(ask("x").range).toBeUndefined();
    expect(rangeOf(ask("x", { want: 10_000 })).count).toBe(256);
  });

  it("that were given back are issued again before any new one", () => {
    const { ask, books } = open();
    const { validMs: _, ...first } = rangeOf(ask("x", { want: 10 }));
    ask("x", { reports: [{ ...first, used: 4, done: true }] });
    expect(rangeOf(ask("y", { want: 2 }))).toMatchObject({ from: 4, count: 2 });
    expect(rangeOf(ask("y", { want: 100 }))).toMatchObject({ from: 6, count: 4 });
    expect(rangeOf(ask("y", { want: 1 }))).toMatchObject({ from: 10, count: 1 });
    expect(books.ledger).toMatchObject({ issued: 17, reissued: 6, used: 4 });
  });

  it("that are still held are not issued again before they lapse, and are then", () => {
    const { ask } = open();
    const { validMs, ...held } = rangeOf(ask("x", { want: 8 }, 1_000));
    ask("x", { reports: [{ ...held, used: 3, done: false }] }, 2_000);
    expect(validMs).toBe(10_000);
    expect(rangeOf(ask("y", { want: 1 }, 12_999)).from).toBe(8);
    expect(rangeOf(ask("y", { want: 8 }, 13_000))).toMatchObject({ from: 3, count: 5 });
  });

  it("reported again, or after they lapsed, are not given back a second time", () => {
    const { ask, books } = open();
    const { validMs: _, ...held } = rangeOf(ask("x", { want: 5 }));
    const report = { ...held, used: 2, done: true };
    ask("x", { reports: [report] });
    ask("x", { reports: [report] });
    expect(books.ledger.free).toEqual([{ from: 2, count: 3 }]);
    expect(books.ledger.used).toBe(2);
    const { validMs: __, ...late } = rangeOf(ask("y", { want: 3 }));
    closeRound(books, 60_000);
    expect(rangeOf(ask("z", { want: 3 }, 60_000))).toMatchObject({ from: 2, count: 3 });
    ask("y", { reports: [{ ...late, used: 1, done: true }] }, 60_000);
    expect(books.ledger.free).toEqual([]);
  });

  it("reported as used more often than issued are booked as issued", () => {
    const { ask, books } = open();
    const { validMs: _, ...held } = rangeOf(ask("x", { want: 5 }));
    ask("x", { reports: [{ ...held, used: 50, done: true }] });
    expect(books.ledger.used).toBe(5);
    expect(books.ledger.free).toEqual([]);
  });
});

describe("a restart", () => {
  it("goes on at the mark when positions were out, and never issues what was reserved before", () => {
    const { books, ask } = open();
    ask("x", { want: 5 });
    const again = restart(books);
    const reply = answerLeaseCall(again, callUnder(roster, { isolateId: "x", callId: 99, want: 2 }), 0);
    expect(rangeOf(reply)).toMatchObject({ from: BLOCK, count: 2 });
  });

  it("goes on exactly where it was when nothing was out, what waits for re-issue first", () => {
    const { books, ask } = open();
    const { validMs: _, ...held } = rangeOf(ask("x", { want: 10 }));
    ask("x", { reports: [{ ...held, used: 4, done: true }] });
    expect(closeRound(books, 100_000)).toBe(true);
    const again = restart(books);
    const ask2 = (want: number, callId: number) =>
      rangeOf(answerLeaseCall(again, callUnder(roster, { isolateId: "y", callId, want }), 100_000));
    expect(ask2(20, 1)).toMatchObject({ from: 4, count: 6 });
    expect(ask2(20, 2)).toMatchObject({ from: 10, count: 20 });
  });

  it("that finds a parked cursor leaves nothing parked once it has issued", () => {
    const { books } = open();
    closeRound(books, 100_000);
    const again = restart(books);
    answerLeaseCall(again, callUnder(roster, { isolateId: "y", callId: 1, want: 1 }), 100_000);
    expect(again.ledger.parked).toBe(false);
    expect(storeLedger(again.ledger)).toMatchObject({ mark: BLOCK, parked: false, free: [] });
  });

  it("adopts a range issued before it for the books only: its rest is never issued again", () => {
    const { books, ask } = open();
    const { validMs: _, ...held } = rangeOf(ask("x", { want: 10 }));
    const again = restart(books);
    const say = (callId: number, used: number, done: boolean) =>
      answerLeaseCall(again, callUnder(roster, { isolateId: "x", callId, reports: [{ ...held, used, done }] }), 0);
    say(50, 4, false);
    expect([...again.ledger.outstanding.values()]).toMatchObject([{ from: 0, count: 10, used: 4, isolateId: "x" }]);
    say(51, 6, true);
    expect(again.ledger.outstanding.size).toBe(0);
    expect(again.ledger.free).toEqual([]);
    expect(again.ledger.used).toBe(6);
  });

  it("does not believe a report of positions that were never reserved", () => {
    const { books } = open();
    const again = restart(books);
    const strange = { leaseId: "0.1", rosterVersion: 1, from: BLOCK * 9, count: 5, used: 1, done: false };
    answerLeaseCall(again, callUnder(roster, { isolateId: "x", callId: 1, reports: [strange] }), 0);
    expect(again.ledger.outstanding.size).toBe(0);
  });

  it("repeated after every single request favours no instance of up to ten", () => {
    for (let n = 1; n <= 10; n++) {
      const many = rosterOfIds(Array.from({ length: n }, (_, i) => `i${i}`));
      let books = openBooks({ ...many, version: 1 }, undefined);
      const served = Array.from({ length: 2 * n }, (_, i) => {
        const { from } = rangeOf(
          answerLeaseCall(books, callUnder(many, { isolateId: `x${i}`, callId: 1, want: 1 }), 0),
        );
        books = restart(books);
        return from % n;
      });
      expect(served).toEqual(Array.from({ length: 2 * n }, (_, i) => i % n));
    }
  });
});

describe("the roster", () => {
  const key = (configVersion: number, deployedAt: number) => rosterOfIds(["a", "b"], { configVersion, deployedAt });

  it("is asked for by a new pool, and by a later configuration or deployment", () => {
    const books = openBooks(undefined, undefined);
    const knock = (known: Roster) => answerLeaseCall(books, callUnder(known, { isolateId: "x", callId: 1 }), 0);
    expect(knock(key(1, 5))).toEqual({ kind: "roster_wanted" });
    const bring = (known: Roster) =>
      answerLeaseCall(books, callUnder(known, { isolateId: "x", callId: 1, roster: known }), 0);
    expect(bring(key(1, 5)).kind).toBe("leased");
    expect(knock(key(2, 0))).toEqual({ kind: "roster_wanted" });
    expect(knock(key(1, 6))).toEqual({ kind: "roster_wanted" });
  });

  it("in force is not given up for an earlier one, which is told so", () => {
    const books = openBooks(undefined, undefined);
    const bring = (known: Roster) =>
      answerLeaseCall(books, callUnder(known, { isolateId: "x", callId: 1, roster: known }), 0);
    bring(key(3, 5));
    expect(bring(key(2, 9))).toEqual({ kind: "roster_outdated", configVersion: 3 });
    expect(bring(key(3, 4))).toEqual({ kind: "roster_outdated", configVersion: 3 });
    expect(books.roster?.configVersion).toBe(3);
  });

  it("that deals positions otherwise makes those out and those waiting void; the cursor goes on", () => {
    const { books, ask } = open();
    const { validMs: _, ...old } = rangeOf(ask("x", { want: 10 }));
    const later = rosterOfIds(["a", "b"], { configVersion: 2 });
    const call = (more: Partial<LeaseCall>) =>
      answerLeaseCall(books, callUnder(later, { isolateId: "x", callId: 99, roster: later, ...more }), 0);
    expect(rangeOf(call({ want: 1 }))).toMatchObject({ from: 10, rosterVersion: 2 });
    call({ callId: 100, reports: [{ ...old, used: 3, done: true }] });
    expect(books.ledger.free).toEqual([]);
    expect(books.ledger.used).toBe(0);
  });

  it("that deals them as before leaves everything valid", () => {
    const { books, ask } = open();
    const { validMs: _, ...held } = rangeOf(ask("x", { want: 10 }));
    const later = rosterOfIds(["a", "b", "c"], { configVersion: 2 });
    const reports = [{ ...held, used: 3, done: true }];
    answerLeaseCall(books, callUnder(later, { isolateId: "x", callId: 99, roster: later, reports }), 0);
    expect(books.roster).toMatchObject({ configVersion: 2, version: 1 });
    expect(books.ledger.free).toEqual([{ from: 3, count: 7 }]);
  });
});

describe("a call", () => {
  it("made again gets the same reply and changes nothing", () => {
    const { books } = open();
    const call = callUnder(roster, { isolateId: "x", callId: 7, want: 4, uncounted: 2, inFlight: [["a", 3]] });
    const first = answerLeaseCall(books, call, 0);
    expect(answerLeaseCall(books, call, 50)).toEqual(first);
    expect(books.uncounted).toBe(2);
    expect(books.fleet.totals.get("a")).toBe(3);
    expect(books.ledger.issued).toBe(4);
  });

  it("overtaken by a later one gets no positions and does not bring back old counts", () => {
    const { books } = open();
    answerLeaseCall(books, callUnder(roster, { isolateId: "x", callId: 8, inFlight: [["a", 1]] }), 0);
    const reply = answerLeaseCall(
      books,
      callUnder(roster, { isolateId: "x", callId: 7, want: 4, inFlight: [["a", 9]] }),
      0,
    );
    expect(reply).toMatchObject({ kind: "leased" });
    expect("range" in reply).toBe(false);
    expect(books.fleet.totals.get("a")).toBe(1);
  });

  it("tells what all the others have in flight, not the caller's own", () => {
    const { ask, books } = open();
    ask("x", { inFlight: [["a", 2]] });
    ask("y", {
      inFlight: [
        ["a", 1],
        ["b", 4],
      ],
    });
    expect(new Map(ask("x", { inFlight: [["a", 5]] }).others)).toEqual(
      new Map([
        ["a", 1],
        ["b", 4],
      ]),
    );
    expect(books.fleet.isolates.size).toBe(3);
  });

  it("of an isolate silent for 15 s lapses with its requests in flight, not a moment earlier", () => {
    const { ask } = open();
    ask("x", { inFlight: [["a", 2]] }, 1_000);
    expect(ask("y", {}, 15_999).others).toEqual([["a", 2]]);
    expect(ask("y", {}, 16_000).others).toEqual([]);
  });
});

describe("whom a reply says is out", () => {
  const unhealthy = (...ids: string[]) =>
    ids.map((instanceId) => ({ instanceId, state: "unhealthy" as const, ms: null }));

  it("is who probes find unhealthy, for as long as that counts, and not who is degraded", () => {
    const { books, ask } = open();
    const facts = [...unhealthy("b"), { instanceId: "c", state: "degraded" as const, ms: 9_000 }];
    hearReport(books.verdicts, { facts, validMs: 5_000 }, 1_000);
    expect(ask("x", {}, 1_000).out).toEqual([["b", 5_000]]);
    expect(ask("y", {}, 5_999).out).toEqual([["b", 1]]);
    expect(ask("x", {}, 6_000).out).toEqual([]);
  });

  it("ends with the next report that says otherwise", () => {
    const { books, ask } = open();
    hearReport(books.verdicts, { facts: unhealthy("b"), validMs: 5_000 }, 0);
    hearReport(books.verdicts, { facts: unhealthy("c"), validMs: 5_000 }, 0);
    expect(ask("x").out).toEqual([["c", 5_000]]);
    hearReport(books.verdicts, { facts: [], validMs: 5_000 }, 0);
    expect(ask("x").out).toEqual([]);
  });

  it("is passed over by picks, also when the isolate avoids all others because of what it heard before", () => {
    const { books, ask } = open(leastConnections);
    hearReport(books.verdicts, { facts: unhealthy("a"), validMs: 5_000 }, 0);
    const picks = Array.from({ length: 6 }, (_, i) => ask(`x${i}`, { pick: true }).pick);
    expect(new Set(picks)).toEqual(new Set(["b", "c"]));
    expect(ask("stale", { pick: true, avoid: ["b", "c"] }).pick).not.toBe("a");
    hearReport(books.verdicts, { facts: [], validMs: 5_000 }, 0);
    expect(ask("y", { pick: true }).pick).toBe("a");
  });
});

describe("a pick", () => {
  it("is the instance with the fewest in flight over the fleet, counted at once", () => {
    const { ask } = open(leastConnections);
    ask("x", {
      inFlight: [
        ["a", 2],
        ["b", 1],
      ],
    });
    ask("y", { inFlight: [["c", 2]] });
    expect(ask("y", { inFlight: [["c", 2]], pick: true }).pick).toBe("b");
    const others = new Map(
      ask("x", {
        inFlight: [
          ["a", 2],
          ["b", 1],
        ],
      }).others,
    );
    expect(others).toEqual(
      new Map([
        ["b", 1],
        ["c", 2],
      ]),
    );
  });

  it("takes turns among equals, over a restart too", () => {
    const { books, ask } = open(leastConnections);
    expect(["1", "2", "3", "4"].map((isolate) => ask(isolate, { pick: true }).pick)).toEqual(["a", "b", "c", "a"]);
    closeRound(books, 100_000);
    const again = restart(books);
    const call = callUnder(leastConnections, { isolateId: "z", callId: 1, pick: true });
    expect(answerLeaseCall(again, call, 100_000)).toMatchObject({ pick: "b" });
  });

  it("passes over what the isolate avoids, unless that is all there is", () => {
    const { ask } = open(leastConnections);
    expect(ask("x", { pick: true, avoid: ["a", "b"] }).pick).toBe("c");
    expect(ask("y", { pick: true, avoid: ["a", "b", "c"], inFlight: [["a", 1]] }).pick).toBe("b");
  });

  it("is replaced by the isolate's next report", () => {
    const { books, ask } = open(leastConnections);
    ask("x", { pick: true });
    expect(books.fleet.totals).toEqual(new Map([["a", 1]]));
    ask("x", { inFlight: [] });
    expect(books.fleet.totals.size).toBe(0);
  });
});

describe("an instance that is out for the whole fleet", () => {
  const outcomes = [{ instanceId: "a", answered: 0, failed: 5, failedLast: 5 }];
  const adopt = (books: RegistryBooks, target: string) => {
    const [a, ...others] = roster.instances;
    const instances = [{ id: "a", weight: 1, ...a, target }, ...others];
    const next = { ...roster, configVersion: 2, instances };
    return answerLeaseCall(books, callUnder(next, { isolateId: "x", callId: 100, roster: next }), 10);
  };

  it("is in again once its address is changed under the same id, and stays out when something else is", () => {
    const stays = open();
    expect(stays.ask("x", { outcomes }, 5).out).toEqual([["a", 30_000]]);
    expect(adopt(stays.books, "binding:a")).toMatchObject({ out: [["a", 29_995]] });
    const moves = open();
    moves.ask("x", { outcomes }, 5);
    expect(adopt(moves.books, "binding:elsewhere")).toMatchObject({ kind: "leased", out: [] });
  });
});

describe("what strategies go by", () => {
  const failing = [{ instanceId: "a", answered: 2, failed: 2, failedLast: 0, answeredMs: 60 }];

  it("is told where instances are judged by how they do: what all isolates saw, put together", () => {
    const { ask } = open(rosterOfIds(["a", "b"], { strategy: "peak-ewma" }));
    ask("x", { outcomes: failing });
    const { paces, degraded } = ask("y", {
      outcomes: [{ ...failing[0], instanceId: "b", failed: 0, answeredMs: 20 } as never],
    });
    expect(paces).toEqual([
      ["a", 30, 2 / 6],
      ["b", 10, 0],
    ]);
    expect(degraded).toEqual([]);
  });

  it("fades in ten seconds, and is forgotten with the instance", () => {
    const { ask, books } = open(rosterOfIds(["a", "b"], { strategy: "health-aware" }));
    ask("x", { outcomes: failing });
    expect(ask("x", {}, 10_000).paces?.[0]?.[2]).toBeCloseTo(2 / Math.E / (4 / Math.E + 2));
    const without = rosterOfIds(["b"], { strategy: "health-aware", configVersion: 2 });
    const told = { ...callUnder(without, { isolateId: "z", callId: 1, roster: without }), outcomes: failing };
    expect(answerLeaseCall(books, told, 10_000)).toMatchObject({ paces: [] });
  });

  it("tells what probes find degraded", () => {
    const { ask, books } = open(rosterOfIds(["a", "b"], { strategy: "health-aware" }));
    hearReport(books.verdicts, { facts: [{ instanceId: "b", state: "degraded", ms: 9_000 }], validMs: 60_000 }, 0);
    expect(ask("x").degraded).toEqual(["b"]);
  });

  it("is not told, nor kept, where nobody goes by it", () => {
    const { ask, books } = open(leastConnections);
    const reply = ask("x", { outcomes: failing });
    expect([reply.paces, reply.degraded, reply.starting, books.paces.size]).toEqual([
      undefined,
      undefined,
      undefined,
      0,
    ]);
  });

  it("names who came in where instances start slowly, and only there", () => {
    const grown = (slowStartMs?: number) => {
      const facts = { strategy: "least-connections", ...(slowStartMs !== undefined && { slowStartMs }) } as const;
      const { books } = open(rosterOfIds(["a", "b"], facts));
      const next = rosterOfIds(["a", "b", "c"], { ...facts, configVersion: 2 });
      answerLeaseCall(books, callUnder(next, { isolateId: "x", callId: 1, roster: next }), 1_000);
      return answerLeaseCall(books, callUnder(next, { isolateId: "x", callId: 2, pick: true }), 4_000);
    };
    expect(grown(30_000)).toMatchObject({ starting: [["c", 3_000]] });
    expect(grown()).not.toHaveProperty("starting");
  });

  it("changes the order of turns when a weight does, where turns go by weight", () => {
    const weighing = (strategy: Roster["strategy"], weight: number, configVersion: number): Roster => ({
      ...rosterOfIds(["a", "b"], { strategy, configVersion }),
      instances: [
        { id: "a", target: "binding:a", weight },
        { id: "b", target: "binding:b", weight: 1 },
      ],
    });
    const versions = (strategy: Roster["strategy"]) => {
      const { books } = open(weighing(strategy, 1, 1));
      const next = weighing(strategy, 2, 2);
      answerLeaseCall(books, callUnder(next, { isolateId: "x", callId: 1, roster: next }), 0);
      return books.roster?.version;
    };
    expect([versions("weighted"), versions("round-robin")]).toEqual([2, 1]);
  });
});
