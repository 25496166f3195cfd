// How users are named on the wire.

import * as v from "valibot";
import { describe, expect, it } from "vitest";
import { UserId, UserIds } from "../../src/contracts/users.ts";

describe("a user's id", () => {
  it.each(["u1", "sonr1abc", "a.b@c-d:e_f", "0", "x".repeat(128)])("may be %s", (id) => {
    expect(v.is(UserId, id)).toBe(true);
  });
  it.each(["", ".", "..", "lookup", ".a", "a/b", "a\\b", "a b", "é", "a\0", "a\n", "x".repeat(129)])(
    "may not be %j",
    (id) => {
      expect(v.is(UserId, id)).toBe(false);
    },
  );
});

describe("a list of users", () => {
  it("names nobody twice", () => {
    expect(v.parse(UserIds, ["b", "a", "b"])).toEqual(["b", "a"]);
  });

  it.each([[[]], [["a", "a/b"]], [Array.from({ length: 10_001 }, (_, n) => `u${n}`)]])("is not %j", (ids) => {
    expect(v.is(UserIds, ids)).toBe(false);
  });
});
