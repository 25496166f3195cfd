// One text for every document that says the same, in whatever order its keys stand.

import fc from "fast-check";
import { expect, it } from "vitest";
import { canonicalJson } from "../../../src/policies/config/canonical-json.ts";

it("is one text whatever the order of keys", () => {
  expect(canonicalJson({ b: { d: 1, c: [2, { f: 1, e: 2 }] }, a: null })).toBe(
    '{"a":null,"b":{"c":[2,{"e":2,"f":1}],"d":1}}',
  );
  expect(canonicalJson({ a: 1, b: 2 })).toBe(canonicalJson({ b: 2, a: 1 }));
});

it("differs where values, types or the order of a list differ", () => {
  expect(canonicalJson([1, 2])).not.toBe(canonicalJson([2, 1]));
  expect(canonicalJson({ a: 1 })).not.toBe(canonicalJson({ a: "1" }));
  expect(canonicalJson({})).not.toBe(canonicalJson([]));
});

it("says all that JSON says", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
    }),
  );
});
