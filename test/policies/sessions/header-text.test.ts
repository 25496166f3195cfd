// User ids and names as header values: safe to send, and read back without doubt.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { headerText } from "../../../src/policies/sessions/header-text.ts";

describe("a header value", () => {
  it.each([
    ["alice", "alice"],
    ["sonr1abc-._~:/?@", "sonr1abc-._~:/?@"],
    ["Ann Lee", "Ann Lee"],
    [" ann ", "%20ann%20"],
    ["100%", "100%25"],
    ["%41", "%2541"],
    ["Zoë", "Zo%C3%AB"],
    ["日本", "%E6%97%A5%E6%9C%AC"],
    ["🚂", "%F0%9F%9A%82"],
    ["a\r\nX-Admin: 1", "a%0D%0AX-Admin: 1"],
    ["\u0000\u007f", "%00%7F"],
  ])("of %j is %j", (text, value) => {
    expect(headerText(text)).toBe(value);
  });

  it("is printable ASCII without outer spaces and decodes to the text, for every well-formed text", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 64 }), (text) => {
        fc.pre(text.isWellFormed());
        const value = headerText(text);
        expect(value).toMatch(/^[\x20-\x7e]*$/);
        expect(value.trim()).toBe(value);
        expect(decodeURIComponent(value)).toBe(text);
      }),
    );
  });

  it("is what Headers carries unchanged", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", maxLength: 32 }), (text) => {
        const value = headerText(text);
        expect(new Headers({ "X-Session-Username": value }).get("X-Session-Username")).toBe(value);
      }),
    );
  });
});
