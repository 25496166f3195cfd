// A registry and a fleet of isolates that spend, give back, die, lose replies and repeat calls, while the object restarts:
// no position is ever issued twice while it may still be spent, and requests stay even.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { LeaseCall, LeaseReply, PositionRange } from "../../../src/contracts/registry.ts";
import { answerLeaseCall } from "../../../src/policies/balancing/answer-lease-call.ts";
import { storeLedger } from "../../../src/policies/balancing/position-ledger.ts";
import {
  closeRound,
  openBooks,
  type RegistryBooks,
  type StoredCursor,
} from "../../../src/policies/balancing/registry-books.ts";
import { callUnder, rosterOfIds } from "./isolate-calls.ts";

type Held = { range: PositionRange; validUntilMs: number; used: number; closed: boolean };
type Isolate = { id: string; callId: number; held: Held[] };

const INSTANCES = 5;
const ISOLATES = 4;
const roster = rosterOfIds(Array.from({ length: INSTANCES }, (_, i) => `i${i}`));

/** The object with its disk, the isolates, and an account of every position kept apart from both. */
class World {
  nowMs = 1_000_000;
  #disk: StoredCursor | undefined;
  books: RegistryBooks = openBooks({ ...roster, version: 1 }, undefined);
  readonly isolates: Isolate[] = Array.from({ length: ISOLATES }, (_, i) => ({ id: `x${i}`, callId: 0, held: [] }));
  readonly served = new Array<number>(INSTANCES).fill(0);
  /** Until when somebody may still spend it. */
  readonly #spendableUntilMs = new Map<number, number>();
  readonly #reportedUsed = new Set<number>();
  #deaths = 0;

  ask(isolate: Isolate, want: number, fate: "answered" | "lost" | "repeated"): void {
    const call = callUnder(roster, {
      isolateId: isolate.id,
      callId: ++isolate.callId,
      want,
      reports: this.#reportsOf(isolate),
    });
    const { cursor, free } = this.books.ledger;
    // What this very call gives back may go before what waited already; a new position may not.
    const newFrom = free.length > 0 ? cursor : Number.POSITIVE_INFINITY;
    const reply = this.#send(call);
    if (fate === "repeated") expect(this.#send(call)).toEqual(reply);
    if (reply.kind !== "leased") throw new Error(reply.kind);
    this.#checkIssue(reply, newFrom, isolate);
    if (fate === "lost") return;
    isolate.held = isolate.held.filter(
      ({ range, used, closed, validUntilMs }) => !closed && used < range.count && this.nowMs < validUntilMs,
    );
    if (reply.range === undefined) return;
    const validUntilMs = this.nowMs + reply.range.validMs;
    isolate.held.push({ range: reply.range, validUntilMs, used: 0, closed: false });
    for (const position of positionsOf(reply.range)) this.#spendableUntilMs.set(position, validUntilMs);
  }

  spend(isolate: Isolate, requests: number): void {
    let left = requests;
    for (const held of isolate.held) {
      while (left > 0 && !held.closed && held.used < held.range.count && this.nowMs < held.validUntilMs) {
        const position = held.range.from + held.used++;
        this.served[position % INSTANCES] = (this.served[position % INSTANCES] ?? 0) + 1;
        this.#spendableUntilMs.delete(position);
        left--;
      }
    }
  }

  giveBack(isolate: Isolate): void {
    for (const held of isolate.held) {
      held.closed = true;
      for (const position of positionsOf(held.range)) this.#spendableUntilMs.delete(position);
    }
  }

  die(isolate: Isolate): void {
    this.giveBack(isolate);
    Object.assign(isolate, { id: `${isolate.id.split("/")[0]}/${++this.#deaths}`, callId: 0, held: [] });
  }

  tick(): void {
    closeRound(this.books, this.nowMs);
    this.#save();
  }

  restart(): void {
    this.books = openBooks({ ...roster, version: 1 }, this.#disk);
  }

  /** As isolates do within renewAfterMs of any request. */
  reportAll(): void {
    for (const isolate of this.isolates) this.ask(isolate, 0, "answered");
  }

  #send(call: LeaseCall): LeaseReply {
    const { mark } = this.books.ledger;
    const reply = answerLeaseCall(this.books, call, this.nowMs);
    if (this.books.ledger.mark !== mark) this.#save();
    return structuredClone(reply);
  }

  #save(): void {
    this.#disk = structuredClone({ ledger: storeLedger(this.books.ledger), uncounted: 0 });
  }

  #reportsOf(isolate: Isolate): LeaseCall["reports"] {
    return isolate.held.map(({ range, used, closed, validUntilMs }) => {
      const done = closed || used === range.count || this.nowMs >= validUntilMs;
      // Heard while it counts, or of an epoch whose positions are never issued again.
      if (
        this.books.ledger.outstanding.has(range.leaseId) ||
        !range.leaseId.startsWith(`${this.books.ledger.epoch}.`)
      ) {
        for (let i = 0; i < used; i++) this.#reportedUsed.add(range.from + i);
      }
      return {
        leaseId: range.leaseId,
        rosterVersion: range.rosterVersion,
        from: range.from,
        count: range.count,
        used,
        done,
      };
    });
  }

  #checkIssue(reply: Extract<LeaseReply, { kind: "leased" }>, newFrom: number, asker: Isolate): void {
    for (const held of asker.held) {
      const done = held.closed || held.used === held.range.count || this.nowMs >= held.validUntilMs;
      if (done) for (const position of positionsOf(held.range)) this.#spendableUntilMs.delete(position);
    }
    if (reply.range === undefined) return;
    expect(reply.range.from, "positions that wait go first").toBeLessThan(newFrom);
    for (const position of positionsOf(reply.range)) {
      expect(this.#spendableUntilMs.get(position) ?? 0, `position ${position} is out`).toBeLessThanOrEqual(this.nowMs);
      expect(this.#reportedUsed.has(position), `position ${position} was used`).toBe(false);
    }
  }
}

const positionsOf = ({ from, count }: { from: number; count: number }): number[] =>
  Array.from({ length: count }, (_, i) => from + i);

const who = fc.nat(ISOLATES - 1);
const want = fc.integer({ min: 1, max: 40 });
const peaceful = [
  fc.record({
    do: fc.constant("ask" as const),
    who,
    want,
    fate: fc.constantFrom("answered" as const, "repeated" as const),
  }),
  fc.record({ do: fc.constant("spend" as const), who, requests: fc.integer({ min: 1, max: 40 }) }),
  fc.record({ do: fc.constant("giveBack" as const), who }),
  fc.record({ do: fc.constant("tick" as const) }),
];
const pass = fc.record({ do: fc.constant("pass" as const), ms: fc.constantFrom(1, 100, 4_000, 9_999, 13_000, 20_000) });
const trouble = [
  pass,
  fc.record({ do: fc.constant("ask" as const), who, want, fate: fc.constant("lost" as const) }),
  fc.record({ do: fc.constant("die" as const), who }),
  fc.record({ do: fc.constant("restart" as const) }),
];
type Step =
  | { do: "ask"; who: number; want: number; fate: "answered" | "lost" | "repeated" }
  | { do: "spend"; who: number; requests: number }
  | { do: "giveBack" | "die"; who: number }
  | { do: "tick" | "restart" }
  | { do: "pass"; ms: number };

function perform(world: World, step: Step): void {
  const isolate = "who" in step ? world.isolates[step.who] : undefined;
  if (step.do === "tick") world.tick();
  else if (step.do === "restart") world.restart();
  else if (step.do === "pass") world.nowMs += step.ms;
  else if (isolate === undefined) return;
  else if (step.do === "ask") world.ask(isolate, step.want, step.fate);
  else if (step.do === "spend") world.spend(isolate, step.requests);
  else if (step.do === "giveBack") world.giveBack(isolate);
  else world.die(isolate);
}

describe("a fleet of isolates", () => {
  it("is never issued a position that another may still spend, nor one reported as used, whatever goes wrong", () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(...peaceful, ...trouble), { maxLength: 120 }), (steps: Step[]) => {
        const world = new World();
        for (const step of steps) perform(world, step);
      }),
      { numRuns: 600 },
    );
  });

  it("serves any two instances alike but for the ranges that are out or wait, over all time", () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(...peaceful, pass), { maxLength: 120 }), (steps: Step[]) => {
        const world = new World();
        for (const step of steps) {
          if (step.do === "pass") world.reportAll();
          perform(world, step);
          const { outstanding, free } = world.books.ledger;
          const imbalance = Math.max(...world.served) - Math.min(...world.served);
          expect(imbalance).toBeLessThanOrEqual(1 + outstanding.size + free.length);
        }
      }),
      { numRuns: 600 },
    );
  });

  it("serves them exactly alike once everything is given back and issued again", () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(...peaceful), { maxLength: 80 }), (steps: Step[]) => {
        const world = new World();
        for (const step of steps) perform(world, step);
        for (const isolate of world.isolates) world.giveBack(isolate);
        world.reportAll();
        const [last] = world.isolates;
        for (let rounds = 0; last !== undefined && world.books.ledger.free.length > 0 && rounds < 2_000; rounds++) {
          world.ask(last, 40, "answered");
          world.spend(last, 40);
        }
        expect(world.books.ledger.free).toEqual([]);
        expect(Math.max(...world.served) - Math.min(...world.served)).toBeLessThanOrEqual(1);
      }),
      { numRuns: 300 },
    );
  });
});
