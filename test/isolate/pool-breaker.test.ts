// What isolates do with their pool's circuit breaker: all refuse at one time, exactly the trials go through, and nobody refuses for want of a registry.

import { describe, expect, it } from "vitest";
import type { LeaseCall, LeaseReply } from "../../src/contracts/registry.ts";
import { PoolLeases } from "../../src/isolate/pools/pool-leases.ts";
import { answerLeaseCall } from "../../src/policies/balancing/answer-lease-call.ts";
import { openBooks } from "../../src/policies/balancing/registry-books.ts";
import { poolOf } from "../policies/balancing/isolate-calls.ts";

const OPEN_MS = 5_000;
const breaker = { failureShare: 0.5, minRequests: 10, windowMs: 10_000, openMs: OPEN_MS, trials: 3 };

type Seen = number | "circuit_open";

/** Isolates before one registry in memory, on a clock the test sets. `answer`: what the pool says just now. */
function open(pool = { ...poolOf("api", ["a", "b"]), breaker }) {
  const clock = { nowMs: 1_000_000, isDown: false, answer: 200, sent: 0 };
  const books = openBooks(undefined, undefined);
  const calls: LeaseCall[] = [];
  const lease = async (call: LeaseCall): Promise<LeaseReply> => {
    if (clock.isDown) throw new Error("down");
    calls.push(call);
    return structuredClone(answerLeaseCall(books, call, clock.nowMs));
  };
  let isolates = 0;
  const isolate = () => {
    const leases = new PoolLeases({
      lease,
      isolateId: `isolate-${++isolates}`,
      onOutdated: () => undefined,
      clock: () => clock.nowMs,
    });
    leases.bind(pool, 1, 0);
    const ctx = { waitUntil: () => undefined };
    const begin = async () => {
      const passage = await leases.breaker.pass(ctx, clock.nowMs);
      if (passage.kind === "refuse") return undefined;
      const selection = await leases.select({ ctx, nowMs: clock.nowMs });
      if (selection === undefined) throw new Error("nothing selected");
      leases.begin(selection);
      clock.sent++;
      const end = (status: number): void => {
        passage.trial?.conclude(status < 500 ? "answered" : "failed");
        const sent = { sentAtMs: clock.nowMs, slow: undefined };
        leases.patience.answered(selection.slot, sent, { status, nowMs: clock.nowMs });
        leases.end(selection, ctx);
      };
      return { end, isTrial: passage.trial !== undefined };
    };
    const serve = async (): Promise<Seen> => {
      const begun = await begin();
      begun?.end(clock.answer);
      return begun === undefined ? "circuit_open" : clock.answer;
    };
    return { leases, begin, serve };
  };
  /** Ten requests that fail through `one`, told by its next call. */
  const fail = async (one: ReturnType<typeof isolate>) => {
    clock.answer = 500;
    for (let i = 0; i < 10; i++) await one.serve();
    clock.nowMs += 1_000;
  };
  return { clock, isolate, fail, books, calls };
}

describe.each(["round-robin", "least-connections"] as const)("a circuit that opens (%s)", (strategy) => {
  const pool = { ...poolOf("api", ["a", "b"], strategy), breaker };

  it("is open for isolates that saw nothing fail, and for one that has just begun; nothing is sent", async () => {
    const { isolate, fail, clock } = open(pool);
    const [first, second] = [isolate(), isolate()];
    expect(await second.serve()).toBe(200);
    await fail(first);
    const sent = clock.sent;
    expect([await first.serve(), await second.serve(), await isolate().serve()]).toEqual(Array(3).fill("circuit_open"));
    expect(clock.sent).toBe(sent);
  });

  it("lets exactly the trials through when its time is over, however many isolates ask at one time, and closes for all when they are answered", async () => {
    const { isolate, fail, clock, books } = open(pool);
    const fleet = [isolate(), isolate(), isolate(), isolate()];
    await fail(fleet[0] ?? isolate());
    await Promise.all(fleet.map((one) => one.serve()));
    clock.nowMs += OPEN_MS;
    const begun = [];
    for (let round = 0; round < 5; round++) {
      begun.push(...(await Promise.all(fleet.flatMap((one) => [one.begin(), one.begin(), one.begin()]))));
      clock.nowMs += 500;
    }
    const trials = begun.filter((one) => one !== undefined);
    expect(trials.map(({ isTrial }) => isTrial)).toEqual([true, true, true]);
    for (const { end } of trials) end(200);
    clock.answer = 200;
    for (let round = 0; round < 3; round++) {
      clock.nowMs += 1_100;
      await Promise.all(fleet.map((one) => one.serve()));
    }
    expect(books.breaker.state.kind).toBe("closed");
    clock.nowMs += 1_100;
    expect(await Promise.all(fleet.map((one) => one.serve()))).toEqual([200, 200, 200, 200]);
  });

  it("opens again for all when one trial fails", async () => {
    const { isolate, fail, clock, books } = open(pool);
    const fleet = [isolate(), isolate()];
    await fail(fleet[0] ?? isolate());
    await Promise.all(fleet.map((one) => one.serve()));
    clock.nowMs += OPEN_MS;
    expect(await fleet[1]?.serve()).toBe(500);
    clock.nowMs += 1_100;
    const sent = clock.sent;
    // Whoever knows is heard first: until then the others may try as well.
    expect([await fleet[1]?.serve(), await fleet[0]?.serve()]).toEqual(["circuit_open", "circuit_open"]);
    expect([clock.sent, books.breaker.state]).toMatchObject([sent, { kind: "open", times: 2 }]);
  });
});

describe("a pool of one instance", () => {
  it("has its circuit opened too, though nobody has to choose", async () => {
    const { isolate, fail, clock } = open({ ...poolOf("api", ["a"]), breaker });
    const one = isolate();
    await fail(one);
    const sent = clock.sent;
    expect([await one.serve(), await isolate().serve(), clock.sent]).toEqual(["circuit_open", "circuit_open", sent]);
  });
});

describe("while the registry can't be reached", () => {
  it("an open circuit stays open until its time is over, and then everything passes", async () => {
    const { isolate, fail, clock } = open();
    const one = isolate();
    await fail(one);
    expect(await one.serve()).toBe("circuit_open");
    clock.isDown = true;
    clock.answer = 200;
    clock.nowMs += OPEN_MS - 1;
    expect(await one.serve()).toBe("circuit_open");
    clock.nowMs += 1;
    expect([await one.serve(), await one.serve()]).toEqual([200, 200]);
  });

  it("an isolate that has heard nothing lets everything pass", async () => {
    const { isolate, clock } = open();
    clock.isDown = true;
    expect(await isolate().serve()).toBe(200);
  });
});

describe("a trial", () => {
  it("that nobody is there to take goes back with the next call, and another isolate gets it", async () => {
    const { isolate, fail, clock, calls, books } = open({
      ...poolOf("api", ["a", "b"]),
      breaker: { ...breaker, trials: 1 },
    });
    const [one, other] = [isolate(), isolate()];
    await fail(one);
    await Promise.all([one.serve(), other.serve()]);
    clock.nowMs += OPEN_MS;
    const [begun] = await Promise.all([one.begin(), one.begin()]);
    expect([begun?.isTrial, await other.begin()]).toEqual([true, undefined]);
    // It was not sent after all.
    calls.length = 0;
    expect(books.breaker.state).toMatchObject({ kind: "half-open", answered: 0 });
    begun?.end(200);
    clock.nowMs += 1_100;
    await one.serve();
    expect(calls.flatMap(({ trials = [] }) => trials.map(([, verdict]) => verdict))).toContain("answered");
    expect(books.breaker.state.kind).toBe("closed");
  });
});

describe("a pool without a breaker", () => {
  it("is told nothing of one, however much fails, and tells of no trials", async () => {
    const { isolate, fail, clock, calls } = open(poolOf("api", ["a", "b"]) as never);
    const one = isolate();
    await fail(one);
    clock.answer = 500;
    expect(await one.serve()).toBe(500);
    expect(calls.some((call) => "trial" in call || "trials" in call)).toBe(false);
  });
});
