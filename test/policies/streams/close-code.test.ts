// How the end of one side of a relayed WebSocket is told to the other.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { closeFor } from "../../../src/policies/streams/close-code.ts";

describe("a close code", () => {
  it.each([1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4401, 4999])(
    "%i is passed on with its reason",
    (code) => {
      expect(closeFor(code, "because")).toEqual({ code, reason: "because" });
    },
  );

  it.each([0, 999, 1004, 1006, 1015, 1016, 2999, 5000, 65_535])(
    "%i may not be sent: 1011 is, without a reason",
    (code) => {
      expect(closeFor(code, "because")).toEqual({ code: 1011, reason: "" });
    },
  );

  it("that was not given is not invented", () => {
    expect(closeFor(1005, "")).toEqual({ reason: "" });
  });
});

describe("a reason", () => {
  it.each(["", "x".repeat(123), "é".repeat(61), "🚦".repeat(30)])("of up to 123 bytes is kept: %s", (reason) => {
    expect(closeFor(1000, reason).reason).toBe(reason);
  });

  it.each([
    ["x".repeat(124), "x".repeat(123)],
    ["é".repeat(62), "é".repeat(61)],
    ["🚦".repeat(31), "🚦".repeat(30)],
    ["\ufffd".repeat(123), "\ufffd".repeat(41)],
  ])("that has grown beyond them loses whole characters at its end: %s", (reason, kept) => {
    expect(closeFor(1000, reason).reason).toBe(kept);
  });

  it("always fits, and is a beginning of what was said", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", maxLength: 300 }), (said) => {
        const { reason } = closeFor(4000, said);
        expect(new TextEncoder().encode(reason).length).toBeLessThanOrEqual(123);
        expect(said.startsWith(reason)).toBe(true);
      }),
    );
  });
});
