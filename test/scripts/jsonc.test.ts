// JSON with comments: what may stand in it, and how the place of an error is named.

import { describe, expect, it } from "vitest";
import { parseJsonc } from "../../scripts/start/jsonc.ts";

describe("JSON with comments", () => {
  it("may hold comments, trailing commas and a byte order mark", () => {
    expect(parseJsonc('\uFEFF{ // one\n "a": [1, /* two */ 2,],\n}')).toEqual({ a: [1, 2] });
  });

  it.each([
    ['{\n  "a": ,\n}', "2:8: value expected"],
    ['{ "a": 1 "b": 2 }', "1:10: comma expected"],
    ['{ "a": 1', "1:9: close brace expected"],
    ["", "1:1: value expected"],
  ])("that is broken names the first place: %j", (text, message) => {
    expect(() => parseJsonc(text)).toThrow(message);
  });
});
