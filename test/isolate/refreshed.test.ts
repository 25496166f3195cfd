// The promise of src/isolate/refreshed.ts, on a fake clock: bounded age while the source answers, last good when it does not.

import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type Access, type Held, Refreshed } from "../../src/isolate/refreshed.ts";

type Load = { readonly known: number | undefined; readonly answer: (value: number) => void; readonly fail: () => void };

/** A source whose every load is answered by hand, and the requests' lifetimes it was tied to. */
function rig() {
  const loads: Load[] = [];
  const kept: Promise<unknown>[] = [];
  const held = new Refreshed<number>({
    name: "test",
    load: (known) =>
      new Promise((resolve, reject) => {
        loads.push({ known, answer: resolve, fail: () => reject(new Error("source is down")) });
      }),
  });
  const ctx = { waitUntil: (work: Promise<unknown>) => void kept.push(work) };
  const access = (nowMs = Date.now()): Access => ({ env: {} as Env, ctx, nowMs });
  const last = (): Load => loads[loads.length - 1] as Load;
  return { held, loads, kept, access, last };
}

const FRESHNESS_MS = 1_000;
const EARLY_MS = 750;
const T0 = 1_000_000;

/** Loads `value` now, so that its age counts from now. */
async function load(r: ReturnType<typeof rig>, value: number): Promise<void> {
  const current = r.held.current(r.access(), FRESHNESS_MS);
  r.last().answer(value);
  await current;
}

const settle = () => vi.advanceTimersByTimeAsync(0);

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date", "setTimeout", "clearTimeout"], now: T0 });
  vi.spyOn(console, "warn").mockImplementation(() => undefined);
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

describe("within the bound", () => {
  it("answers at once and asks nobody up to three quarters of the bound", async () => {
    const r = rig();
    await load(r, 7);
    vi.setSystemTime(T0 + EARLY_MS);
    expect(r.held.current(r.access(), FRESHNESS_MS)).toEqual({ value: 7, askedAt: T0, stale: false });
    expect(r.loads.length).toBe(1);
  });

  it("answers with the same object every time, so that a hot request allocates nothing", async () => {
    const r = rig();
    await load(r, 7);
    expect(r.held.current(r.access(), FRESHNESS_MS)).toBe(r.held.current(r.access(), FRESHNESS_MS));
  });

  it("past three quarters of the bound still answers at once, and one request asks anew for all", async () => {
    const r = rig();
    await load(r, 7);
    vi.setSystemTime(T0 + EARLY_MS + 1);
    for (let request = 0; request < 10; request++) {
      expect(r.held.current(r.access(), FRESHNESS_MS)).toMatchObject({ value: 7, stale: false });
    }
    expect(r.loads.length).toBe(2);
    expect(r.last().known).toBe(7);
    expect(r.kept.length).toBe(2);
    r.last().answer(8);
    await settle();
    expect(r.held.current(r.access(), FRESHNESS_MS)).toMatchObject({ value: 8, askedAt: T0 + EARLY_MS + 1 });
  });

  it("counts age from before it asked, not from the answer", async () => {
    const r = rig();
    const first = r.held.current(r.access(), FRESHNESS_MS);
    await vi.advanceTimersByTimeAsync(400);
    r.last().answer(7);
    expect(await first).toEqual({ value: 7, askedAt: T0, stale: false });
    vi.setSystemTime(T0 + FRESHNESS_MS);
    expect(r.held.current(r.access(), FRESHNESS_MS)).not.toBeInstanceOf(Promise);
    vi.setSystemTime(T0 + FRESHNESS_MS + 1);
    expect(r.held.current(r.access(), FRESHNESS_MS)).toBeInstanceOf(Promise);
  });
});

describe("past the bound", () => {
  it("waits for the refresh and answers with it", async () => {
    const r = rig();
    await load(r, 7);
    vi.setSystemTime(T0 + FRESHNESS_MS + 1);
    const waiting = [r.held.current(r.access(), FRESHNESS_MS), r.held.current(r.access(), FRESHNESS_MS)];
    expect(r.loads.length).toBe(2);
    await vi.advanceTimersByTimeAsync(499);
    r.last().answer(8);
    for (const one of waiting) expect(await one).toMatchObject({ value: 8, stale: false });
  });

  it("answers with the last good value, marked stale, when the source takes more than 500 ms", async () => {
    const r = rig();
    await load(r, 7);
    vi.setSystemTime(T0 + FRESHNESS_MS + 1);
    const waiting = r.held.current(r.access(), FRESHNESS_MS);
    await vi.advanceTimersByTimeAsync(500);
    expect(await waiting).toEqual({ value: 7, askedAt: T0, stale: true });
  });

  it("does not make further requests wait for a source that is known to be silent", async () => {
    const r = rig();
    await load(r, 7);
    vi.setSystemTime(T0 + FRESHNESS_MS + 1);
    void r.held.current(r.access(), FRESHNESS_MS);
    await vi.advanceTimersByTimeAsync(500);
    expect(r.held.current(r.access(), FRESHNESS_MS)).toMatchObject({ value: 7, stale: true });
    r.last().answer(8);
    await settle();
    expect(r.held.current(r.access(), FRESHNESS_MS)).toMatchObject({ value: 8, stale: false });
  });

  it("answers with the last good value, marked stale, when the source fails, and asks again 100 ms later", async () => {
    const r = rig();
    await load(r, 7);
    vi.setSystemTime(T0 + FRESHNESS_MS + 1);
    const waiting = r.held.current(r.access(), FRESHNESS_MS);
    r.last().fail();
    expect(await waiting).toMatchObject({ value: 7, stale: true });
    expect(r.held.current(r.access(), FRESHNESS_MS)).toMatchObject({ value: 7, stale: true });
    expect(r.loads.length).toBe(2);
    vi.setSystemTime(Date.now() + 100);
    const recovered = r.held.current(r.access(), FRESHNESS_MS);
    r.last().answer(8);
    expect(await recovered).toMatchObject({ value: 8, stale: false });
    expect(r.loads.length).toBe(3);
  });

  it("does not take the answer to a question asked too early: it asks again", async () => {
    const r = rig();
    await load(r, 7);
    const shortMs = 100;
    vi.setSystemTime(T0 + shortMs + 1);
    void r.held.current(r.access(), shortMs);
    vi.setSystemTime(T0 + 300);
    const late = r.held.current(r.access(), shortMs);
    expect(r.loads.length).toBe(2);
    r.last().answer(8);
    await settle();
    expect(r.loads.length).toBe(3);
    r.last().answer(9);
    expect(await late).toMatchObject({ value: 9, stale: false });
  });

  it("gives up a load that never settles after 5 s and lets another one start; the late answer no longer counts", async () => {
    const r = rig();
    await load(r, 7);
    vi.setSystemTime(T0 + FRESHNESS_MS + 1);
    void r.held.current(r.access(), FRESHNESS_MS);
    const cut = r.last();
    vi.setSystemTime(T0 + FRESHNESS_MS + 5_001);
    const waiting = r.held.current(r.access(), FRESHNESS_MS);
    expect(r.loads.length).toBe(3);
    r.last().answer(9);
    expect(await waiting).toMatchObject({ value: 9, stale: false });
    cut.answer(8);
    await settle();
    expect(r.held.current(r.access(), FRESHNESS_MS)).toMatchObject({ value: 9 });
  });
});

describe("with nothing to fall back on", () => {
  it("rejects when the first load fails, and the next request tries again", async () => {
    const r = rig();
    const first = Promise.resolve(r.held.current(r.access(), FRESHNESS_MS));
    r.last().fail();
    await expect(first).rejects.toThrow("source is down");
    const second = r.held.current(r.access(), FRESHNESS_MS);
    r.last().answer(1);
    expect(await second).toMatchObject({ value: 1, stale: false });
  });

  it("waits longer than 500 ms for the first load, but not for ever", async () => {
    const r = rig();
    const first = Promise.resolve(r.held.current(r.access(), FRESHNESS_MS));
    const refused = expect(first).rejects.toThrow("no answer within 5000 ms");
    let settled = false;
    void first.then(
      () => undefined,
      () => {
        settled = true;
      },
    );
    await vi.advanceTimersByTimeAsync(4_999);
    expect(settled).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    await refused;
  });

  it("shares one load among concurrent first requests", async () => {
    const r = rig();
    const requests = Array.from({ length: 40 }, () => r.held.current(r.access(), FRESHNESS_MS));
    r.last().answer(5);
    for (const one of await Promise.all(requests)) expect(one.value).toBe(5);
    expect(r.loads.length).toBe(1);
  });
});

describe("an expired value", () => {
  it("is asked for anew by the next request, whatever load was out", async () => {
    const r = rig();
    await load(r, 7);
    vi.setSystemTime(T0 + EARLY_MS + 1);
    void r.held.current(r.access(), FRESHNESS_MS);
    const early = r.last();
    r.held.expire();
    const after = r.held.current(r.access(), FRESHNESS_MS);
    early.answer(8);
    r.last().answer(9);
    expect(await after).toMatchObject({ value: 9, stale: false });
    expect(r.loads.length).toBe(3);
  });

  it("is still what serves while the source is down", async () => {
    const r = rig();
    await load(r, 7);
    r.held.expire();
    const after = r.held.current(r.access(), FRESHNESS_MS);
    r.last().fail();
    expect(await after).toMatchObject({ value: 7, stale: true });
  });
});

describe("the clock", () => {
  it("seen stepping back drops the value: the next request waits for a new one", async () => {
    const r = rig();
    await load(r, 7);
    vi.setSystemTime(T0 - 60_000);
    const after = r.held.current(r.access(), FRESHNESS_MS);
    expect(after).toBeInstanceOf(Promise);
    expect(r.last().known).toBeUndefined();
    r.last().answer(8);
    expect(await after).toEqual({ value: 8, askedAt: T0 - 60_000, stale: false });
  });

  it("seen stepping back makes a load that was out not count", async () => {
    const r = rig();
    void Promise.resolve(r.held.current(r.access(), FRESHNESS_MS)).catch(() => undefined);
    const early = r.last();
    vi.setSystemTime(T0 - 60_000);
    const after = r.held.current(r.access(), FRESHNESS_MS);
    early.answer(7);
    await settle();
    expect(r.held.peek()).toBeUndefined();
    r.last().answer(8);
    expect(await after).toMatchObject({ value: 8 });
  });

  it("is not thought to step back by a request that read it before it waited", async () => {
    const r = rig();
    const earlyReading = r.access(T0);
    vi.setSystemTime(T0 + 300);
    await load(r, 7);
    expect(r.held.current(earlyReading, FRESHNESS_MS)).toMatchObject({ value: 7, stale: false });
    expect(r.loads.length).toBe(1);
  });
});

it("never answers unmarked with anything asked for longer ago than the bound, whatever the source and the clock do forwards", async () => {
  const step = fc.record({
    waitMs: fc.integer({ min: 0, max: 1_500 }),
    event: fc.constantFrom("ask", "answer", "fail"),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const r = rig();
      const arrivals: { readonly arrivedMs: number; readonly outcome: Promise<Held<number> | undefined> }[] = [];
      for (const { waitMs, event } of steps) {
        await vi.advanceTimersByTimeAsync(waitMs);
        const arrivedMs = Date.now();
        if (event === "ask") {
          const outcome = Promise.resolve(r.held.current(r.access(), FRESHNESS_MS)).catch(() => undefined);
          arrivals.push({ arrivedMs, outcome });
        } else if (event === "answer") r.loads.at(-1)?.answer(arrivedMs);
        else r.loads.at(-1)?.fail();
        await settle();
      }
      await vi.advanceTimersByTimeAsync(10_000);
      for (const { arrivedMs, outcome } of arrivals) {
        const held = await outcome;
        if (held !== undefined && !held.stale) expect(arrivedMs - held.askedAt).toBeLessThanOrEqual(FRESHNESS_MS);
      }
    }),
    { numRuns: 100 },
  );
});
