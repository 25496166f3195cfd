// What an isolate makes of its limits, its shards played by the shard's own decisions in memory on a clock the test sets:
// nothing is asked while tokens last, all limits or none are spent from, and a shard that fails is nobody's 429.

import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { LimiterCall, RateAsk, SlotAsk } from "../../src/contracts/limits.ts";
import { limitAddress } from "../../src/isolate/limits/limit-address.ts";
import { type Admission, Limiter } from "../../src/isolate/limits/limiter.ts";
import type { Exchange } from "../../src/isolate/limits/limiter-line.ts";
import { compileLimits } from "../../src/policies/limits/compile-limits.ts";
import type { LimitDocument } from "../../src/policies/limits/default-limits.ts";
import { describeState, type LimitState, serveAsk } from "../../src/policies/limits/limit-book.ts";
import type { Standing } from "../../src/policies/limits/limit-key.ts";

const START_MS = 4_000_000_000_000;
const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;

/** Shards in memory. `before` runs as a call sets out, `during` before its answer does; an error of theirs is the call's. */
function fleet({ shards = 1 } = {}) {
  const clock = { nowMs: START_MS };
  const states = new Map<string, LimitState>();
  const calls: { readonly shard: number; readonly call: LimiterCall }[] = [];
  const mood: { before: () => void; during: (shard: number) => void | Promise<void> } = {
    before: () => undefined,
    during: () => undefined,
  };
  const pass = (ms: number): void => {
    clock.nowMs += ms;
  };
  const exchange: Exchange = async (_, shard, call) => {
    calls.push({ shard, call: structuredClone(call) });
    mood.before();
    const answers = call.asks.map((ask) => {
      const served = serveAsk(ask, call.isolateId, { state: states.get(ask.key), nowMs: clock.nowMs });
      if (served.change !== undefined) states.set(ask.key, structuredClone(served.change.state));
      return served.answer;
    });
    await mood.during(shard);
    return { answers, paceMs: 0 };
  };
  const used = ({ limit, key }: Standing): number => {
    const state = states.get(limitAddress(limit.name, key, shards).key);
    return state === undefined ? 0 : describeState(state, clock.nowMs).used;
  };
  const asks = (): (RateAsk | SlotAsk)[] => calls.flatMap(({ call }) => call.asks);
  return {
    clock,
    pass,
    calls,
    asks,
    mood,
    exchange,
    used,
    bound: { ...env, RATE_LIMIT_SHARDS: String(shards) } as Env,
  };
}
type Fleet = ReturnType<typeof fleet>;

let isolates = 0;
function isolate({ clock, exchange, bound }: Fleet) {
  const limiter = new Limiter({ isolateId: `isolate-${++isolates}`, exchange, clock: () => clock.nowMs });
  const kept: Promise<unknown>[] = [];
  const ctx = { waitUntil: (work: Promise<unknown>) => void kept.push(work) };
  const access = () => ({ env: bound, ctx, nowMs: clock.nowMs });
  const admit = (...standings: Standing[]): Admission | Promise<Admission> => limiter.admit(standings, access());
  const spendAtHand = ({ limit, key }: Standing): boolean => limiter.spendAtHand(limit, key, access());
  return { admit, spendAtHand, access, isExhausted: (standing: Standing) => limiter.isExhausted(standing, access()) };
}

let keys = 0;
let names = 0;
/** A limit and one who stands under it. */
function standing(document: Partial<LimitDocument> = {}, key = `key-${++keys}`, name = `limit-${++names}`): Standing {
  const rate = { limit: 1_000, windowMs: MINUTE_MS };
  const full = { key: "ip", ...(document.concurrency === undefined && rate), ...document } as LimitDocument;
  const limit = compileLimits({ [name]: full }).get(name);
  if (limit === undefined) throw new Error(name);
  return { limit, key };
}

/** Requests one after another, none of them later than the one before. */
async function several(count: number, ask: () => Admission | Promise<Admission>): Promise<Admission[]> {
  const admissions: Admission[] = [];
  for (let i = 0; i < count; i++) admissions.push(await ask());
  return admissions;
}
const admitted = (admissions: readonly Admission[]): number => admissions.filter(({ ok }) => ok).length;
const refusal = (admission: Admission) => (admission.ok ? "admitted" : `${admission.fact.name}: ${admission.why}`);

const storedKey = ({ limit, key }: Standing): string => limitAddress(limit.name, key, 1).key;

/** A key whose windows lie in that shard. */
function keyIn(shard: number, shards: number): string {
  for (;;) {
    const key = `key-${++keys}`;
    if (limitAddress("x", key, shards).shard === shard) return key;
  }
}

const broken = (): never => {
  throw new Error("the shard is down");
};

const warnings: unknown[] = [];
beforeEach(() => {
  warnings.length = 0;
  vi.spyOn(console, "warn").mockImplementation((line) => void warnings.push(line));
});
afterEach(() => {
  vi.restoreAllMocks();
});

/** Requests at a thousand a second, until some is lent in advance. */
async function keepBusy(shard: ReturnType<typeof fleet>, admit: () => Admission | Promise<Admission>): Promise<void> {
  for (let round = 0; round < 20; round++) {
    await several(10, admit);
    shard.pass(10);
  }
  while (admit() instanceof Promise) await scheduler.wait(0);
}

describe("tokens at hand", () => {
  it("are spent at once, without a promise and without a call", async () => {
    const shard = fleet();
    const { admit } = isolate(shard);
    const chat = standing();
    await keepBusy(shard, () => admit(chat));
    const called = shard.calls.length;
    const now = admit(chat);
    expect(now).not.toBeInstanceOf(Promise);
    expect(now).toMatchObject({ ok: true, overrun: [], slots: undefined });
    expect(shard.calls.length).toBe(called);
  });

  it("are no longer spent once their lease has ended", async () => {
    const shard = fleet();
    const { admit } = isolate(shard);
    const chat = standing();
    await keepBusy(shard, () => admit(chat));
    shard.pass(6_000);
    const late = admit(chat);
    expect(late).toBeInstanceOf(Promise);
    expect((await late).ok).toBe(true);
  });

  it("are dropped by a clock that steps back", async () => {
    const shard = fleet();
    const { admit } = isolate(shard);
    const chat = standing();
    await keepBusy(shard, () => admit(chat));
    shard.pass(-10_000);
    expect(admit(chat)).toBeInstanceOf(Promise);
  });

  it("that come with an answer from before the clock stepped back are not spent after it", async () => {
    const shard = fleet();
    const { admit } = isolate(shard);
    const chat = standing({ limit: 100_000 });
    await several(700, () => admit(chat));
    shard.pass(6_000);
    const others: (Admission | Promise<Admission>)[] = [];
    shard.mood.during = () => {
      shard.mood.during = () => undefined;
      shard.pass(-100_000);
      // Another request is the first to notice.
      others.push(admit(standing()));
    };
    await admit(chat);
    expect(admitted(await Promise.all(others))).toBe(1);
    // The first brought more than was waited for, and was asked again for what was.
    const wishes = shard
      .asks()
      .flatMap((ask) => (ask.key === storedKey(chat) && ask.kind === "rate" ? [ask.wish] : []));
    expect(wishes.at(-2)?.spare).toBeGreaterThan(0);
    expect(wishes.at(-1)).toMatchObject({ waiting: 1 });
  });

  it("run out: exactly the limit is admitted, by several isolates together", async () => {
    const shard = fleet();
    const four = Array.from({ length: 4 }, () => isolate(shard));
    const chat = standing({ limit: 1_000 });
    const all = await Promise.all(four.map(({ admit }) => several(400, () => admit(chat))));
    expect(admitted(all.flat())).toBeLessThanOrEqual(1_000);
    expect(admitted(all.flat())).toBeGreaterThan(980);
    expect(shard.used(chat)).toBeLessThanOrEqual(1_000);
  });

  it("of a small limit are lent to nobody in advance, so that all of them are used", async () => {
    const shard = fleet();
    const four = Array.from({ length: 4 }, () => isolate(shard));
    const chat = standing({ limit: 100 });
    const all = await Promise.all(four.map(({ admit }) => several(50, () => admit(chat))));
    expect(admitted(all.flat())).toBe(100);
  });
});

describe("the short way of a request under one rate", () => {
  it("spends the same tokens: by both ways together, exactly the limit is admitted", async () => {
    const shard = fleet();
    const chat = standing({ limit: 1_000 });
    const four = Array.from({ length: 4 }, () => isolate(shard));
    let short = 0;
    let long = 0;
    for (let round = 0; round < 400; round++) {
      shard.pass(1);
      for (const { admit, spendAtHand } of four) {
        if (spendAtHand(chat)) short++;
        else if ((await admit(chat)).ok) long++;
      }
    }
    expect(short + long).toBe(1_000);
    expect(short).toBeGreaterThan(100);
    for (const { spendAtHand } of four) expect(spendAtHand(chat)).toBe(false);
  });

  it("asks for more in good time, under the rule the request stands under", async () => {
    const shard = fleet();
    const { admit, spendAtHand } = isolate(shard);
    const before = standing({ limit: 20_000 });
    const after = standing({ limit: 10_000 }, before.key, before.limit.name);
    await keepBusy(shard, () => admit(before));
    expect(admit(after)).toMatchObject({ ok: true });
    expect(admit(before)).toMatchObject({ ok: true });
    // Nothing is asked for in advance for a second after nothing was lent so.
    shard.pass(1_100);
    const called = shard.calls.length;
    while (shard.calls.length === called && spendAtHand(after)) await scheduler.wait(0);
    const rules = shard.asks().map((ask) => ask.kind === "rate" && ask.rule.limit);
    expect(rules.slice(-2)).toEqual([20_000, 10_000]);
  });

  it("is closed where nothing is at hand: to a key not seen before, after the lease's end, and for slots", async () => {
    const shard = fleet();
    const { admit, spendAtHand } = isolate(shard);
    const chat = standing();
    await keepBusy(shard, () => admit(chat));
    expect(spendAtHand({ ...chat, key: "someone else" })).toBe(false);
    expect(spendAtHand(standing({}, chat.key))).toBe(false);
    expect(spendAtHand(chat)).toBe(true);
    shard.pass(MINUTE_MS);
    expect(spendAtHand(chat)).toBe(false);
    const terminals = standing({ concurrency: 5 });
    await admit(terminals);
    expect(spendAtHand(terminals)).toBe(false);
  });

  it("is closed by a clock that steps back", async () => {
    const shard = fleet();
    const { admit, spendAtHand } = isolate(shard);
    const chat = standing();
    await keepBusy(shard, () => admit(chat));
    expect(spendAtHand(chat)).toBe(true);
    shard.pass(-1_000);
    expect(spendAtHand(chat)).toBe(false);
    shard.pass(1_000);
    expect(spendAtHand(chat)).toBe(false);
  });

  it("overtakes nobody who waits for more than is at hand", async () => {
    // Of some of them a token or two is left, whatever is lent at a time.
    for (const burnt of [0, 1, 2]) {
      const shard = fleet();
      const { admit, spendAtHand } = isolate(shard);
      const dear = standing({ cost: 3, limit: 100_000 });
      const cheap = standing({ cost: 1, limit: 100_000 }, dear.key, dear.limit.name);
      await keepBusy(shard, () => admit(dear));
      expect(admit(cheap)).toMatchObject({ ok: true });
      for (let i = 0; i < burnt; i++) spendAtHand(cheap);
      let waiting: Admission | Promise<Admission> = admit(dear);
      while (!(waiting instanceof Promise)) waiting = admit(dear);
      expect(spendAtHand(cheap)).toBe(false);
      expect((await waiting).ok).toBe(true);
    }
  });

  it("is closed to what was a rate when its limit has become one of what goes on at one time", async () => {
    const shard = fleet();
    const { admit, spendAtHand } = isolate(shard);
    const rate = standing({ limit: 100_000 });
    await keepBusy(shard, () => admit(rate));
    expect(spendAtHand(rate)).toBe(true);
    await admit(standing({ concurrency: 5 }, rate.key, rate.limit.name));
    expect(spendAtHand(rate)).toBe(false);
  });

  it("is closed to keys of any length, which nobody should keep", async () => {
    const shard = fleet();
    const { admit, spendAtHand } = isolate(shard);
    const chat = standing({ limit: 100_000 }, "k".repeat(10_000));
    await keepBusy(shard, () => admit(chat));
    expect(admit(chat)).toMatchObject({ ok: true });
    expect(spendAtHand(chat)).toBe(false);
  });

  it("is closed to a key that was forgotten for others", async () => {
    const shard = fleet();
    const { admit, spendAtHand } = isolate(shard);
    const chat = standing({ limit: 100_000 });
    await keepBusy(shard, () => admit(chat));
    expect(spendAtHand(chat)).toBe(true);
    const others = standing();
    for (let first = 0; first < 20_000; first += 1_000)
      await Promise.all(Array.from({ length: 1_000 }, (_, i) => admit({ ...others, key: `other-${first + i}` })));
    expect(spendAtHand(chat)).toBe(false);
  });
});

describe("a denial", () => {
  it("is remembered for a second, and then asked about again", async () => {
    const shard = fleet();
    const { admit } = isolate(shard);
    const chat = standing({ limit: 1 });
    expect(admitted(await several(2, () => admit(chat)))).toBe(1);
    const called = shard.calls.length;
    shard.pass(999);
    expect(admit(chat)).toMatchObject({ ok: false, why: "exceeded" });
    expect(shard.calls.length).toBe(called);
    shard.pass(1);
    expect(await admit(chat)).toMatchObject({ ok: false, why: "exceeded" });
    expect(shard.calls.length).toBe(called + 1);
  });

  it("says until when: as soon as the window has passed, the next request is admitted", async () => {
    const shard = fleet();
    const { admit } = isolate(shard);
    const chat = standing({ limit: 1 });
    await admit(chat);
    const denied = await admit(chat);
    if (denied.ok) throw new Error("admitted");
    expect(denied.fact).toMatchObject({ limit: 1, windowMs: MINUTE_MS, remaining: 0 });
    shard.pass(denied.fact.releaseInMs - 1);
    expect((await admit(chat)).ok).toBe(false);
    shard.pass(1_000);
    expect((await admit(chat)).ok).toBe(true);
  });

  it("of one key is none of another, nor of another limit", async () => {
    const shard = fleet();
    const { admit } = isolate(shard);
    const chat = standing({ limit: 1 });
    await several(2, () => admit(chat));
    expect((await admit({ ...chat, key: "someone else" })).ok).toBe(true);
    expect((await admit(standing({ limit: 1 }, chat.key))).ok).toBe(true);
  });
});

describe("several limits", () => {
  it("a refused third leaves the first two untouched", async () => {
    const shard = fleet();
    const { admit } = isolate(shard);
    const [first, second, third] = [standing({ limit: 10 }), standing({ limit: 10 }), standing({ limit: 1 })];
    expect((await admit(first, second, third)).ok).toBe(true);
    for (const admission of await several(20, () => admit(first, second, third)))
      expect(refusal(admission)).toBe(`${third.limit.name}: exceeded`);
    expect(admitted(await several(10, () => admit(first, second)))).toBe(9);
  });

  it("stay untouched however long the third goes on refusing", async () => {
    const shard = fleet();
    const { admit } = isolate(shard);
    const hourly = { limit: 10, windowMs: HOUR_MS };
    const [first, second, third] = [standing(hourly), standing(hourly), standing({ ...hourly, limit: 1 })];
    await admit(first, second, third);
    for (let s = 0; s < 60; s++) {
      shard.pass(1_100);
      expect(refusal(await admit(first, second, third))).toBe(`${third.limit.name}: exceeded`);
      await vi.waitFor(() => expect([first, second].map(shard.used)).toEqual([1, 1]), { interval: 1 });
    }
    shard.pass(5_000);
    expect(admitted(await several(10, () => admit(first, second)))).toBe(9);
  });

  it("one known to refuse is told at once, with its own answer, though others have not been asked", async () => {
    const shard = fleet();
    const { admit } = isolate(shard);
    const [fresh, slot, spent] = [standing(), standing({ concurrency: 5 }), standing({ limit: 1 })];
    await several(2, () => admit(spent));
    const called = shard.calls.length;
    const now = admit(fresh, slot, spent);
    expect(now).not.toBeInstanceOf(Promise);
    expect(refusal(await now)).toBe(`${spent.limit.name}: exceeded`);
    expect(shard.calls.length).toBe(called);
    expect([shard.used(fresh), shard.used(slot)]).toEqual([0, 0]);
  });

  it("a slot held by a request that another limit refuses comes back", async () => {
    const shard = fleet();
    const { admit } = isolate(shard);
    const [slot, spent] = [standing({ concurrency: 1 }), standing({ limit: 1 })];
    const other = isolate(shard);
    await other.admit(spent);
    expect(refusal(await admit(slot, spent))).toBe(`${spent.limit.name}: exceeded`);
    await vi.waitFor(() => expect(shard.used(slot)).toBe(0));
    expect((await other.admit(slot)).ok).toBe(true);
  });

  it.each([
    { what: "lapse while another shard keeps the request waiting are taken anew", waitMs: 6_100, calls: 1 },
    { what: "outlast that wait are spent as they are", waitMs: 1_000, calls: 0 },
  ])("tokens that $what", async ({ waitMs, calls }) => {
    const shard = fleet({ shards: 2 });
    const { admit } = isolate(shard);
    const rate = standing({}, keyIn(0, 2));
    const slot = standing({ concurrency: 1 }, keyIn(1, 2));
    await keepBusy(shard, () => admit(rate));
    const wishes = () => shard.asks().filter((ask) => ask.kind === "rate" && ask.wish !== undefined).length;
    const before = wishes();
    shard.mood.during = (index) => (index === 1 ? shard.pass(waitMs) : undefined);
    expect(await admit(rate, slot)).toMatchObject({ ok: true, slots: expect.anything() });
    expect(wishes() - before).toBe(calls);
  });

  it("that are all waited for name the time for which what came first waits for the rest; one alone names none", async () => {
    const shard = fleet({ shards: 2 });
    const withinMs = async (...standings: Standing[]) => {
      shard.calls.length = 0;
      await isolate(shard).admit(...standings);
      return shard.asks().map((ask) => ask.kind === "rate" && ask.wish?.withinMs);
    };
    expect(await withinMs(standing())).toEqual([500]);
    expect(await withinMs(standing({}, keyIn(0, 2)), standing({}, keyIn(1, 2)))).toEqual([700, 700]);
  });

  it.each([
    { what: "still counts", laterMs: 950, outcome: "exceeded" },
    { what: "counts no longer after its window", laterMs: 1_200, outcome: "admitted" },
  ])(
    "asked for in turn, each lapsing while another is waited for: what is spent $what",
    async ({ laterMs, outcome }) => {
      const shard = fleet({ shards: 2 });
      const { admit } = isolate(shard);
      const single = standing({ limit: 1, windowMs: 1_000 }, keyIn(0, 2));
      const other = standing({ limit: 100 }, keyIn(1, 2));
      // Its shard is known to answer at once.
      await several(12, () => admit(standing({}, keyIn(0, 2))));
      shard.calls.length = 0;
      // By shard, how long its calls take: the one's second comes too late and is made again, the other's come in time.
      const tookMs = [
        [0, 250, 0],
        [250, 150],
      ];
      shard.mood.during = async (index) => {
        const ms = tookMs[index]?.shift() ?? 0;
        if (ms === 0) return;
        // What has come already is set aside before.
        await scheduler.wait(0);
        shard.pass(ms);
      };
      expect((await admit(single, other)).ok).toBe(true);
      expect(shard.calls.map((call) => call.shard)).toEqual([0, 1, 0, 0, 1]);
      shard.pass(laterMs);
      expect(refusal(await isolate(shard).admit(single))).toContain(outcome);
    },
  );

  it("those that show themselves are told with an admission, the others are not", async () => {
    const shard = fleet();
    const { admit } = isolate(shard);
    const [shown, hidden] = [standing({ limit: 10, headers: true }), standing({ limit: 5 })];
    const admission = await admit(shown, hidden);
    expect(admission).toMatchObject({ ok: true, facts: [{ name: shown.limit.name, limit: 10, remaining: 9 }] });
  });
});

describe("a limit in shadow", () => {
  it("counts and reports, and refuses nobody", async () => {
    const shard = fleet();
    const { admit } = isolate(shard);
    const shadow = standing({ limit: 2, shadow: true });
    const all = await several(4, () => admit(shadow));
    expect(all.map((one) => one.ok && one.overrun)).toEqual([[], [], [shadow.limit.name], [shadow.limit.name]]);
    expect(shard.used(shadow)).toBe(2);
  });

  it("hides no refusal of one that is not", async () => {
    const shard = fleet();
    const { admit } = isolate(shard);
    const [shadow, strict] = [standing({ limit: 1, shadow: true }), standing({ limit: 2 })];
    const all = await several(3, () => admit(shadow, strict));
    expect(all.map(refusal)).toEqual(["admitted", "admitted", `${strict.limit.name}: exceeded`]);
  });
});

describe("a shard that fails", () => {
  it("lets everyone through an open limit, uncounted", async () => {
    const shard = fleet();
    shard.mood.during = broken;
    const { admit } = isolate(shard);
    const open = standing({ limit: 1, onError: "open" });
    expect(admitted(await several(5, () => admit(open)))).toBe(5);
  });

  it("lets nobody through a closed one, which is no 429", async () => {
    const shard = fleet();
    shard.mood.during = broken;
    const { admit } = isolate(shard);
    const closed = standing({ limit: 100, onError: "closed" });
    for (const one of await several(5, () => admit(closed)))
      expect(one).toMatchObject({ ok: false, why: "unavailable" });
  });

  it("leaves a local one to this isolate's own count", async () => {
    const shard = fleet();
    shard.mood.during = broken;
    const { admit } = isolate(shard);
    const local = standing({ limit: 3, onError: "local" });
    const all = await several(5, () => admit(local));
    expect(admitted(all)).toBe(3);
    expect(all.at(-1)).toMatchObject({ ok: false, why: "exceeded" });
    shard.pass(MINUTE_MS * 1.02);
    expect((await admit(local)).ok).toBe(true);
  });

  it("has peace for a second and is then asked again", async () => {
    const shard = fleet();
    shard.mood.during = broken;
    const { admit } = isolate(shard);
    const chat = standing({ limit: 1 });
    await several(3, () => admit(chat));
    expect(shard.calls.length).toBe(1);
    shard.pass(999);
    await admit(chat);
    expect(shard.calls.length).toBe(1);
    shard.pass(1);
    shard.mood.during = () => undefined;
    // What it granted before its answer was lost is given back with the call that asks anew.
    expect(refusal(await admit(chat))).toBe("admitted");
    expect(shard.calls.length).toBe(2);
  });

  it("has granted for good what is not given back within 5 s", async () => {
    const shard = fleet();
    shard.mood.during = broken;
    const { admit } = isolate(shard);
    const chat = standing({ limit: 1 });
    await admit(chat);
    shard.pass(5_000);
    shard.mood.during = () => undefined;
    expect(refusal(await admit(chat))).toBe(`${chat.limit.name}: exceeded`);
  });

  it("leaves the limits of other shards in force", async () => {
    const shard = fleet({ shards: 2 });
    shard.mood.during = (index) => (index === 0 ? broken() : undefined);
    const { admit } = isolate(shard);
    const down = standing({ limit: 1 }, keyIn(0, 2));
    const up = standing({ limit: 1 }, keyIn(1, 2));
    expect((await several(2, () => admit(down, up))).map(refusal)).toEqual(["admitted", `${up.limit.name}: exceeded`]);
  });

  it("gives a concurrency limit no slot to hold, and none to give back", async () => {
    const shard = fleet();
    shard.mood.during = broken;
    const { admit } = isolate(shard);
    expect(await admit(standing({ concurrency: 1 }))).toMatchObject({ ok: true, slots: undefined });
    expect(await admit(standing({ concurrency: 1, onError: "closed" }))).toMatchObject({
      ok: false,
      why: "unavailable",
    });
  });

  it("answers too late for its own lease: that is an error, never a 429", async () => {
    const shard = fleet();
    shard.mood.during = () => shard.pass(1_500);
    const { admit } = isolate(shard);
    expect((await admit(standing({ limit: 100, onError: "open" }))).ok).toBe(true);
    expect(await admit(standing({ limit: 100, onError: "closed" }))).toMatchObject({ ok: false, why: "unavailable" });
  });

  it.each([
    { what: "comes too late takes no token", lateMs: 600, used: 1 },
    { what: "comes later than it can be given back takes one until its time is over", lateMs: 2_100, used: 2 },
  ])("gives an answer that $what", async ({ lateMs, used }) => {
    const shard = fleet();
    const { admit } = isolate(shard);
    const chat = standing({ limit: 10, windowMs: 2_000 });
    shard.mood.during = () => {
      shard.mood.during = () => undefined;
      shard.pass(lateMs);
    };
    expect((await admit(chat)).ok).toBe(true);
    expect(shard.calls.length).toBe(2);
    expect(shard.used(chat)).toBe(used);
  });

  it("answers too late, but with a denial: that is a 429 all the same", async () => {
    const shard = fleet();
    const { admit } = isolate(shard);
    const chat = standing({ limit: 1, onError: "open" });
    await admit(chat);
    shard.mood.during = () => shard.pass(1_500);
    expect(await admit(chat)).toMatchObject({ ok: false, why: "exceeded" });
  });
});

describe("requests that wait", () => {
  it("go together: those that come while a call is out share the next one", async () => {
    const shard = fleet();
    const { admit } = isolate(shard);
    const chat = standing({ limit: 100 });
    let land = (): void => undefined;
    shard.mood.during = () => new Promise<void>((resolve) => (land = resolve));
    const first = admit(chat);
    const later = [admit(chat), admit(chat), admit(chat)];
    await vi.waitFor(() => expect(shard.calls.length).toBe(1));
    shard.mood.during = () => undefined;
    land();
    expect(admitted(await Promise.all([first, ...later]))).toBe(4);
    const waiting = shard.asks().flatMap((ask) => (ask.kind === "rate" && ask.wish ? [ask.wish.waiting] : []));
    expect(waiting).toEqual([1, 3]);
  });

  it("share one call for all their keys", async () => {
    const shard = fleet();
    const { admit } = isolate(shard);
    let land = (): void => undefined;
    shard.mood.during = () => new Promise<void>((resolve) => (land = resolve));
    const first = admit(standing());
    const others = Array.from({ length: 50 }, () => admit(standing()));
    await vi.waitFor(() => expect(shard.calls.length).toBe(1));
    shard.mood.during = () => undefined;
    land();
    expect(admitted(await Promise.all([first, ...others]))).toBe(51);
    expect(shard.calls.map(({ call }) => call.asks.length)).toEqual([1, 50]);
  });

  it("pay their cost: a request that costs three takes three or none", async () => {
    const shard = fleet();
    const { admit } = isolate(shard);
    const dear = standing({ limit: 10, cost: 3 });
    expect(admitted(await several(5, () => admit(dear)))).toBe(3);
    expect(shard.used(dear)).toBe(9);
  });

  it("whoever only asks whether a limit is exhausted spends nothing", async () => {
    const shard = fleet();
    const { admit, isExhausted } = isolate(shard);
    const chat = standing({ limit: 1 });
    for (let i = 0; i < 3; i++) expect(await isExhausted(chat)).toBe(false);
    expect(shard.used(chat)).toBe(0);
    expect((await admit(chat)).ok).toBe(true);
    await admit(chat);
    expect(await isExhausted(chat)).toBe(true);
  });

  it("an exhausted limit of a shard that does not answer counts as not exhausted", async () => {
    const shard = fleet();
    shard.mood.during = broken;
    expect(await isolate(shard).isExhausted(standing({ limit: 1 }))).toBe(false);
  });
});

describe("slots", () => {
  const release = (admission: Admission, access: ReturnType<ReturnType<typeof isolate>["access"]>) => {
    if (admission.ok) admission.slots?.release(access);
  };

  it("are as many as the limit, over several isolates, and one that is released goes to the next", async () => {
    const shard = fleet();
    const [one, two] = [isolate(shard), isolate(shard)];
    const terminals = standing({ concurrency: 2 });
    const held = [await one.admit(terminals), await two.admit(terminals)];
    expect(admitted(held)).toBe(2);
    expect(refusal(await one.admit(terminals))).toBe(`${terminals.limit.name}: exceeded`);
    release(held[1] as Admission, two.access());
    await vi.waitFor(() => expect(shard.used(terminals)).toBe(1));
    expect((await one.admit(terminals)).ok).toBe(true);
  });

  it("are released once, however often that is said", async () => {
    const shard = fleet();
    const { admit, access } = isolate(shard);
    const terminals = standing({ concurrency: 2 });
    const [first] = await several(2, () => admit(terminals));
    for (let i = 0; i < 3; i++) release(first as Admission, access());
    await vi.waitFor(() => expect(shard.used(terminals)).toBe(1));
    await admit(terminals);
    release(first as Admission, access());
    expect(refusal(await admit(terminals))).toBe(`${terminals.limit.name}: exceeded`);
    const released = shard.asks().flatMap((ask) => (ask.kind === "slots" ? ask.released : []));
    expect(released.length).toBe(1);
  });

  it("are held until what they were taken for has ended, well or badly", async () => {
    const shard = fleet();
    const { admit, access } = isolate(shard);
    for (const end of ["resolve", "reject"] as const) {
      const terminals = standing({ concurrency: 1 });
      const ended = Promise.withResolvers<void>();
      const admission = await admit(terminals);
      if (!admission.ok) throw new Error("refused");
      admission.slots?.releaseAfter(ended.promise, access());
      expect(refusal(await admit(terminals))).toBe(`${terminals.limit.name}: exceeded`);
      ended[end]();
      await vi.waitFor(() => expect(shard.used(terminals)).toBe(0));
      expect((await admit(terminals)).ok).toBe(true);
    }
  });

  it("are renewed by a request that goes on, and come back from one that was cut, a lease after it was last heard of", async () => {
    const shard = fleet();
    const { admit, access } = isolate(shard);
    const leaseMs = 1_000;
    const [going, cut] = [standing({ concurrency: 1, leaseMs }), standing({ concurrency: 1, leaseMs })];
    const kept = await admit(going);
    expect(admitted([kept, await admit(cut)])).toBe(2);
    if (kept.ok) kept.slots?.keep(access());
    const renewals = () =>
      shard.asks().filter((ask) => ask.kind === "slots" && ask.rule.leaseMs === leaseMs && ask.renewed.length > 0)
        .length;
    for (let turn = 0; turn < 3; turn++) {
      const before = renewals();
      shard.pass(leaseMs * 0.4);
      await vi.waitFor(() => expect(renewals()).toBeGreaterThan(before), { timeout: 2_000 });
    }
    expect(refusal(await admit(going))).toBe(`${going.limit.name}: exceeded`);
    expect((await admit(cut)).ok).toBe(true);
    release(kept, access());
    await vi.waitFor(() => expect(shard.used(going)).toBe(0));
  });

  it("whose release was lost are released with the next call", async () => {
    const shard = fleet();
    const { admit, access } = isolate(shard);
    const terminals = standing({ concurrency: 1 });
    const held = await admit(terminals);
    shard.mood.before = broken;
    release(held, access());
    await vi.waitFor(() => expect(warnings.length).toBe(1));
    expect(shard.used(terminals)).toBe(1);
    shard.mood.before = () => undefined;
    shard.pass(1_000);
    expect(await admit(terminals)).toMatchObject({ ok: true, slots: expect.anything() });
  });
});
