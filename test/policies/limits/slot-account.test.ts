// What an isolate holds of one key's slots: who waits is told once, what has ended is told until it is heard, what goes on is renewed.

import { describe, expect, it } from "vitest";
import type { SlotAnswer } from "../../../src/contracts/limits.ts";
import { SlotAccount, type SlotOutcome } from "../../../src/policies/limits/slot-account.ts";

const LEASE_MS = 30_000;
const RENEW_MS = 10_000;

function open() {
  const account = new SlotAccount("terminals/x", { kind: "slots", limit: 2, leaseMs: LEASE_MS });
  const outcomes: [id: string, outcome: SlotOutcome][] = [];
  const wait = (...ids: string[]) => {
    for (const id of ids) account.wait({ id, settle: (outcome) => outcomes.push([id, outcome]) });
  };
  const ask = (nowMs: number) => {
    const asked = account.ask(nowMs);
    if (asked === undefined) throw new Error("nothing to say");
    return { ...asked.ask, ids: asked.sent.ids };
  };
  const answer = (held: readonly string[], remaining = 0): SlotAnswer => ({ kind: "slots", held, remaining });
  /** Asks, and hears at once. */
  const exchange = (nowMs: number, held: readonly string[]) => {
    const asked = ask(nowMs);
    account.hear(answer(held), asked.ids, nowMs);
    return asked;
  };
  return { account, outcomes, wait, ask, answer, exchange };
}

describe("SlotAccount", () => {
  it("has nothing to say while nobody waits and nothing is held", () => {
    const { account } = open();
    expect(account.ask(0)).toBeUndefined();
    expect(account.isIdle).toBe(true);
    expect(account.renewAtMs).toBeUndefined();
  });

  it("tells each who waits once whether he holds a slot", () => {
    const { account, outcomes, wait, exchange } = open();
    wait("x", "y", "z");
    expect(exchange(0, ["x", "y"])).toMatchObject({ wanted: ["x", "y", "z"], released: [], renewed: [] });
    expect(outcomes).toEqual([
      ["x", "held"],
      ["y", "held"],
      ["z", "denied"],
    ]);
    expect(account.ask(1)).toBeUndefined();
    expect(account.isIdle).toBe(false);
  });

  it("tells who came after the call left only by the next", () => {
    const { account, outcomes, wait, ask, answer, exchange } = open();
    wait("x");
    const { ids } = ask(0);
    wait("y");
    account.hear(answer(["x"]), ids, 1);
    expect(outcomes).toEqual([["x", "held"]]);
    expect(exchange(2, ["y"])).toMatchObject({ wanted: ["y"] });
    expect(outcomes).toEqual([
      ["x", "held"],
      ["y", "held"],
    ]);
  });

  it("renews what goes on after a third of its lease, and not before", () => {
    const { account, wait, exchange } = open();
    wait("x");
    exchange(0, ["x"]);
    expect(account.renewAtMs).toBe(RENEW_MS);
    expect(account.ask(RENEW_MS - 1)).toBeUndefined();
    expect(exchange(RENEW_MS, ["x"])).toMatchObject({ renewed: ["x"], wanted: [] });
    expect(account.renewAtMs).toBe(2 * RENEW_MS);
  });

  it("renews nothing that has ended", () => {
    const { account, wait, exchange } = open();
    wait("x");
    exchange(0, ["x"]);
    account.release("x");
    expect(exchange(RENEW_MS, [])).toMatchObject({ released: ["x"], renewed: [] });
    expect(account.isIdle).toBe(true);
  });

  it("lets go on uncounted what could not be renewed, and tells its end all the same", () => {
    const { account, wait, exchange } = open();
    wait("x");
    exchange(0, ["x"]);
    exchange(RENEW_MS, []);
    expect(account.renewAtMs).toBeUndefined();
    account.release("x");
    expect(exchange(RENEW_MS + 1, [])).toMatchObject({ released: ["x"] });
  });

  it("gives back a slot that came for a request that waits no longer", () => {
    const { account, outcomes, wait, ask, answer, exchange } = open();
    wait("x");
    const { ids } = ask(0);
    account.release("x");
    account.hear(answer(["x"]), ids, 1);
    expect(outcomes).toEqual([]);
    expect(account.renewAtMs).toBeUndefined();
    expect(exchange(2, [])).toMatchObject({ released: ["x"] });
    expect(account.isIdle).toBe(true);
  });

  it("has nothing to give back for a request that waits no longer and was refused", () => {
    const { account, wait, ask, answer } = open();
    wait("x");
    const { ids } = ask(0);
    account.release("x");
    account.hear(answer([]), ids, 1);
    expect(account.isIdle).toBe(true);
  });

  it("tells those a failed call spoke for, gives back what they may have got, and keeps the others waiting", () => {
    const { account, outcomes, wait, ask, exchange } = open();
    wait("x");
    const { ids } = ask(0);
    wait("y");
    account.fail(ids);
    expect(outcomes).toEqual([["x", "failed"]]);
    expect(exchange(1, ["y"])).toMatchObject({ released: ["x"], wanted: ["y"] });
    expect(outcomes.at(-1)).toEqual(["y", "held"]);
  });

  it("tells releases and renewals again after a failed call", () => {
    const { account, wait, ask, exchange } = open();
    wait("x", "y");
    exchange(0, ["x", "y"]);
    account.release("x");
    account.fail(ask(RENEW_MS).ids);
    expect(exchange(RENEW_MS + 1, ["y"])).toMatchObject({ released: ["x"], renewed: ["y"] });
    expect(account.ask(RENEW_MS + 2)).toBeUndefined();
  });

  it("gives back the slot of a request not heard of for a whole lease, and never of one that says it goes on", () => {
    const { account, wait, exchange } = open();
    wait("cut", "going");
    exchange(0, ["cut", "going"]);
    for (let nowMs = RENEW_MS; nowMs < LEASE_MS; nowMs += RENEW_MS) {
      account.goesOn("going", nowMs);
      expect(exchange(nowMs, ["cut", "going"])).toMatchObject({ renewed: ["cut", "going"], released: [] });
    }
    expect(exchange(LEASE_MS, ["going"])).toMatchObject({ renewed: ["going"], released: ["cut"] });
  });

  it("gives back a cut request's slot a lease later also when the clock has stepped back", () => {
    const { account, wait, exchange } = open();
    wait("cut");
    exchange(1_000_000, ["cut"]);
    account.renewAll();
    expect(exchange(0, ["cut"])).toMatchObject({ renewed: ["cut"], released: [] });
    expect(exchange(LEASE_MS, [])).toMatchObject({ renewed: [], released: ["cut"] });
  });

  it("renews everything at once when told so, and then by the clock again", () => {
    const { account, wait, exchange } = open();
    wait("x", "y");
    exchange(100_000, ["x", "y"]);
    account.renewAll();
    expect(exchange(40_000, ["x", "y"])).toMatchObject({ renewed: ["x", "y"] });
    expect(account.renewAtMs).toBe(40_000 + RENEW_MS);
  });
});
