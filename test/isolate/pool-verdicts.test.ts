// What isolates do with what their pool's registry knows from probes: an instance is out or in again for all, whatever each has heard before.

import { describe, expect, it } from "vitest";
import type { HealthReport } from "../../src/contracts/health.ts";
import type { LeaseCall, LeaseReply } from "../../src/contracts/registry.ts";
import { PoolLeases } from "../../src/isolate/pools/pool-leases.ts";
import { answerLeaseCall } from "../../src/policies/balancing/answer-lease-call.ts";
import { openBooks } from "../../src/policies/balancing/registry-books.ts";
import { hearReport } from "../../src/policies/health/verdicts.ts";
import { poolOf } from "../policies/balancing/isolate-calls.ts";

const VALID_MS = 105_000;

/** Isolates before one registry in memory, on a clock the test sets. */
function open(pool = poolOf("api", ["a", "b", "c", "d"])) {
  const clock = { nowMs: 1_000_000, isDown: false };
  const books = openBooks(undefined, undefined);
  const lease = async (call: LeaseCall): Promise<LeaseReply> => {
    if (clock.isDown) throw new Error("down");
    return structuredClone(answerLeaseCall(books, call, clock.nowMs));
  };
  const find = (...unhealthy: string[]) => {
    const facts = unhealthy.map((instanceId) => ({ instanceId, state: "unhealthy", ms: null }) as const);
    const report: HealthReport = { facts, validMs: VALID_MS };
    hearReport(books.verdicts, report, clock.nowMs);
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
    const serve = async (): Promise<string> => {
      const selection = await leases.select({ ctx, nowMs: clock.nowMs });
      if (selection === undefined) throw new Error("nothing selected");
      leases.begin(selection);
      leases.end(selection, ctx);
      return selection.instance.id;
    };
    /** Who serves `count` requests at one time, and `count` more, each a while after the last. */
    const seen = async (count: number): Promise<string[]> => {
      const served = await Promise.all(Array.from({ length: count }, serve));
      for (let i = 0; i < count; i++) {
        clock.nowMs += 300;
        served.push(await serve());
      }
      return [...new Set(served)].sort();
    };
    return { seen };
  };
  return { clock, find, isolate };
}

const STRATEGIES = ["round-robin", "least-connections"] as const;

describe.each(STRATEGIES)("an instance that probes find unhealthy (%s)", (strategy) => {
  const pool = poolOf("api", ["a", "b", "c", "d"], strategy);

  it("is passed over by isolates that never served, and not by those that did before it was", async () => {
    const { find, isolate, clock } = open(pool);
    const early = isolate();
    expect(await early.seen(16)).toEqual(["a", "b", "c", "d"]);
    find("b");
    clock.nowMs += 1_000;
    expect(await early.seen(16)).toEqual(["a", "c", "d"]);
    expect(await isolate().seen(16)).toEqual(["a", "c", "d"]);
  });

  it("is in again as soon as it is well, for an isolate that was idle since it heard that it is out, while its verdict would still hold", async () => {
    const { find, isolate, clock } = open(pool);
    find("b");
    const idle = isolate();
    expect(await idle.seen(16)).toEqual(["a", "c", "d"]);
    clock.nowMs += 5_000;
    find("c");
    clock.nowMs += 5_000;
    expect(await idle.seen(16)).toEqual(["a", "b", "d"]);
  });

  it("is sent to when more than half are, and out again when they are not", async () => {
    const { find, isolate, clock } = open(pool);
    const one = isolate();
    find("a", "b", "c");
    expect(await one.seen(16)).toEqual(["a", "b", "c", "d"]);
    find("a", "b");
    clock.nowMs += 1_000;
    expect(await one.seen(16)).toEqual(["c", "d"]);
  });

  it("stays out for isolates while the registry does not answer, until its verdict has lapsed", async () => {
    const { find, isolate, clock } = open(pool);
    find("b");
    const one = isolate();
    await one.seen(4);
    const heardMs = clock.nowMs;
    clock.isDown = true;
    clock.nowMs += 60_000;
    expect(await one.seen(16)).toEqual(["a", "c", "d"]);
    clock.nowMs = heardMs + VALID_MS;
    expect(await one.seen(16)).toEqual(["a", "b", "c", "d"]);
  });
});

describe("the picks of a registry", () => {
  it("never fall on the one instance that is out, also for an isolate that has heard otherwise long ago", async () => {
    const { find, isolate, clock } = open(poolOf("api", ["a", "b"], "least-connections"));
    find("b");
    const idle = isolate();
    expect(await idle.seen(4)).toEqual(["a"]);
    clock.nowMs += 10_000;
    find("a");
    expect(await idle.seen(4)).toEqual(["b"]);
  });
});
