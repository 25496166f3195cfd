// What registering a user, or changing one, comes to, and when two names are one.

import { describe, expect, it } from "vitest";
import { USERS_MAX } from "../../../src/contracts/users.ts";
import { decideUser } from "../../../src/policies/fleet/decide-user.ts";
import { nameKey } from "../../../src/policies/fleet/user-name.ts";

const alice = { id: "a", name: "Alice", tier: 1 as const, createdAt: 10, updatedAt: 20, restartedAt: null };
const proposed = {
  isRepeated: false,
  id: "a",
  name: "Alice",
  tier: 1 as const,
  current: undefined,
  nameHolder: undefined,
  count: 0,
  nowMs: 99,
};

describe("a user", () => {
  it("is registered with the time of it", () => {
    const user = { ...alice, createdAt: 99, updatedAt: 99 };
    expect(decideUser(proposed)).toEqual({ ok: true, value: { user, created: true, changed: true } });
  });

  it("who is registered as this already is left as is", () => {
    const decided = decideUser({ ...proposed, current: alice, nameHolder: "a" });
    expect(decided).toEqual({ ok: true, value: { user: alice, created: false, changed: false } });
  });

  it("is told the same when the very command comes again: registered then, or changed", () => {
    const again = { ...proposed, isRepeated: true, nameHolder: "a" };
    const registered = { ...alice, updatedAt: alice.createdAt };
    expect(decideUser({ ...again, current: registered })).toEqual({
      ok: true,
      value: { user: registered, created: true, changed: true },
    });
    expect(decideUser({ ...again, current: alice })).toMatchObject({ value: { created: false, changed: true } });
  });

  it.each([{ name: "ALICE" }, { tier: 3 as const }])("changes to %j and keeps when it was registered", (change) => {
    const decided = decideUser({ ...proposed, ...change, current: alice, nameHolder: "a" });
    const user = { ...alice, ...change, updatedAt: 99 };
    expect(decided).toEqual({ ok: true, value: { user, created: false, changed: true } });
  });

  it("may not take another's name, which is the field told", () => {
    const refusal = { code: "name_taken", data: { problems: [{ path: "name" }] } };
    expect(decideUser({ ...proposed, nameHolder: "b" })).toMatchObject(refusal);
    expect(decideUser({ ...proposed, current: alice, nameHolder: "b" })).toMatchObject(refusal);
  });

  it("is one too many at the bound, and one more just below; who is registered may still change", () => {
    expect(decideUser({ ...proposed, count: USERS_MAX })).toMatchObject({ code: "users_full" });
    expect(decideUser({ ...proposed, count: USERS_MAX - 1 }).ok).toBe(true);
    expect(decideUser({ ...proposed, current: alice, tier: 2, count: USERS_MAX }).ok).toBe(true);
  });
});

describe("names", () => {
  it.each([
    ["Alice", "aLICE"],
    ["Zoé", "zoe\u0301"],
    ["Å", "\u212b"],
  ])("%s and %s are one", (a, b) => {
    expect(nameKey(a)).toBe(nameKey(b));
  });

  it.each([
    ["Zoe", "Zoé"],
    ["a b", "a  b"],
  ])("%s and %s are two", (a, b) => {
    expect(nameKey(a)).not.toBe(nameKey(b));
  });
});
