// What an isolate does with who is registered and who is closed: an instance comes and goes for all isolates alike, whatever each has
// heard before, and once a change is through not one request is sent against it.

import { describe, expect, it } from "vitest";
import type { LifecycleAction } from "../../src/contracts/lifecycle.ts";
import type { LeaseCall, LeaseReply } from "../../src/contracts/registry.ts";
import { PoolLeases } from "../../src/isolate/pools/pool-leases.ts";
import type { Selection } from "../../src/isolate/pools/selection.ts";
import { scaleSettingsOf } from "../../src/policies/autoscale/scale-settings.ts";
import { answerLeaseCall } from "../../src/policies/balancing/answer-lease-call.ts";
import { openBooks, renewRoster } from "../../src/policies/balancing/registry-books.ts";
import { changeLifecycle, isDrained, progressIn } from "../../src/policies/lifecycle/closings.ts";
import { registerInstance } from "../../src/policies/lifecycle/member-book.ts";
import type { CompiledInstance } from "../../src/policies/routing/compiled-config.ts";
import { poolOf } from "../policies/balancing/isolate-calls.ts";

/** Isolates before one registry in memory, on a clock the test sets. */
function open(pool = poolOf("api", ["a", "b"])) {
  const clock = { nowMs: 1_000_000, isDown: false };
  const books = openBooks(undefined, undefined);
  const calls: LeaseCall[] = [];
  const lease = async (call: LeaseCall): Promise<LeaseReply> => {
    calls.push(call);
    if (clock.isDown) throw new Error("down");
    return structuredClone(answerLeaseCall(books, call, clock.nowMs));
  };
  const register = (id: string, url = `http://${id}`) => {
    registerInstance(books.members, { id, url }, { ttlMs: 600_000, nowMs: clock.nowMs });
    renewRoster(books, clock.nowMs);
  };
  const change = (action: LifecycleAction, instanceIds: string[]) =>
    changeLifecycle(books.members, { action, instanceIds, changeId: "1", drainMs: 10_000 }, clock.nowMs);
  const isThrough = (id: string) => isDrained(progressIn(books, clock.nowMs)(id));
  let isolates = 0;
  const isolate = () => {
    const isolateId = `isolate-${++isolates}`;
    const leases = new PoolLeases({ lease, isolateId, onOutdated: () => undefined, clock: () => clock.nowMs });
    leases.bind(pool, 1, 0);
    const ctx = { waitUntil: () => undefined };
    const choose = async (tried: readonly CompiledInstance[] = []): Promise<Selection | undefined> =>
      await leases.select({ ctx, nowMs: clock.nowMs, tried });
    const serve = async (): Promise<string | undefined> => {
      const selection = await choose();
      if (selection === undefined) return undefined;
      leases.begin(selection);
      leases.end(selection, ctx);
      return selection.instance.id;
    };
    const seen = async (count: number) => {
      const served = new Set<string | undefined>();
      for (let i = 0; i < count; i++) {
        clock.nowMs += 300;
        served.add(await serve());
      }
      return [...served].sort();
    };
    return { leases, ctx, choose, serve, seen };
  };
  return { clock, calls, register, change, isThrough, isolate };
}

describe.each(["round-robin", "least-connections"] as const)("by %s, an instance", (strategy) => {
  const pool = poolOf("api", ["a", "b"], strategy);

  it("that registers itself is one of all for each isolate, and elsewhere once it says so", async () => {
    const { clock, register, isolate } = open(pool);
    const [one, other] = [isolate(), isolate()];
    expect(await one.seen(6)).toEqual(["a", "b"]);
    register("c");
    expect(await one.seen(9)).toEqual(["a", "b", "c"]);
    // What the first was given last has lapsed by then.
    clock.nowMs += 20_000;
    expect(await other.seen(9)).toEqual(["a", "b", "c"]);
    clock.nowMs += 20_000;
    register("c", "http://elsewhere");
    await one.seen(4);
    const found = await Promise.all(Array.from({ length: 6 }, () => one.choose()));
    const bases = found.flatMap((selection) => (selection?.instance.id === "c" ? [selection.instance.target] : []));
    expect(new Set(bases.map((target) => JSON.stringify(target)))).toEqual(
      new Set([JSON.stringify({ kind: "url", base: "http://elsewhere" })]),
    );
  });

  it("that is closed gets no request more after a second, though all others are out here, and some again once it is in", async () => {
    const { clock, change, isolate } = open(pool);
    const one = isolate();
    await one.seen(4);
    change("stop", ["a"]);
    clock.nowMs += 1_000;
    const selection = await one.choose();
    expect(selection?.instance.id).toBe("b");
    if (selection !== undefined) one.leases.patience.failed(selection.slot, undefined);
    expect(await one.seen(6)).toEqual(["b"]);
    change("stop", ["b"]);
    clock.nowMs += 1_000;
    expect(await one.seen(6)).toEqual([undefined]);
    change("start", ["a", "b"]);
    clock.nowMs += 1_000;
    expect(await one.seen(9)).toEqual(["a", "b"]);
  });

  it("that is closed while a request failed elsewhere for long is not what it goes on to", async () => {
    const { clock, change, isolate } = open(pool);
    const one = isolate();
    const first = await one.choose();
    if (first === undefined) throw new Error("nothing selected");
    one.leases.begin(first);
    const other = first.instance.id === "a" ? "b" : "a";
    change("stop", [other]);
    clock.nowMs += 15_000;
    expect(await one.choose([first.instance])).toBeUndefined();
  });

  it("is drained only when no isolate can send to it any more, whenever each was last heard of", async () => {
    for (const idleMs of [0, 100, 900, 1_500, 2_900, 5_000, 20_000]) {
      const { clock, change, isThrough, isolate } = open(pool);
      const fleet = [isolate(), isolate(), isolate()];
      for (const one of fleet) await one.seen(3);
      clock.nowMs += idleMs;
      change("stop", ["a"]);
      for (let waits = 0; !isThrough("a"); waits++) {
        // Whoever reports nothing unasked lapses after 15 s.
        expect(waits).toBeLessThan(200);
        clock.nowMs += 100;
        await fleet[waits % 2]?.serve();
      }
      const served = await Promise.all(fleet.flatMap((one) => Array.from({ length: 8 }, one.serve)));
      expect([...new Set(served)]).toEqual(["b"]);
    }
  });
});

describe("an isolate that reports unasked", () => {
  it("says at once that it has heard of a change, and nothing twice where there was none", async () => {
    const { change, isThrough, isolate, calls } = open();
    const one = isolate();
    const pending: Promise<unknown>[] = [];
    const ctx = { waitUntil: (work: Promise<unknown>) => void pending.push(work) };
    const busy = await one.leases.select({ ctx, nowMs: 1_000_000 });
    if (busy === undefined) throw new Error("nothing selected");
    one.leases.begin(busy);
    change("drain", ["a", "b"]);
    one.leases.end(busy, ctx);
    await Promise.all(pending);
    expect(isThrough("a")).toBe(true);
    expect(calls.map(({ membership }) => membership)).toEqual([0, 0, 0, 1]);
  });
});

describe("a pool's only instance", () => {
  it("that is closed is sent nothing by an isolate that was idle, and what was known goes on while the registry is down", async () => {
    const { clock, change, isolate } = open(poolOf("api", ["solo"]));
    const one = isolate();
    expect(await one.serve()).toBe("solo");
    change("stop", ["solo"]);
    clock.nowMs += 1_000;
    expect(await one.serve()).toBeUndefined();
    clock.isDown = true;
    change("start", ["solo"]);
    clock.nowMs += 1_000;
    expect(await one.serve()).toBeUndefined();
    clock.isDown = false;
    clock.nowMs += 30_000;
    expect(await one.serve()).toBe("solo");
  });

  it("goes on being sent to while the registry does not answer", async () => {
    const { clock, isolate } = open(poolOf("api", ["solo"]));
    clock.isDown = true;
    const one = isolate();
    expect(await one.serve()).toBe("solo");
    clock.nowMs += 5_000;
    expect(await one.serve()).toBe("solo");
  });
});

describe("instances on standby, while the registry is down from the start,", () => {
  it.each([
    [1, ["a"], ["b", "c"]],
    [2, ["a", "b"], ["b", "c"]],
    [3, ["a", "b", "c"], ["b", "c"]],
    [1, ["a"], ["a", "b", "c"]],
  ])("serve as far as %i have to: %j", async (min, serving, standby) => {
    const autoscale = scaleSettingsOf({ min, max: 3 }, { scaledBy: "standby", standby });
    const { clock, isolate } = open({ ...poolOf("api", ["a", "b", "c"]), autoscale });
    clock.isDown = true;
    expect(await isolate().seen(9)).toEqual(serving);
  });
});
