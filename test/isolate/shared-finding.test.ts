// One finding for all who ask at about the same time, and nobody stuck with one that failed or was cut off.

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { SharedFinding } from "../../src/isolate/shared-finding.ts";

const START_MS = Date.UTC(2040, 0, 1);

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: START_MS });
});
afterEach(() => {
  vi.useRealTimers();
});

/** Findings that end when the test says so. */
function open() {
  const shared = new SharedFinding<{ n: number }>({ freshMs: 1_000, takesMsMax: 3_000 });
  const ends: PromiseWithResolvers<void>[] = [];
  const ask = (key = 1) =>
    shared.get(key, async () => {
      const end = Promise.withResolvers<void>();
      const n = ends.push(end);
      await end.promise;
      return { n };
    });
  /** Not by vi.waitFor, which moves the clock. */
  const begun = async (count: number) => {
    while (ends.length < count) await scheduler.wait(5);
    expect(ends).toHaveLength(count);
  };
  return { ask, begun, ends };
}

describe("a finding", () => {
  it("is made once for all who ask meanwhile and for a second after, and again then", async () => {
    const { ask, begun, ends } = open();
    const asked = [ask(), ask(), ask()];
    await begun(1);
    ends[0]?.resolve();
    expect(await Promise.all(asked)).toEqual([{ n: 1 }, { n: 1 }, { n: 1 }]);
    vi.setSystemTime(START_MS + 999);
    expect(await ask()).toEqual({ n: 1 });
    vi.setSystemTime(START_MS + 1_000);
    const again = ask();
    await begun(2);
    ends[1]?.resolve();
    expect(await again).toEqual({ n: 2 });
  });

  it("for another configuration is made anew, after the one under way", async () => {
    const { ask, begun, ends } = open();
    const before = ask(1);
    const after = ask(2);
    await begun(1);
    ends[0]?.resolve();
    await begun(2);
    ends[1]?.resolve();
    expect([await before, await after]).toEqual([{ n: 1 }, { n: 2 }]);
  });

  it("that fails fails for its caller alone: one of those who waited makes the next", async () => {
    const { ask, begun, ends } = open();
    const asked = [ask(), ask(), ask()].map((one) => one.catch(() => "failed"));
    await begun(1);
    ends[0]?.reject(new Error("down"));
    await begun(2);
    ends[1]?.resolve();
    expect(await Promise.all(asked)).toEqual(["failed", { n: 2 }, { n: 2 }]);
  });

  it("that never ends is waited for no longer than it may take, and not less", async () => {
    const { ask, begun, ends } = open();
    void ask();
    await begun(1);
    vi.setSystemTime(START_MS + 2_999);
    const looks = vi.spyOn(Date, "now");
    const waiting = [ask(), ask()];
    // Each looks at the clock whenever it asks itself whether it may begin: some times by now.
    while (looks.mock.calls.length < 8) await scheduler.wait(5);
    looks.mockRestore();
    expect(ends).toHaveLength(1);
    vi.setSystemTime(START_MS + 3_000);
    await begun(2);
    ends[1]?.resolve();
    expect(await Promise.all(waiting)).toEqual([{ n: 2 }, { n: 2 }]);
  });
});
