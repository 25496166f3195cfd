// What slow tries do to their instance and to each other: found silent, told once, going on elsewhere, and taken back into favour.

import { describe, expect, it } from "vitest";
import { PoolPatience } from "../../src/isolate/pools/pool-patience.ts";
import { type PoolSlot, PoolSlots, type SlowTry } from "../../src/isolate/pools/pool-slots.ts";
import { RetryBudget } from "../../src/policies/forwarding/retry-budget.ts";
import { instanceOf } from "../policies/balancing/isolate-calls.ts";

const T = 500;
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
  const slow = ({ mayGoOn = true, sentAtMs = clock.nowMs } = {}) => {
    const seen = { wentOn: 0 };
    const goOn = mayGoOn ? () => void seen.wentOn++ : undefined;
    const tried: SlowTry = { sentAtMs, overdueAtMs: sentAtMs + T, isTold: false, goOn };
    patience.enter(slot("a"), tried);
    return { seen, tried, sentAtMs };
  };
  const answer = (
    id: string,
    { sentAtMs = clock.nowMs, tried = undefined as SlowTry | undefined, status = 200 } = {},
  ) => patience.answered(slot(id), { sentAtMs, slow: tried }, status);
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
    if (one !== undefined) patience.leave(slot("a"), one.tried);
    expect(slot("a").doubtful).toBe(false);
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
