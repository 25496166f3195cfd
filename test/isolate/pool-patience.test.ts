// What slow tries do to their instance and to each other: found silent, told once, going on elsewhere, and taken back into favour.

import { describe, expect, it } from "vitest";
import { PoolPatience } from "../../src/isolate/pools/pool-patience.ts";
import type { PoolSlot, SlowTry } from "../../src/isolate/pools/pool-slot.ts";
import { PoolSlots } from "../../src/isolate/pools/pool-slots.ts";
import { RetryBudget } from "../../src/policies/forwarding/retry-budget.ts";
import { instanceOf } from "../policies/balancing/isolate-calls.ts";

const T = 500;
const LONG = 60_000;
const START = 1_000_000;

function rig({ retries = new RetryBudget() } = {}) {
  const clock = { nowMs: START };
  const slots = new PoolSlots();
  slots.bind(["a", "b", "c"].map(instanceOf));
  const patience = new PoolPatience({ slots, clock: () => clock.nowMs, retries });
  const slot = (id: string): PoolSlot => {
    const found = slots.find(id);
    if (found === undefined) throw new Error(`no ${id}`);
    return found;
  };
  /** A request on `a`; `wentOn` counts. */
  const slow = ({ mayGoOn = true, sentAtMs = clock.nowMs, waitMs = LONG } = {}) => {
    const seen = { wentOn: 0 };
    const goOn = mayGoOn ? () => void seen.wentOn++ : undefined;
    const tried: SlowTry = { sentAtMs, overdueAtMs: sentAtMs + T, endsAtMs: sentAtMs + waitMs, isTold: false, goOn };
    patience.wait(slot("a"), tried);
    return { seen, tried, sentAtMs };
  };
  const answer = (
    id: string,
    { sentAtMs = clock.nowMs, tried = undefined as SlowTry | undefined, status = 200 } = {},
  ) => patience.answered(slot(id), { sentAtMs, slow: tried }, { status, nowMs: clock.nowMs });
  const told = () => slots.outcomes().find(({ instanceId }) => instanceId === "a");
  /** So many that have become overdue on `a` while the others answer. */
  const overdue = (many: number, options = {}) => {
    clock.nowMs += 10;
    const all = Array.from({ length: many }, () => slow(options));
    clock.nowMs += 10;
    answer("b");
    clock.nowMs += T;
    patience.overdue(slot("a"));
    return all;
  };
  return { clock, slots, patience, slot, slow, answer, told, overdue };
}

describe("an instance that owes three overdue answers", () => {
  it("is passed over, told of once for each that waits, and all that may go on, those not overdue yet included", () => {
    const { clock, slots, slow, told, overdue, patience, slot } = rig();
    const late = overdue(2);
    expect([slots.skipped(clock.nowMs), late.map(({ seen }) => seen.wentOn)]).toEqual([[], [0, 0]]);
    const young = slow();
    late.push(slow({ sentAtMs: START + 15 }));
    patience.overdue(slot("a"));
    patience.overdue(slot("a"));
    expect([...late, young].map(({ seen }) => seen.wentOn)).toEqual([1, 1, 1, 1]);
    expect(told()).toMatchObject({ answered: 0, failed: 4, failedLast: 4 });
    expect(slots.skipped(clock.nowMs)).toEqual(["a"]);
  });

  it("is told of as soon as the first is overdue, so that a fleet may find it that sends each isolate little", () => {
    const { told, overdue } = rig();
    const [one] = overdue(1);
    expect(told()).toMatchObject({ failed: 1 });
    expect(one?.seen.wentOn).toBe(0);
  });

  it("is told of no more when those fail after all, or are answered", () => {
    const { told, overdue, answer, patience, slot } = rig();
    const [first, second, third] = overdue(3);
    patience.failed(slot("a"), first?.tried);
    patience.failed(slot("a"), second?.tried);
    answer("a", { ...third, status: 500 });
    expect(told()).toMatchObject({ answered: 0, failed: 3 });
    patience.failed(slot("a"), undefined);
    expect(told()).toMatchObject({ failed: 4 });
  });

  it("has ended the row when one of those is answered well after all", () => {
    const { told, overdue, answer } = rig();
    const [first] = overdue(3);
    answer("a", { ...first, status: 200 });
    expect(told()).toMatchObject({ answered: 1, failed: 3, failedLast: 0 });
  });

  it("is in again with the first answer, and what then waits waits on", () => {
    const { clock, slots, slow, answer, overdue, patience, slot } = rig();
    const [stays] = overdue(3, { mayGoOn: false });
    expect(slots.skipped(clock.nowMs)).toEqual(["a"]);
    answer("a", { sentAtMs: stays?.sentAtMs ?? 0 });
    expect(slots.skipped(clock.nowMs)).toEqual([]);
    clock.nowMs += 1;
    const next = slow();
    patience.overdue(slot("a"));
    expect(next.seen.wentOn).toBe(0);
  });

  it("keeps those that may not be sent again", () => {
    const { overdue, slot, told } = rig();
    overdue(3, { mayGoOn: false });
    expect(slot("a").waiting.size).toBe(3);
    expect(told()).toMatchObject({ failed: 3 });
  });

  it("keeps those for whom no retry is left, until one is", () => {
    const retries = new RetryBudget();
    retries.share(1_000, 3);
    const { clock, overdue, patience, slot } = rig({ retries });
    const all = overdue(5);
    expect(all.map(({ seen }) => seen.wentOn)).toEqual([1, 1, 1, 0, 0]);
    for (let request = 0; request < 5; request++) retries.earn(clock.nowMs);
    patience.overdue(slot("a"));
    expect(all.map(({ seen }) => seen.wentOn)).toEqual([1, 1, 1, 1, 0]);
  });
});

describe("an instance that owes one overdue answer", () => {
  const NOBODY_BARRED = { tried: [], outAfterMs: 0 };
  const open = () => {
    const made = rig();
    /** A request that begins on `a`. */
    const send = () => made.patience.sent(made.slot("a"), made.clock.nowMs);
    return { ...made, send, trial: () => made.patience.findTrial(NOBODY_BARRED) };
  };
  const doubtful = () => {
    const made = open();
    made.clock.nowMs += 1;
    made.send();
    made.overdue(1, { sentAtMs: made.clock.nowMs });
    return made;
  };

  it("is to be tried until three wait for it, and again when one of them has left unanswered", () => {
    const { trial, send, patience, slot, clock } = doubtful();
    expect(trial()).toBe(0);
    send();
    expect(trial()).toBe(0);
    send();
    expect(trial()).toBe(-1);
    patience.left(slot("a"), clock.nowMs);
    expect(trial()).toBe(0);
  });

  it("is not, when it is barred, silent, or nobody doubts it", () => {
    const { trial, patience, overdue } = doubtful();
    expect(patience.findTrial({ ...NOBODY_BARRED, tried: [instanceOf("a")] })).toBe(-1);
    expect(trial()).toBe(0);
    overdue(2);
    expect(trial()).toBe(-1);
    const calm = open();
    calm.send();
    expect(calm.trial()).toBe(-1);
  });

  it("is in favour with the first answer, from which those that wait are counted anew", () => {
    const { trial, send, answer, clock, overdue, patience, slot } = doubtful();
    const firstAtMs = clock.nowMs;
    send();
    clock.nowMs += 10;
    answer("a", { sentAtMs: firstAtMs });
    expect([trial(), slot("a").unheard]).toEqual([-1, 0]);
    patience.left(slot("a"), firstAtMs);
    clock.nowMs += 1;
    send();
    overdue(1);
    expect([trial(), slot("a").unheard]).toEqual([0, 1]);
  });
});

describe("an instance that was found silent", () => {
  it("is given up also by requests sent before the last it answered, as soon as they are overdue", () => {
    const { clock, slow, overdue, answer, patience, slot } = rig();
    const [old, long] = [slow(), slow()];
    Object.assign(long.tried, { overdueAtMs: START + 30_000 });
    answer("a");
    patience.overdue(slot("a"));
    overdue(3);
    expect([old, long].map(({ seen }) => seen.wentOn)).toEqual([1, 0]);
    clock.nowMs = START + 30_000;
    patience.overdue(slot("a"));
    expect(long.seen.wentOn).toBe(1);
  });

  it("is given up at once by whoever was on it already, not by who is sent to it later", () => {
    const { clock, slow, overdue, answer, patience, slot } = rig();
    overdue(3);
    const before = slow({ sentAtMs: clock.nowMs - 50 });
    clock.nowMs += 1_000;
    const after = slow();
    expect([before, after].map(({ seen }) => seen.wentOn)).toEqual([1, 0]);
    clock.nowMs += 10;
    answer("b");
    clock.nowMs += T - 11;
    patience.overdue(slot("a"));
    expect(after.seen.wentOn).toBe(0);
    clock.nowMs += 1;
    patience.overdue(slot("a"));
    expect(after.seen.wentOn).toBe(1);
  });

  it("is passed over for no longer because what it is sent now and then waits on", () => {
    const { clock, slots, overdue, slot } = rig();
    overdue(3, { mayGoOn: false });
    const untilMs = slot("a").outUntilMs;
    expect(untilMs).toBe(clock.nowMs + 1_000);
    for (let again = 0; again < 5; again++) {
      clock.nowMs = slot("a").outUntilMs + 1;
      overdue(1, { mayGoOn: false });
      expect(slots.skipped(clock.nowMs)).toEqual([]);
    }
    expect([slot("a").outUntilMs, slot("a").failures]).toEqual([untilMs, 1]);
  });

  it("is sent one request a second, and all once it answers", () => {
    const { clock, slots, overdue, answer, patience, slot } = rig();
    overdue(3);
    clock.nowMs += 1_000;
    expect(slots.skipped(clock.nowMs)).toEqual([]);
    patience.tryAgain(slot("a"));
    expect(slots.skipped(clock.nowMs + 999)).toEqual(["a"]);
    expect(slots.skipped(clock.nowMs + 1_000)).toEqual([]);
    answer("a");
    expect(slots.skipped(clock.nowMs)).toEqual([]);
  });
});

describe("a request that was cut before it could end its wait", () => {
  it("counts for nothing from its deadline on, wherever it waits", () => {
    const { clock, slot, slow, answer, patience } = rig();
    const cut = [slow({ waitMs: 2 * T }), slow({ waitMs: 2 * T }), slow({ waitMs: 2 * T })];
    clock.nowMs += 10;
    answer("b");
    clock.nowMs += 2 * T - 11;
    expect(slot("a").waiting.size).toBe(3);
    clock.nowMs += 1;
    patience.overdue(slot("b"));
    expect(slot("a").waiting.size).toBe(0);
    patience.overdue(slot("a"));
    expect([slot("a").silentAtMs, slot("a").doubtful]).toEqual([0, false]);
    expect(cut.map(({ seen }) => seen.wentOn)).toEqual([0, 0, 0]);
  });

  it("is dropped as well when the registry tells who is out, and one that still waits is not", () => {
    const { clock, slot, slow, patience } = rig();
    slow({ waitMs: T });
    const waits = slow({ waitMs: T + 1 });
    clock.nowMs += T;
    patience.hearOut();
    expect([...slot("a").waiting]).toEqual([waits.tried]);
  });
});

describe("where many wait on one instance", () => {
  it("they are looked through every 50 ms at most, which delays nobody on another", () => {
    const { clock, slots, patience, slot, slow, answer } = rig();
    const [a, b, first] = [slot("a"), slot("b"), slow({ mayGoOn: false })];
    for (let sent = 0; sent < 101; sent++) {
      slow({ mayGoOn: false });
      patience.wait(b, { ...first.tried });
    }
    clock.nowMs += 10;
    answer("c");
    clock.nowMs += T;
    patience.overdue(a);
    patience.overdue(b);
    expect([a.silentAtMs, b.silentAtMs, slots.skipped(clock.nowMs)]).toEqual([clock.nowMs, clock.nowMs, ["a", "b"]]);
    const foundMs = clock.nowMs;
    clock.nowMs += 49;
    patience.overdue(a);
    expect(a.silentAtMs).toBe(foundMs);
    clock.nowMs += 1;
    patience.overdue(a);
    expect(a.silentAtMs).toBe(clock.nowMs);
  });
});

describe("an instance that the registry has put out", () => {
  it("is given up by a single request that is overdue there, and by none that is not", () => {
    const { clock, slots, slow, overdue, patience } = rig();
    const [late] = overdue(1);
    patience.hearOut();
    expect(late?.seen.wentOn).toBe(0);
    slots.eject([["a", 30_000]], clock.nowMs);
    patience.hearOut();
    expect(late?.seen.wentOn).toBe(1);
    clock.nowMs += 1;
    const young = slow();
    patience.hearOut();
    expect(young.seen.wentOn).toBe(0);
  });
});

describe("an instance is in favour", () => {
  it("as long as nobody else answers, however many are overdue", () => {
    const { clock, slots, slow, patience, slot, told } = rig();
    const all = Array.from({ length: 50 }, () => slow());
    clock.nowMs += 10 * T;
    patience.overdue(slot("a"));
    expect(all.every(({ seen }) => seen.wentOn === 0)).toBe(true);
    expect([told(), slots.skipped(clock.nowMs), slot("a").doubtful]).toEqual([undefined, [], false]);
  });

  it("again, where it was doubtful, when the last that waited has left", () => {
    const { overdue, patience, slot } = rig();
    const [one] = overdue(1);
    expect(slot("a").doubtful).toBe(true);
    if (one !== undefined) patience.endWait(slot("a"), one.tried);
    expect(slot("a").doubtful).toBe(false);
  });

  it("after the clock has stepped back, also where it was silent or no longer in the pool", () => {
    const { clock, slots, overdue, slot } = rig();
    overdue(3, { mayGoOn: false });
    const retired = slot("a");
    retired.inFlight = 3;
    expect([slots.skipped(clock.nowMs), retired.doubtful]).toEqual([["a"], true]);
    slots.bind(["b", "c"].map(instanceOf));
    clock.nowMs -= 100_000;
    slots.forgetTimes(clock.nowMs);
    slots.bind(["a", "b", "c"].map(instanceOf));
    expect(slot("a")).toBe(retired);
    expect(slots.skipped(clock.nowMs)).toEqual([]);
    expect([retired.silentAtMs, retired.doubtful, retired.waiting.size]).toEqual([0, false, 0]);
  });

  it("after the clock has stepped back, until something sent since is overdue", () => {
    const { clock, slots, overdue, slot } = rig();
    clock.nowMs -= 100_000;
    slots.forgetTimes(clock.nowMs);
    overdue(2);
    expect(slot("a").silentAtMs).toBe(0);
    overdue(1);
    expect(slot("a").silentAtMs).toBe(clock.nowMs);
  });
});

describe("an instance that leads elsewhere under the same id", () => {
  const moved = (id: string) => ({
    ...instanceOf(id),
    target: { kind: "url", base: "http://elsewhere.test" } as const,
  });

  it("begins anew, while what is under way at its old place is still counted", () => {
    const { clock, slots, overdue, slot } = rig();
    overdue(3, { mayGoOn: false });
    const old = slot("a");
    old.inFlight = 3;
    slots.bind([moved("a"), ...["b", "c"].map(instanceOf)]);
    expect([slots.skipped(clock.nowMs), slot("a").silentAtMs, slots.outcomes().map((one) => one.instanceId)]).toEqual([
      [],
      0,
      ["b"],
    ]);
    slot("a").inFlight = 1;
    expect(slots.inFlight()).toEqual([["a", 4]]);
    old.inFlight = 0;
    expect(slots.inFlight()).toEqual([["a", 1]]);
  });

  it("and back again before that has ended is where it was, as is one that stayed", () => {
    const { clock, slots, overdue, slot } = rig();
    overdue(3, { mayGoOn: false });
    const [old, stayed] = [slot("a"), slot("b")];
    old.inFlight = 3;
    slots.bind([moved("a"), ...["b", "c"].map(instanceOf)]);
    slots.bind(["a", "b", "c"].map(instanceOf));
    expect([slot("a") === old, slot("b") === stayed, slots.skipped(clock.nowMs)]).toEqual([true, true, ["a"]]);
  });
});
