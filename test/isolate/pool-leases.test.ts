// What an isolate does with leases, several isolates against one registry: exact when slow, even and cheap when fast, alone when it must be.

import { env } from "cloudflare:workers";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { LeaseCall, LeaseReply } from "../../src/contracts/registry.ts";
import { PoolLeases } from "../../src/isolate/pools/pool-leases.ts";
import type { Selection } from "../../src/isolate/pools/selection.ts";
import { callRegistry } from "../../src/objects.ts";
import { answerLeaseCall } from "../../src/policies/balancing/answer-lease-call.ts";
import { rosterOf } from "../../src/policies/balancing/describe-instance.ts";
import { openBooks, renewRoster } from "../../src/policies/balancing/registry-books.ts";
import { registerInstance } from "../../src/policies/lifecycle/member-book.ts";
import type { CompiledInstance, CompiledPool } from "../../src/policies/routing/compiled-config.ts";
import { callUnder, poolOf } from "../policies/balancing/isolate-calls.ts";

const IDS = ["a", "b", "c", "d"];

/** A request's lifetime that can be waited out. */
function lifetime() {
  const pending: Promise<unknown>[] = [];
  return { ctx: { waitUntil: (work: Promise<unknown>) => void pending.push(work) }, over: () => Promise.all(pending) };
}

let names = 0;
/** A pool's registry: the real object, awake, counting calls. */
async function realRegistry() {
  const pool = `pool-leases-${++names}`;
  const made = { calls: 0 };
  const lease = (call: LeaseCall): Promise<LeaseReply> => {
    made.calls++;
    return callRegistry(env, pool, (registry) => registry.lease(call));
  };
  const status = () => callRegistry(env, pool, (registry) => registry.status());
  await status();
  return { lease, made, status };
}

/** The same decisions in memory, on a clock the test sets. */
function registryOn(clock: { nowMs: number }) {
  const books = openBooks(undefined, undefined);
  const calls: LeaseCall[] = [];
  const lease = async (call: LeaseCall): Promise<LeaseReply> => {
    calls.push(call);
    return structuredClone(answerLeaseCall(books, call, clock.nowMs));
  };
  return { books, calls, lease };
}

type IsolateOptions = {
  lease: (call: LeaseCall) => Promise<LeaseReply>;
  pool?: CompiledPool;
  clock?: { nowMs: number };
  version?: number;
};

let isolates = 0;
function isolate({ lease, pool = poolOf("api", IDS), clock, version = 1 }: IsolateOptions) {
  const outdated = vi.fn<() => void>();
  const life = lifetime();
  const now = () => clock?.nowMs ?? Date.now();
  const leases = new PoolLeases({ lease, isolateId: `isolate-${++isolates}`, onOutdated: outdated, clock: now });
  leases.bind(pool, version, 0);
  const choose = async (tried: readonly CompiledInstance[] = []): Promise<Selection> => {
    const selection = await leases.select({ ctx: life.ctx, nowMs: now(), tried });
    if (selection === undefined) throw new Error("nothing selected");
    return selection;
  };
  /** A request that is over at once. */
  const serve = async (): Promise<string> => {
    const selection = await choose();
    leases.begin(selection);
    leases.end(selection, life.ctx);
    return selection.instance.id;
  };
  const fail = ({ slot }: Selection) => leases.patience.failed(slot, undefined);
  const answer = ({ slot }: Selection, status: number) =>
    leases.patience.answered(slot, { sentAtMs: now(), slow: undefined }, { status, nowMs: now() });
  return { leases, choose, serve, fail, answer, outdated, ctx: life.ctx, over: life.over, now };
}

const tally = (ids: readonly string[]): Record<string, number> => {
  const counts: Record<string, number> = {};
  for (const id of ids) counts[id] = (counts[id] ?? 0) + 1;
  return counts;
};
const spread = (counts: Record<string, number>): number =>
  Math.max(...IDS.map((id) => counts[id] ?? 0)) - Math.min(...IDS.map((id) => counts[id] ?? 0));
const leastConnections = poolOf("api", IDS, "least-connections");
const never = new Promise<never>(() => undefined);
/** What is answered at once has been heard by then. */
const settled = () => new Promise((resolve) => setTimeout(resolve, 0));

afterEach(() => {
  vi.useRealTimers();
});

describe("round-robin", () => {
  it("alternates exactly over several isolates while traffic is slow", async () => {
    const clock = { nowMs: 1_000_000 };
    const registry = registryOn(clock);
    const fleet = [1, 2, 3].map(() => isolate({ ...registry, clock }));
    const served: string[] = [];
    for (let i = 0; i < 24; i++) {
      clock.nowMs += 1_000;
      served.push((await fleet[(i * i) % 3]?.serve()) ?? "");
    }
    expect(served).toEqual(Array.from({ length: 24 }, (_, i) => IDS[i % 4]));
  });

  it("does not alternate exactly once isolates hold ranges, but stays within those that are out", async () => {
    const registry = await realRegistry();
    const fleet = [1, 2, 3, 4].map(() => isolate(registry));
    const run = async (one: PoolLeasesOf) => {
      const served: string[] = [];
      for (let i = 0; i < 2_500; i++) served.push(await one.serve());
      return served;
    };
    const served = (await Promise.all(fleet.map(run))).flat();
    const { outstanding, awaitingReissue } = await registry.status();
    expect(served).toHaveLength(10_000);
    expect(outstanding.length).toBeLessThanOrEqual(8);
    expect(spread(tally(served))).toBeLessThanOrEqual(1 + outstanding.length + awaitingReissue.length);
    await Promise.all(fleet.map(({ over }) => over()));
    const settled = await registry.status();
    expect(settled.used).toBe(10_000);
    expect(settled.inFlight).toEqual({});
  });

  it("serves fifty concurrent requests of a cold isolate after at most three calls, each its own position", async () => {
    const registry = await realRegistry();
    const one = isolate(registry);
    const served = await Promise.all(Array.from({ length: 50 }, () => one.serve()));
    expect(registry.made.calls).toBeLessThanOrEqual(3);
    expect(spread(tally(served))).toBe(1);
  });

  it("costs a busy isolate at most one call in a hundred requests, and no waiting", async () => {
    const registry = await realRegistry();
    const one = isolate(registry);
    const run = async () => {
      for (let i = 0; i < 1_250; i++) {
        await one.serve();
        // Lets answers of the registry in, as waiting for backends does.
        if (i % 25 === 0) await new Promise((resolve) => setTimeout(resolve, 0));
      }
    };
    await Promise.all(Array.from({ length: 8 }, run));
    expect(registry.made.calls).toBeLessThanOrEqual(100);
    expect((await one.choose()).how).toBe("range");
  });

  it("asks for one position when slow, more when fast, and reports all it used", async () => {
    const clock = { nowMs: 1_000_000 };
    const registry = registryOn(clock);
    const one = isolate({ ...registry, clock });
    await one.serve();
    clock.nowMs += 5_000;
    await one.serve();
    expect(registry.calls.map(({ want }) => want)).toEqual([1, 1, 1]);
    for (let i = 0; i < 100; i++) {
      clock.nowMs += 2;
      await one.serve();
    }
    expect(Math.max(...registry.calls.map(({ want }) => want))).toBeGreaterThan(20);
    await one.over();
    expect(registry.books.ledger.used).toBe(102);
  });

  it("spends no position after its time and gives it back", async () => {
    const clock = { nowMs: 1_000_000 };
    const registry = registryOn(clock);
    const one = isolate({ ...registry, clock });
    await Promise.all([one.serve(), one.serve(), one.serve()]);
    const { books } = registry;
    const before = books.ledger.cursor;
    for (let i = 0; i < 30; i++) await one.serve();
    clock.nowMs += 10_000;
    await one.serve();
    expect(books.ledger.cursor).toBeGreaterThan(before);
    expect([...books.ledger.outstanding.values()].every(({ issuedAtMs }) => issuedAtMs === clock.nowMs)).toBe(true);
  });

  it("gives everything back when the clock steps back, but not for readings that are merely old", async () => {
    const clock = { nowMs: 1_000_000 };
    const registry = registryOn(clock);
    const one = isolate({ ...registry, clock });
    for (let i = 0; i < 10; i++) await one.serve();
    const calls = registry.calls.length;
    const select = (nowMs: number) => one.leases.select({ ctx: one.ctx, nowMs });
    expect(select(clock.nowMs - 60_000)).not.toBeInstanceOf(Promise);
    expect(registry.calls).toHaveLength(calls);
    clock.nowMs -= 60_000;
    expect((await select(clock.nowMs))?.how).toBe("range");
    expect(registry.calls.at(-1)?.reports.every(({ done }) => done)).toBe(true);
    expect(registry.calls.at(-1)?.reports).not.toEqual([]);
  });
});

type PoolLeasesOf = ReturnType<typeof isolate>;

describe("least-connections", () => {
  it("of a slow isolate is the object's own pick over the whole fleet", async () => {
    const clock = { nowMs: 1_000_000 };
    const registry = registryOn(clock);
    const [busy, slow] = [
      isolate({ ...registry, pool: leastConnections, clock }),
      isolate({ ...registry, pool: leastConnections, clock }),
    ];
    for (let i = 0; i < 3; i++) {
      clock.nowMs += 1_000;
      const selection = await busy.choose();
      expect(selection.how).toBe("object");
      busy.leases.begin(selection);
    }
    clock.nowMs += 1_000;
    const selection = await slow.choose();
    expect(selection).toMatchObject({ how: "object", instance: { id: "d" } });
  });

  it("of a fast isolate is local, counts its own requests at once and others' as last heard", async () => {
    const clock = { nowMs: 1_000_000 };
    const registry = registryOn(clock);
    const other = isolate({ ...registry, pool: leastConnections, clock });
    const held = [await other.choose(), await other.choose()];
    for (const selection of [...held, ...held, ...held]) other.leases.begin(selection);
    clock.nowMs += 1_000;
    const known = await other.choose();
    const one = isolate({ ...registry, pool: leastConnections, clock });
    const first = await one.choose();
    for (let i = 0; i < 2; i++) one.leases.begin(first);
    const second = await one.choose();
    // Three each on the held, one on the known, two of its own on the first.
    expect(new Set([...held, known, first].map(({ instance }) => instance.id)).size).toBe(4);
    expect(second).toMatchObject({ how: "snapshot", instance: { id: known.instance.id } });
  });

  it("spreads requests that waited for the same call", async () => {
    const registry = await realRegistry();
    const one = isolate({ ...registry, pool: leastConnections });
    const selections = await Promise.all(
      Array.from({ length: 40 }, async () => {
        const selection = await one.choose();
        one.leases.begin(selection);
        return selection;
      }),
    );
    expect(tally(selections.map(({ instance }) => instance.id))).toEqual({ a: 10, b: 10, c: 10, d: 10 });
    expect(registry.made.calls).toBeLessThanOrEqual(3);
    for (const selection of selections) one.leases.end(selection, one.ctx);
    await one.over();
    expect((await registry.status()).inFlight).toEqual({});
  });

  it("forgets, with the next snapshot, whom it chose for requests that never began", async () => {
    const clock = { nowMs: 1_000_000 };
    const one = isolate({ ...registryOn(clock), pool: leastConnections, clock });
    const { slot } = await one.choose();
    expect(slot.promised).toBe(1);
    clock.nowMs += 1_000;
    await one.choose();
    expect(slot).toMatchObject({ promised: 0, inFlight: 0 });
  });

  it("costs a busy isolate no more than its reports", async () => {
    const registry = await realRegistry();
    const one = isolate({ ...registry, pool: leastConnections });
    const run = async () => {
      for (let i = 0; i < 1_250; i++) {
        await one.serve();
        if (i % 25 === 0) await new Promise((resolve) => setTimeout(resolve, 0));
      }
    };
    await Promise.all(Array.from({ length: 8 }, run));
    expect(registry.made.calls).toBeLessThanOrEqual(100);
  });
});

describe("in-flight", () => {
  it("is reported while a request lasts and gone soon after it ended", async () => {
    const registry = await realRegistry();
    const one = isolate(registry);
    const selection = await one.choose();
    one.leases.begin(selection);
    await vi.waitFor(async () => expect((await registry.status()).inFlight).toEqual({ [selection.instance.id]: 1 }));
    one.leases.end(selection, one.ctx);
    await vi.waitFor(async () => expect((await registry.status()).inFlight).toEqual({}));
  });

  it("never falls below zero, however often a request is ended", async () => {
    const one = isolate(await realRegistry());
    const selection = await one.choose();
    one.leases.begin(selection);
    one.leases.end(selection, one.ctx);
    one.leases.end(selection, one.ctx);
    expect(selection.slot.inFlight).toBe(0);
  });

  it("of a long stream is reported every five seconds until it ends", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const clock = { nowMs: 1_000_000 };
    const registry = registryOn(clock);
    const one = isolate({ ...registry, clock });
    const selection = await one.choose();
    one.leases.begin(selection);
    const stream = Promise.withResolvers<void>();
    const life = lifetime();
    one.leases.renewWhile(stream.promise, life.ctx);
    for (let calls = registry.calls.length, i = 0; i < 3; i++, calls++) {
      clock.nowMs += 5_000;
      await vi.advanceTimersByTimeAsync(5_000);
      expect(registry.calls).toHaveLength(calls + 1);
      expect(registry.calls.at(-1)?.inFlight).toEqual([[selection.instance.id, 1]]);
    }
    one.leases.end(selection, one.ctx);
    stream.resolve();
    await life.over();
    const { length } = registry.calls;
    clock.nowMs += 5_000;
    await vi.advanceTimersByTimeAsync(5_000);
    expect(registry.calls).toHaveLength(length);
  });

  it("of a request that waits long is reported every five seconds too, by nobody's asking", async () => {
    const clock = { nowMs: 1_000_000 };
    const registry = registryOn(clock);
    const one = isolate({ ...registry, clock });
    const selection = await one.choose();
    let rounds = 0;
    // Time passes by itself here; the request ends within the third round.
    const wait = vi.spyOn(scheduler, "wait").mockImplementation(async (ms) => {
      clock.nowMs += ms;
      if (ms === 5_000 && ++rounds === 3) one.leases.end(selection, one.ctx);
    });
    one.leases.begin(selection);
    await one.over();
    wait.mockRestore();
    const loads = registry.calls.map(({ inFlight }) => inFlight.length);
    expect(loads.slice(-3)).toEqual([1, 1, 0]);
    expect(rounds).toBe(3);
  });

  it("does not include WebSockets passed through: those are told once, as uncounted", async () => {
    const registry = await realRegistry();
    const one = isolate(registry);
    const selection = await one.choose();
    one.leases.begin(selection);
    one.leases.passedSocket(one.ctx);
    one.leases.end(selection, one.ctx);
    await one.over();
    await one.serve();
    await one.over();
    expect(await registry.status()).toMatchObject({ uncounted: 1, inFlight: {} });
  });
});

describe("requests that last", () => {
  const begin = async ({ leases, ctx, now }: ReturnType<typeof isolate>): Promise<Selection> => {
    const selection = await leases.select({ ctx, nowMs: now(), lasting: true });
    if (selection === undefined) throw new Error("nothing selected");
    leases.begin(selection);
    return selection;
  };

  it("are given out by the registry one by one: isolates that choose at the same time still spread them evenly", async () => {
    const registry = await realRegistry();
    const four = IDS.map(() => isolate({ ...registry, pool: leastConnections }));
    const batches: Selection[] = [];
    for (const size of [24, 1, 7, 8]) {
      const asked = Array.from({ length: size }, (_, index) => begin(four[index % four.length] ?? isolate(registry)));
      batches.push(...(await Promise.all(asked)));
    }
    expect(tally(batches.map(({ instance }) => instance.id))).toEqual({ a: 10, b: 10, c: 10, d: 10 });
    expect(new Set(batches.map(({ how }) => how))).toEqual(new Set(["object"]));
    const inFlight = async () => (await registry.status()).inFlight;
    await expect.poll(inFlight, { timeout: 3_000 }).toEqual({ a: 10, b: 10, c: 10, d: 10 });
  });

  it("take a leased turn like any other where turns are leased, and only connections are the registry's to count", async () => {
    const turns = isolate(await realRegistry());
    expect(await begin(turns)).toMatchObject({ how: "range" });
    const busy = isolate({ ...(await realRegistry()), pool: leastConnections });
    await busy.serve();
    const asked = { ctx: busy.ctx, nowMs: busy.now() };
    expect(busy.leases.select(asked)).toMatchObject({ how: "snapshot" });
    expect(await busy.leases.select({ ...asked, lasting: true })).toMatchObject({ how: "object" });
  });

  it("go to the least loaded as far as this isolate knows while the registry does not answer, after 500 ms once", async () => {
    const one = isolate({ lease: () => never, pool: leastConnections });
    const sinceMs = Date.now();
    const chosen = await Promise.all(Array.from({ length: 8 }, () => begin(one)));
    expect(Date.now() - sinceMs).toBeLessThan(1_500);
    expect(spread(tally(chosen.map(({ instance }) => instance.id)))).toBe(0);
    expect(one.leases.select({ ctx: one.ctx, nowMs: one.now(), lasting: true })).toMatchObject({ how: "local" });
  });
});

describe("a registry that does not answer", () => {
  it("delays requests by 500 ms once; all of them then go round by themselves", async () => {
    const one = isolate({ lease: () => never });
    const sinceMs = Date.now();
    const waited = await Promise.all(Array.from({ length: 8 }, () => one.choose()));
    const waitedMs = Date.now() - sinceMs;
    expect(waitedMs).toBeGreaterThanOrEqual(450);
    expect(waitedMs).toBeLessThan(1_500);
    expect(new Set(waited.map(({ how }) => how))).toEqual(new Set(["local"]));
    expect(spread(tally(waited.map(({ instance }) => instance.id)))).toBe(0);
    const next = one.leases.select({ ctx: one.ctx, nowMs: one.now() });
    expect(next).not.toBeInstanceOf(Promise);
    expect(next).toMatchObject({ how: "local" });
  });

  it("delays nothing when it fails at once, and is asked again in the background until it is back", async () => {
    const clock = { nowMs: 1_000_000 };
    const registry = registryOn(clock);
    let down = true;
    let calls = 0;
    const lease = async (call: LeaseCall) => {
      calls++;
      if (down) throw new Error("overloaded");
      return registry.lease(call);
    };
    const one = isolate({ lease, clock });
    expect((await one.choose()).how).toBe("local");
    clock.nowMs += 999;
    await one.choose();
    expect(calls).toBe(1);
    clock.nowMs += 1;
    expect(one.leases.select({ ctx: one.ctx, nowMs: clock.nowMs })).toMatchObject({ how: "local" });
    expect(calls).toBe(2);
    down = false;
    await vi.waitFor(async () => {
      clock.nowMs += 1_000;
      expect((await one.choose()).how).toBe("range");
    });
  });

  it("is waited for again by the first request after a pause", async () => {
    const clock = { nowMs: 1_000_000 };
    const registry = registryOn(clock);
    let down = true;
    const lease = async (call: LeaseCall) => (down ? Promise.reject(new Error("down")) : registry.lease(call));
    const one = isolate({ lease, clock });
    expect((await one.choose()).how).toBe("local");
    down = false;
    clock.nowMs += 10_000;
    expect((await one.choose()).how).toBe("range");
  });

  it("that answers a call given up long ago gets those positions back unused", async () => {
    const clock = { nowMs: 1_000_000 };
    const registry = registryOn(clock);
    const late = Promise.withResolvers<void>();
    let calls = 0;
    const lease = async (call: LeaseCall) => {
      const reply = await registry.lease(call);
      if (++calls === 2) await late.promise;
      return reply;
    };
    const one = isolate({ lease, clock });
    const cut = one.choose();
    await vi.waitFor(() => expect(calls).toBe(2));
    clock.nowMs += 5_001;
    expect((await one.choose()).how).toBe("range");
    late.resolve();
    await cut;
    await one.over();
    clock.nowMs += 1_000;
    await one.serve();
    const reports = registry.calls.flatMap((call) => call.reports);
    expect(reports.filter(({ used, done }) => used === 0 && done)).toHaveLength(1);
    expect(registry.books.ledger.reissued).toBe(1);
  });
});

describe("instances", () => {
  it("that are none give nothing, and one that registers meanwhile is found by whoever asks again", async () => {
    const clock = { nowMs: 1_000_000 };
    const registry = registryOn(clock);
    const none = isolate({ ...registry, pool: poolOf("api", []), clock });
    const select = () => none.leases.select({ ctx: none.ctx, nowMs: clock.nowMs });
    expect(await select()).toBeUndefined();
    expect(select()).toBeUndefined();
    registerInstance(registry.books.members, { id: "late", url: "http://late" }, { ttlMs: 60_000, nowMs: clock.nowMs });
    renewRoster(registry.books, clock.nowMs);
    clock.nowMs += 1_000;
    expect(await select()).toMatchObject({ how: "only", instance: { id: "late", target: { base: "http://late" } } });
    // The first was told to bring the roster along.
    expect(registry.calls.length).toBe(3);
  });

  it("that are alone need no decision, but the word that they are in: asked for by the first request after a second, else in passing", async () => {
    const clock = { nowMs: 1_000_000 };
    const registry = registryOn(clock);
    const only = isolate({ ...registry, pool: poolOf("api", ["solo"]), clock });
    const select = () => only.leases.select({ ctx: only.ctx, nowMs: clock.nowMs });
    const first = select();
    expect(first).toBeInstanceOf(Promise);
    expect(await first).toMatchObject({ how: "only", instance: { id: "solo" } });
    for (let i = 0; i < 100; i++) {
      clock.nowMs += 20;
      expect(select()).toMatchObject({ how: "only", instance: { id: "solo" } });
      await settled();
    }
    expect(registry.calls.length).toBeLessThanOrEqual(6);
    clock.nowMs += 1_000;
    expect(select()).toBeInstanceOf(Promise);
  });

  it("tried already are not selected again, and nothing is when all were", async () => {
    const one = isolate(await realRegistry());
    const tried: CompiledInstance[] = [];
    for (let i = 0; i < 4; i++) tried.push((await one.choose(tried)).instance);
    expect(new Set(tried.map(({ id }) => id)).size).toBe(4);
    expect(one.leases.select({ ctx: one.ctx, nowMs: Date.now(), tried })).toBeUndefined();
  });

  it("are selected at once for a request that failed on one, even while the registry would have to be asked", async () => {
    const clock = { nowMs: 1_000_000 };
    const one = isolate({ ...registryOn(clock), clock });
    const first = await one.choose();
    const next = one.leases.select({ ctx: one.ctx, nowMs: clock.nowMs, tried: [first.instance] });
    expect(next).not.toBeInstanceOf(Promise);
    expect(next).toMatchObject({ how: "local" });
    expect(one.leases.select({ ctx: one.ctx, nowMs: clock.nowMs })).toBeInstanceOf(Promise);
  });

  it("that fail are passed over for a second, the others sharing their part evenly", async () => {
    const clock = { nowMs: 1_000_000 };
    const registry = registryOn(clock);
    const one = isolate({ ...registry, clock });
    const failing = await one.choose();
    expect(failing.instance.id).toBe("a");
    one.fail(failing);
    const served: string[] = [];
    for (let i = 0; i < 30; i++) served.push(await one.serve());
    expect(tally(served)).toEqual({ b: 10, c: 10, d: 10 });
    clock.nowMs += 1_000;
    for (let i = 0; i < 8; i++) served.push(await one.serve());
    expect(served.slice(30)).toContain("a");
  });

  it("that all fail are selected all the same, and one that succeeds is in again at once", async () => {
    const clock = { nowMs: 1_000_000 };
    const one = isolate({ ...registryOn(clock), clock });
    const selections = await Promise.all(IDS.map(() => one.choose()));
    for (const selection of selections) one.fail(selection);
    const served = await Promise.all(Array.from({ length: 8 }, () => one.serve()));
    expect(new Set(served)).toEqual(new Set(IDS));
    for (const selection of selections) if (selection.instance.id === "b") one.answer(selection, 200);
    expect(await Promise.all([one.serve(), one.serve()])).toEqual(["b", "b"]);
  });
});

describe("instances put out for the whole fleet", () => {
  /** A registry in memory that knows the pool, and a way to tell it of failures as another isolate would. */
  async function fleet(pool = poolOf("api", IDS)) {
    const clock = { nowMs: 1_000_000 };
    const registry = registryOn(clock);
    const open = () => isolate({ ...registry, clock, pool });
    await open().serve();
    let callId = 0;
    const eject = (instanceId: string) => {
      const outcomes = [{ instanceId, answered: 0, failed: 5, failedLast: 5 }];
      const roster = rosterOf(pool, 1, 0);
      return registry.lease(callUnder(roster, { isolateId: "other", since: callId, callId: ++callId, outcomes }));
    };
    return { clock, registry, open, eject };
  }

  it.each([poolOf("api", IDS), leastConnections])(
    "are passed over from the first request on, until their time is over ($strategy)",
    async (pool) => {
      const { clock, open, eject } = await fleet(pool);
      await eject("b");
      const one = open();
      const serve = async (count: number) => {
        const served = new Set<string>();
        for (let i = 0; i < count; i++) {
          clock.nowMs += 300;
          served.add(await one.serve());
        }
        return served;
      };
      expect(await serve(60)).toEqual(new Set(["a", "c", "d"]));
      clock.nowMs += 12_000;
      expect(await serve(12)).toEqual(new Set(IDS));
    },
  );

  it.each([
    [500, 5, true],
    [503, 5, true],
    [500, 4, false],
    [499, 5, false],
    [404, 5, false],
    [101, 5, false],
  ])("answers of %i, %i of them in a row: put out for an isolate that saw none is %s", async (status, times, isOut) => {
    const { clock, open } = await fleet();
    const one = open();
    const selection = await one.choose();
    for (let i = 0; i < times; i++) one.answer(selection, status);
    clock.nowMs += 1_000;
    await one.serve();
    const other = open();
    const served = new Set<string>();
    for (let i = 0; i < 12; i++) {
      clock.nowMs += 1_000;
      served.add(await other.serve());
    }
    expect(served).toEqual(new Set(IDS.filter((id) => !isOut || id !== selection.instance.id)));
  });

  it("by failures of an isolate that has nothing else to do are told all the same", async () => {
    const registry = await realRegistry();
    const one = isolate(registry);
    const selection = await one.choose();
    for (let i = 0; i < 5; i++) one.answer(selection, 500);
    const ejected = async () => (await registry.status()).ejected.map(({ instanceId }) => instanceId);
    await vi.waitFor(async () => expect(await ejected()).toEqual([selection.instance.id]), { timeout: 2_000 });
  });

  it("cost a lone request no second call, as those that failed here do not", async () => {
    const { clock, registry, open, eject } = await fleet();
    await eject("b");
    await eject("c");
    const one = open();
    await one.serve();
    for (let i = 0; i < 12; i++) {
      clock.nowMs += 1_000;
      const before = registry.calls.length;
      await one.serve();
      expect(registry.calls.length - before).toBe(1);
    }
  });

  it("are passed over by an isolate that holds positions, once it was idle for a second", async () => {
    const { clock, open, eject } = await fleet();
    const idle = open();
    for (let i = 0; i < 40; i++) await idle.serve();
    await eject("b");
    clock.nowMs += 1_000;
    const served = await Promise.all(Array.from({ length: 8 }, () => idle.serve()));
    expect(served).not.toContain("b");
  });

  it.each([
    [20_000, false],
    [5_000, true],
  ])(
    "are not counted twice where an answer was lost: whether they are told again %d ms later: %j",
    async (afterMs, isToldAgain) => {
      const { clock, registry } = await fleet();
      let isLost = false;
      const lossy = async (call: LeaseCall): Promise<LeaseReply> => {
        const reply = await registry.lease(call);
        if (isLost) throw new Error("the reply was lost");
        return reply;
      };
      const one = isolate({ lease: lossy, clock, pool: poolOf("api", IDS) });
      await one.serve();
      for (let i = 0; i < 3; i++) one.fail(await one.choose());
      isLost = true;
      clock.nowMs += 1_000;
      await one.serve();
      isLost = false;
      clock.nowMs += afterMs;
      await one.serve();
      const failures = registry.calls.at(-1)?.outcomes.reduce((sum, { failed }) => sum + failed, 0);
      expect((failures ?? 0) > 0).toBe(isToldAgain);
    },
  );
});

describe("another configuration", () => {
  it("takes over at once; what was under way ends on the counter it began on", async () => {
    const registry = await realRegistry();
    const one = isolate(registry);
    const old = await one.choose();
    one.leases.begin(old);
    one.leases.bind(poolOf("api", ["y", old.instance.id]), 2, 0);
    const now = [await one.choose(), await one.choose(), await one.choose()];
    expect(new Set(now.map(({ instance }) => instance.id))).toEqual(new Set(["y", old.instance.id]));
    expect(now.find(({ instance }) => instance.id === old.instance.id)?.slot).toBe(old.slot);
    one.leases.end(old, one.ctx);
    await one.over();
    expect(await registry.status()).toMatchObject({ rosterVersion: 2, configVersion: 2, inFlight: {} });
  });

  it("makes positions held under the one before void, unless it deals them alike", async () => {
    const clock = { nowMs: 1_000_000 };
    const registry = registryOn(clock);
    const one = isolate({ ...registry, clock });
    for (let i = 0; i < 20; i++) await one.serve();
    one.leases.bind(poolOf("api", IDS), 2, 0);
    expect(one.leases.select({ ctx: one.ctx, nowMs: clock.nowMs })).toMatchObject({ how: "range" });
    one.leases.bind(poolOf("api", ["d", "c", "b", "a"]), 3, 0);
    const asked = one.leases.select({ ctx: one.ctx, nowMs: clock.nowMs });
    expect(asked).toBeInstanceOf(Promise);
    const from = registry.books.ledger.cursor;
    expect((await asked)?.instance.id).toBe(["d", "c", "b", "a"][from % 4]);
    expect(registry.calls.at(-1)?.reports).toEqual([]);
  });

  it("keeps reporting requests on an instance that is gone until they end", async () => {
    const registry = await realRegistry();
    const one = isolate(registry);
    const old = await one.choose();
    one.leases.begin(old);
    one.leases.bind(poolOf("api", ["y", "z"]), 2, 0);
    await one.serve();
    await vi.waitFor(async () => expect((await registry.status()).inFlight).toEqual({ [old.instance.id]: 1 }));
    one.leases.end(old, one.ctx);
    await vi.waitFor(async () => expect((await registry.status()).inFlight).toEqual({}));
  });

  it("is not undone by a request that began under the one before", async () => {
    const one = isolate(await realRegistry());
    const before = poolOf("api", IDS);
    one.leases.bind(before, 2, 0);
    one.leases.bind(poolOf("api", ["y", "z"]), 3, 0);
    one.leases.bind(before, 2, 0);
    expect(["y", "z"]).toContain(await one.serve());
  });

  it("known to the registry only makes the isolate read it, and go on by itself meanwhile", async () => {
    const registry = await realRegistry();
    const ahead = isolate({ ...registry, version: 7 });
    await ahead.serve();
    const behind = isolate({ ...registry, version: 6 });
    const selection = await behind.choose();
    expect(selection.how).toBe("local");
    expect(behind.outdated).toHaveBeenCalledOnce();
    behind.leases.bind(poolOf("api", IDS), 7, 0);
    expect((await behind.choose()).how).toBe("range");
    expect(behind.outdated).toHaveBeenCalledOnce();
  });

  it("of a later deployment only does not make it read the configuration in vain", async () => {
    const registry = await realRegistry();
    const ahead = isolate(registry);
    ahead.leases.bind(poolOf("api", IDS), 1, 500);
    await ahead.serve();
    const behind = isolate(registry);
    expect((await behind.choose()).how).toBe("local");
    expect(behind.outdated).not.toHaveBeenCalled();
  });
});

describe("an instance that owes one overdue answer", () => {
  /** An isolate of which one request waits on `a`, unusually long, while `b` answers. */
  async function doubting(pool: CompiledPool) {
    const clock = { nowMs: 1_000_000 };
    const one = isolate({ lease: registryOn(clock).lease, clock, pool });
    let stuck = await one.choose();
    while (stuck.instance.id !== "a") stuck = await one.choose();
    const other = await one.choose([stuck.instance]);
    one.leases.begin(stuck);
    const sentAtMs = clock.nowMs;
    one.leases.patience.sent(stuck.slot, sentAtMs);
    const times = { sentAtMs, overdueAtMs: sentAtMs + 500, endsAtMs: sentAtMs + 15_000 };
    one.leases.patience.wait(stuck.slot, { ...times, isTold: false, goOn: () => undefined });
    clock.nowMs += 600;
    one.answer(other, 200);
    one.leases.overdue(stuck, one.ctx);
    expect(stuck.slot.doubtful).toBe(true);
    const send = (more: { forTrial?: boolean; tried?: readonly CompiledInstance[] }) => {
      const selection = one.leases.select({ ctx: one.ctx, nowMs: clock.nowMs, ...more });
      if (selection === undefined) throw new Error("nothing selected");
      if (selection instanceof Promise) return "asks";
      one.leases.begin(selection);
      one.leases.patience.sent(selection.slot, clock.nowMs);
      return selection.instance.id;
    };
    return { ...one, send, stuck };
  }

  it("is sent two more first that could go on elsewhere, at once, and then none", async () => {
    const { send } = await doubting(leastConnections);
    expect([send({ forTrial: true }), send({ forTrial: true })]).toEqual(["a", "a"]);
    expect(send({ forTrial: true })).not.toBe("a");
  });

  it("is sent none that could not go on, nor one that has failed elsewhere already", async () => {
    const { send, stuck } = await doubting(leastConnections);
    expect(send({})).not.toBe("a");
    const [tried] = leastConnections.instances.filter(({ id }) => id !== "a");
    expect(send({ forTrial: true, tried: tried === undefined ? [] : [tried] })).not.toBe("a");
    expect(send({ forTrial: true, tried: [stuck.instance] })).not.toBe("a");
  });

  it("has no more than its turn where instances take turns", async () => {
    const { send, stuck } = await doubting(poolOf("api", IDS));
    const served = Array.from({ length: 4 }, () => send({ forTrial: true }));
    expect(served.filter((id) => id === "a").length).toBeLessThanOrEqual(1);
    expect(stuck.slot.doubtful).toBe(true);
  });
});
