// One tick for all slow requests: whom it wakes, whom it gives up, and that it outlives a request that is cut.

import { describe, expect, it } from "vitest";
import { SlowWatch, type Watched } from "../../src/isolate/slow-watch.ts";

/** A context that remembers what keeps it alive, so that a test can wait for the tick. */
const lifetime = () => {
  const kept: Promise<unknown>[] = [];
  return {
    kept,
    waitUntil: (work: Promise<unknown>) => void kept.push(work),
    settled: async () => void (await Promise.all(kept)),
  };
};

const request = (hears: boolean) => {
  const seen = { woken: 0, lost: 0 };
  const watched: Watched = {
    heard: false,
    place: -1,
    wake: () => {
      seen.woken++;
      if (hears) watched.heard = true;
    },
    lost: () => {
      seen.lost++;
    },
  };
  return { watched, seen };
};

describe("SlowWatch", () => {
  it("wakes what is still under way at the tick, with one tick for all", async () => {
    const watch = new SlowWatch();
    const ctx = lifetime();
    const [one, other] = [request(true), request(true)];
    watch.enter(one.watched, ctx, 1_000);
    watch.enter(other.watched, ctx, 1_050);
    expect(ctx.kept).toHaveLength(1);
    await ctx.settled();
    expect([one.seen, other.seen]).toEqual([
      { woken: 1, lost: 0 },
      { woken: 1, lost: 0 },
    ]);
  });

  it("leaves alone what has left before", async () => {
    const watch = new SlowWatch();
    const ctx = lifetime();
    const { watched, seen } = request(true);
    watch.enter(watched, ctx, 1_000);
    watch.leave(watched);
    await ctx.settled();
    expect(seen).toEqual({ woken: 0, lost: 0 });
  });

  it("gives up, once, what was woken and never heard, and nothing else", async () => {
    const watch = new SlowWatch();
    const [cut, slow, done] = [request(false), request(true), request(false)];
    const first = lifetime();
    for (const { watched } of [cut, slow, done]) watch.enter(watched, first, 1_000);
    await first.settled();
    watch.leave(done.watched);
    for (let tick = 0; tick < 2; tick++) {
      const next = lifetime();
      watch.enter(request(true).watched, next, 2_000 + tick);
      await next.settled();
    }
    expect([cut.seen, slow.seen, done.seen].map(({ lost }) => lost)).toEqual([1, 0, 0]);
  });

  it("begins a new tick when the last one was cut", () => {
    const watch = new SlowWatch();
    const [cut, next] = [lifetime(), lifetime()];
    watch.enter(request(true).watched, cut, 1_000);
    watch.enter(request(true).watched, next, 2_000);
    expect(next.kept).toHaveLength(0);
    watch.enter(request(true).watched, next, 2_001);
    expect(next.kept).toHaveLength(1);
  });
});
