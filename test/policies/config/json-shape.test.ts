// What a document may not be before anybody looks at its fields: too deep, or with keys that are no data.

import { describe, expect, it } from "vitest";
import { DEPTH_MAX, foreignKeys, isTooDeep } from "../../../src/policies/config/json-shape.ts";

const nested = (levels: number): unknown => JSON.parse(`${"[".repeat(levels)}${"]".repeat(levels)}`);

describe("depth", () => {
  it("is bounded, scalars apart", () => {
    expect(isTooDeep(nested(DEPTH_MAX))).toBe(false);
    expect(isTooDeep(nested(DEPTH_MAX + 1))).toBe(true);
    expect(isTooDeep({ a: nested(DEPTH_MAX) })).toBe(true);
    for (const scalar of [null, 1, "[[[", true]) expect(isTooDeep(scalar)).toBe(false);
  });

  it("of a megabyte of brackets is found without exhausting the stack", () => {
    expect(isTooDeep(nested(500_000))).toBe(true);
  });
});

describe("keys that are no data", () => {
  it("are found wherever they are", () => {
    const value: unknown = JSON.parse('{"__proto__":1,"a":[{"constructor":{"prototype":1}}],"b":{"prototype":null}}');
    expect(foreignKeys(value)).toEqual([["__proto__"], ["a", 0, "constructor"], ["b", "prototype"]]);
  });

  it("are not seen in ordinary ones, nor in values", () => {
    expect(foreignKeys({ toString: "__proto__", proto: ["constructor"], hasOwnProperty: null })).toEqual([]);
  });
});
