// Where a body stops being JSON.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { jsonErrorPosition } from "../../src/http/json-error-position.ts";

const fails = (text: string): boolean => {
  try {
    JSON.parse(text);
    return false;
  } catch {
    return true;
  }
};

describe("the position of a fault", () => {
  it.each<[string, number]>([
    ["", 0],
    ["  ", 2],
    ["{", 1],
    ['{"a": }', 6],
    ['{"a" 1}', 5],
    ['{"a":1,}', 7],
    ["{,}", 1],
    ["{1:2}", 1],
    ['{"a":1 "b":2}', 7],
    ["[1,]", 3],
    ["[,1]", 1],
    ["[1 2]", 3],
    ["[1}", 2],
    ['{"a":1]', 6],
    ["]", 0],
    ["1 2", 2],
    ["1,", 1],
    ["01", 1],
    ["nul", 0],
    ["'a'", 0],
    ['["a\u0001"]', 1],
    ['["\\x"]', 1],
    ["[1] // why", 4],
    ['\n{\n "a": tru\n}', 9],
    ["\u00a01", 0],
  ])("in %j is %i", (text, position) => {
    expect(fails(text)).toBe(true);
    expect(jsonErrorPosition(text)).toBe(position);
  });

  it("is the end, and only there, for JSON that is merely cut short between tokens", () => {
    expect(jsonErrorPosition('{"a":[1,{"b":null}')).toBe(18);
    expect(jsonErrorPosition("[")).toBe(1);
  });

  it("of a deep nest is found without exhausting the stack", () => {
    expect(jsonErrorPosition("[".repeat(500_000))).toBe(500_000);
  });

  it("is where a stray token was put into JSON, or behind it: what stands before could still become JSON", () => {
    fc.assert(
      fc.property(fc.json(), fc.nat(), fc.constantFrom("]", "}", ",", ":", "x", '"'), (json, where, stray) => {
        const cut = where % (json.length + 1);
        const text = `${json.slice(0, cut)}${stray}${json.slice(cut)}`;
        fc.pre(fails(text));
        const position = jsonErrorPosition(text);
        expect(position).toBeLessThanOrEqual(text.length);
        // Nothing before the position is at fault: read up to there, the text ends too early, or is whole.
        const before = text.slice(0, position);
        expect(fails(before) ? jsonErrorPosition(before) : before.length).toBe(before.length);
      }),
    );
  });
});
