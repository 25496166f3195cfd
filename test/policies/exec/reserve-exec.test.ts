// Whether a call begins an exec, repeats one, or is refused.

import { describe, expect, it } from "vitest";
import { decideReservation, type ReservationFacts } from "../../../src/policies/exec/reserve-exec.ts";

const facts = (more: Partial<ReservationFacts> = {}): ReservationFacts => ({
  digest: "d1",
  byId: undefined,
  byKey: undefined,
  kept: 0,
  active: 0,
  ...more,
});
const one = (digest: string, execId = "e1") => ({ execId, digest });

describe("a call", () => {
  it("that nobody made before begins an exec", () => {
    expect(decideReservation(facts())).toEqual({ kind: "new", evict: 0 });
  });

  it.each([
    ["key", { byKey: one("d1") }],
    ["id", { byId: one("d1") }],
    ["key and id", { byKey: one("d1"), byId: one("d1") }],
  ])("with the same %s and the same order is the same exec, also while there is no room for another", (_, known) => {
    expect(decideReservation(facts({ ...known, kept: 100, active: 100 }))).toEqual({ kind: "same", execId: "e1" });
  });

  it.each([
    ["key", { byKey: one("d2") }],
    ["id", { byId: one("d2") }],
    ["id, whatever its key stands for", { byKey: one("d1"), byId: one("d2", "e2") }],
  ])("with the same %s and another order is refused", (_, known) => {
    const decision = decideReservation(facts(known));
    expect(decision).toMatchObject({ kind: "refused", refusal: { code: "idempotency_mismatch" } });
  });

  it("goes by its key where its id is new", () => {
    expect(decideReservation(facts({ byKey: one("d1", "first") }))).toEqual({ kind: "same", execId: "first" });
  });
});

describe("the hundred", () => {
  it.each([
    [98, 0],
    [99, 0],
    [100, 1],
    [101, 2],
  ])("with %i kept, %i have to go", (kept, evict) => {
    expect(decideReservation(facts({ kept, active: 99 }))).toEqual({ kind: "new", evict });
  });

  it("is full of what has not ended: another is refused", () => {
    const decision = decideReservation(facts({ kept: 100, active: 100 }));
    expect(decision).toMatchObject({ kind: "refused", refusal: { code: "too_many_at_once" } });
  });
});
