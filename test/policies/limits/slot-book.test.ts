// How many go on at one time: never more than the limit, each slot held by one, and back at its lease's end.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SlotBook, type SlotState, type SlotsAsked } from "../../../src/policies/limits/slot-book.ts";

const START = 1_000_000;
const LEASE_MS = 30_000;

function open(limit: number) {
  let state: SlotState | undefined;
  const at = <R>(nowMs: number, act: (book: SlotBook) => R): R => {
    const book = new SlotBook(START + nowMs, state);
    const result = act(book);
    state = JSON.parse(JSON.stringify(book.toState()));
    return result;
  };
  const serve = (nowMs: number, asked: Partial<SlotsAsked>) =>
    at(nowMs, (book) =>
      book.serve({ isolateId: "a", limit, leaseMs: LEASE_MS, released: [], renewed: [], wanted: [], ...asked }),
    );
  return { at, serve, held: (nowMs: number) => at(nowMs, (book) => book.slots.map(({ id }) => id)) };
}

describe("SlotBook", () => {
  it("gives out as many slots as there are, in the order in which they are wanted, and no more", () => {
    const { serve, held } = open(2);
    expect(serve(0, { wanted: ["x", "y", "z"] })).toMatchObject({ held: ["x", "y"], remaining: 0 });
    expect(serve(0, { wanted: ["z"], isolateId: "b" })).toMatchObject({ held: [], remaining: 0 });
    expect(held(0)).toEqual(["x", "y"]);
  });

  it("gives a slot that is released to who waits, in the same call", () => {
    const { serve } = open(1);
    serve(0, { wanted: ["x"] });
    expect(serve(1, { released: ["x"], wanted: ["y"] })).toMatchObject({ held: ["y"], remaining: 0 });
    expect(serve(2, { wanted: ["x"] })).toMatchObject({ held: [] });
  });

  it("takes a release twice, or of a slot that was never held, as nothing", () => {
    const { serve, held } = open(2);
    serve(0, { wanted: ["x", "y"] });
    serve(0, { released: ["x", "never"] });
    expect(serve(0, { released: ["x"] })).toMatchObject({ remaining: 1 });
    expect(held(0)).toEqual(["y"]);
  });

  it("holds one slot for an id that is wanted again", () => {
    const { serve, held } = open(2);
    serve(0, { wanted: ["x"] });
    expect(serve(1, { wanted: ["x", "x"] })).toMatchObject({ remaining: 1 });
    expect(held(1)).toEqual(["x"]);
  });

  it("gives nothing to an id that is wanted and released in one call", () => {
    const { serve, held } = open(2);
    expect(serve(0, { wanted: ["x"], renewed: ["y"], released: ["x", "y"] })).toMatchObject({ held: [], remaining: 2 });
    expect(held(0)).toEqual([]);
  });

  it("takes a slot back exactly at its lease's end", () => {
    const { serve, held } = open(1);
    serve(0, { wanted: ["x"] });
    expect(serve(LEASE_MS - 1, { wanted: ["y"] }).held).toEqual([]);
    expect(held(LEASE_MS - 1)).toEqual(["x"]);
    expect(serve(LEASE_MS, { wanted: ["y"] }).held).toEqual(["y"]);
  });

  it("keeps a slot that is renewed, for a lease from then on", () => {
    const { serve, held } = open(1);
    serve(0, { wanted: ["x"] });
    expect(serve(10_000, { renewed: ["x"] })).toMatchObject({ held: ["x"], remaining: 0 });
    expect(held(LEASE_MS)).toEqual(["x"]);
    expect(held(10_000 + LEASE_MS - 1)).toEqual(["x"]);
    expect(held(10_000 + LEASE_MS)).toEqual([]);
  });

  it("gives a renewal that comes too late a free slot, and none when others have them", () => {
    const { serve } = open(1);
    serve(0, { wanted: ["x"] });
    expect(serve(LEASE_MS, { renewed: ["x"] })).toMatchObject({ held: ["x"] });
    expect(serve(2 * LEASE_MS, { wanted: ["y"] })).toMatchObject({ held: ["y"] });
    expect(serve(2 * LEASE_MS, { renewed: ["x"] })).toMatchObject({ held: [], remaining: 0 });
  });

  it("serves who goes on before who waits", () => {
    const { serve } = open(1);
    expect(serve(0, { wanted: ["y"], renewed: ["x"] })).toMatchObject({ held: ["x"] });
  });

  it("never shortens a lease that runs, when the limit's becomes shorter", () => {
    const { serve, held } = open(1);
    serve(0, { wanted: ["x"] });
    serve(1, { renewed: ["x"], leaseMs: 1_000 });
    expect(held(LEASE_MS - 1)).toEqual(["x"]);
  });

  it("gives out nothing more when the limit is lowered, and takes nothing away", () => {
    const { serve, held } = open(3);
    serve(0, { wanted: ["x", "y", "z"] });
    expect(serve(0, { wanted: ["w"], renewed: ["x"], limit: 1 })).toMatchObject({ held: ["x"], remaining: 0 });
    expect(held(0)).toEqual(["x", "y", "z"]);
    expect(serve(0, { released: ["x", "y"], wanted: ["w"], limit: 1 })).toMatchObject({ held: [], remaining: 0 });
  });

  it("lets go of nothing early by a clock that goes back", () => {
    const { serve, held } = open(1);
    serve(0, { wanted: ["x"] });
    serve(-20_000, { renewed: ["x"] });
    expect(held(LEASE_MS - 1)).toEqual(["x"]);
    serve(LEASE_MS, {});
    expect(serve(0, { wanted: ["y"] }).held).toEqual(["y"]);
    expect(held(LEASE_MS + 100)).toEqual(["y"]);
    expect(held(2 * LEASE_MS)).toEqual([]);
  });

  it("says when the next slot comes back, and when the last has", () => {
    const { serve, at } = open(3);
    expect(at(0, (book) => [book.releaseInMs, book.idleAt])).toEqual([0, START]);
    serve(0, { wanted: ["x"] });
    serve(5_000, { wanted: ["y"] });
    expect(at(6_000, (book) => [book.releaseInMs, book.idleAt - START])).toEqual([24_000, 35_000]);
  });

  it("never holds more than the limit nor anything twice, and answers what it holds, whatever is said", () => {
    const ids = fc.subarray(["1", "2", "3", "4", "5", "6"]);
    const call = fc.record({ released: ids, renewed: ids, wanted: ids, passMs: fc.nat(20_000) });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 4 }), fc.array(call, { maxLength: 30 }), (limit, calls) => {
        const { serve, held } = open(limit);
        const ends = new Map<string, number>();
        let nowMs = 0;
        for (const { passMs, ...asked } of calls) {
          nowMs += passMs;
          const answer = serve(nowMs, asked);
          for (const id of asked.released) ends.delete(id);
          for (const id of answer.held) ends.set(id, nowMs + LEASE_MS);
          const running = [...ends].filter(([, endsAt]) => endsAt > nowMs).map(([id]) => id);
          expect(held(nowMs).toSorted()).toEqual(running.toSorted());
          expect(running.length).toBeLessThanOrEqual(limit);
          expect(answer.remaining).toBe(limit - running.length);
          // Whoever was refused found no slot free.
          const refused = [...asked.renewed, ...asked.wanted].filter(
            (id) => !answer.held.includes(id) && !asked.released.includes(id),
          );
          if (refused.length > 0) expect(running).toHaveLength(limit);
        }
      }),
      { numRuns: 500 },
    );
  });
});
