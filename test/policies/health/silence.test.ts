// When an instance is taken for dead: several requests wait for it longer than is usual, nothing has come back, and the others answer.

import { describe, expect, it } from "vitest";
import {
  type Fate,
  fateOf,
  judgeSilence,
  type Listening,
  type Silence,
  wantsTrial,
} from "../../../src/policies/health/silence.ts";

const T = 500;
const NOW = 10_000;

/** Requests sent at these times, each overdue after `afterMs`. */
const waiting = (sentAtMs: readonly number[], afterMs = T): Listening["waiting"] =>
  new Set(sentAtMs.map((at) => ({ sentAtMs: at, overdueAtMs: at + afterMs })));

const instance = (more: Partial<Listening> = {}): Listening => ({
  heardAtMs: 9_000,
  provenAtMs: 8_999,
  silentAtMs: 0,
  waiting: waiting([]),
  ...more,
});
/** One that answers all the time. */
const brisk = (more: Partial<Listening> = {}): Listening => instance({ heardAtMs: 9_999, provenAtMs: 9_998, ...more });

const judge = (suspect: Listening, others: readonly Listening[], { nowMs = NOW, isKnown = false } = {}) =>
  judgeSilence(suspect, { instances: [suspect, ...others], nowMs, isKnown });

describe("judgeSilence", () => {
  const three = [9_400, 9_450, 9_500];

  it("an instance that owes three overdue answers while another answers is silent", () => {
    expect(judge(instance({ waiting: waiting(three) }), [brisk(), brisk()])).toBe("silent");
  });

  it.each([[[9_400]], [[9_400, 9_450]]])("with fewer (sent at %j) it is only doubtful", (sent) => {
    expect(judge(instance({ waiting: waiting(sent) }), [brisk(), brisk()])).toBe("doubtful");
  });

  it("with none, or none overdue yet, it is alive", () => {
    expect(judge(instance(), [brisk()])).toBe("alive");
    expect(judge(instance({ waiting: waiting(three) }), [brisk()], { nowMs: 9_899 })).toBe("alive");
    expect(judge(instance({ waiting: waiting(three) }), [brisk()], { nowMs: 9_999 })).toBe("doubtful");
  });

  it.each([
    [9_500, "alive"],
    [9_499, "doubtful"],
    [9_399, "silent"],
  ])("what came back at %i clears those sent before, so that it is %s", (heardAtMs, expected) => {
    expect(judge(instance({ heardAtMs, waiting: waiting(three) }), [brisk()])).toBe(expected);
  });

  it("one request of 30 s says nothing while others are answered, however many", () => {
    const slow = instance({ heardAtMs: 9_990, provenAtMs: 9_985, waiting: waiting([1, 2, 3, 4, 5]) });
    expect(judge(slow, [brisk()])).toBe("alive");
  });

  it("slow backends that all take what this one takes are alive", () => {
    const slow = () => instance({ heardAtMs: 8_000, provenAtMs: 6_000, waiting: waiting(three) });
    expect(judge(slow(), [slow(), slow()])).toBe("alive");
  });

  it.each([
    [9_500, "alive"],
    [9_501, "silent"],
  ])(
    "another must have been sent something later and have answered it: sent at %i makes it %s",
    (provenAtMs, expected) => {
      expect(judge(instance({ waiting: waiting(three) }), [instance({ heardAtMs: 9_999, provenAtMs })])).toBe(expected);
    },
  );

  it("a pool's only instance is never silent", () => {
    expect(judge(instance({ waiting: waiting(three) }), [])).toBe("alive");
  });

  it("requests that wait as long elsewhere, where others are answered, are taken for usual", () => {
    const busy = brisk({ waiting: waiting([5_000]) });
    expect(judge(instance({ waiting: waiting([9_400, 9_450]) }), [busy])).toBe("alive");
    expect(judge(instance({ waiting: waiting(three) }), [busy])).toBe("silent");
    const busier = brisk({ waiting: waiting([5_000, 5_001]) });
    expect(judge(instance({ waiting: waiting([...three, 9_410]) }), [busier])).toBe("alive");
    expect(judge(instance({ waiting: waiting([...three, 9_410, 9_420]) }), [busier])).toBe("silent");
  });

  it("two that fall silent at once are both found, as long as a third answers", () => {
    const dead = instance({ waiting: waiting(three) });
    expect(judge(dead, [instance({ waiting: waiting(three) }), brisk()])).toBe("silent");
  });

  it("a long poll is not overdue by its own route's pace", () => {
    expect(judge(instance({ waiting: waiting(three, 30_000) }), [brisk()])).toBe("alive");
  });

  it("one that is known to be silent, or is out for the fleet, is so by a single one", () => {
    expect(judge(instance({ waiting: waiting([9_400]) }), [brisk()], { isKnown: true })).toBe("silent");
    expect(judge(instance({ waiting: waiting([9_501]) }), [brisk()], { isKnown: true })).toBe("alive");
  });
});

describe("fateOf", () => {
  /** Nothing has come since 9_000; overdue from 10_000 on, which is now. */
  const LATE = { sentAtMs: 9_500, overdueAtMs: 10_000 };
  const YOUNG = { sentAtMs: 9_500, overdueAtMs: 10_001 };
  const OLD = { sentAtMs: 9_000, overdueAtMs: 10_000 };
  const OLD_LONG = { sentAtMs: 9_000, overdueAtMs: 30_000 };

  it.each<[string, typeof LATE, Silence, number, Fate]>([
    ["one that is overdue on an instance that lives", LATE, "alive", 0, "waits"],
    ["one that is overdue on a doubtful one", LATE, "doubtful", 0, "told"],
    ["one that is not, on a doubtful one", YOUNG, "doubtful", 0, "waits"],
    ["one sent before something came back from a doubtful one", OLD, "doubtful", 0, "waits"],
    ["one that is overdue on a silent one", LATE, "silent", NOW, "goes-on"],
    ["one that is not, but was sent before it was found silent", YOUNG, "silent", 9_500, "goes-on"],
    ["one that was sent since", YOUNG, "silent", 9_499, "waits"],
    ["one sent before the last that came, once it is overdue", OLD, "silent", NOW, "goes-on"],
    ["one sent before the last that came, until then", OLD_LONG, "silent", NOW, "waits"],
    ["one that is overdue where others have fallen silent since, too", LATE, "alive", 9_400, "goes-on"],
  ])("%s", (_, waits, silence, silentAtMs, expected) => {
    expect(fateOf(waits, instance({ silentAtMs }), { silence, nowMs: NOW })).toBe(expected);
  });
});

describe("wantsTrial", () => {
  it.each([
    ["doubtful", 1, true],
    ["doubtful", 2, true],
    ["doubtful", 3, false],
    ["in favour", 2, false],
    ["silent already", 2, false],
  ])("one that is %s and has let nothing come back to %i: %s", (what, unheard, expected) => {
    const silentAtMs = what === "silent already" ? NOW : 0;
    expect(wantsTrial({ doubtful: what !== "in favour", silentAtMs, unheard })).toBe(expected);
  });
});
