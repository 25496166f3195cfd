// RFC 7396 by its own appendix, and that no key of a patch can reach what every object inherits.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { mergePatch } from "../../../src/policies/config/merge-patch.ts";

/** RFC 7396, appendix A: target, patch, result. */
const APPENDIX: [unknown, unknown, unknown][] = [
  [{ a: "b" }, { a: "c" }, { a: "c" }],
  [{ a: "b" }, { b: "c" }, { a: "b", b: "c" }],
  [{ a: "b" }, { a: null }, {}],
  [{ a: "b", b: "c" }, { a: null }, { b: "c" }],
  [{ a: ["b"] }, { a: "c" }, { a: "c" }],
  [{ a: "c" }, { a: ["b"] }, { a: ["b"] }],
  [{ a: { b: "c" } }, { a: { b: "d", c: null } }, { a: { b: "d" } }],
  [{ a: [{ b: "c" }] }, { a: [1] }, { a: [1] }],
  [
    ["a", "b"],
    ["c", "d"],
    ["c", "d"],
  ],
  [{ a: "b" }, ["c"], ["c"]],
  [{ a: "foo" }, null, null],
  [{ a: "foo" }, "bar", "bar"],
  [{ e: null }, { a: 1 }, { e: null, a: 1 }],
  [[1, 2], { a: "b", c: null }, { a: "b" }],
  [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
];

describe("a merge patch", () => {
  it.each(APPENDIX)("%j patched with %j is %j", (target, patch, result) => {
    const before = JSON.stringify([target, patch]);
    expect(mergePatch(target, patch)).toEqual(result);
    expect(JSON.stringify([target, patch])).toBe(before);
  });

  it.each(["__proto__", "constructor", "prototype"])(
    "treats %s as a key like any other and touches no prototype",
    (key) => {
      const patch: unknown = JSON.parse(`{"${key}":{"polluted":true},"a":{"${key}":{"polluted":true}}}`);
      const merged = mergePatch({ a: {} }, patch);
      expect(Object.hasOwn(merged as object, key)).toBe(true);
      expect(JSON.stringify(merged)).toContain(`"${key}":{"polluted":true}`);
      expect(Reflect.get({}, "polluted")).toBeUndefined();
      expect(Object.getPrototypeOf(merged)).toBe(Object.prototype);
      const twice = mergePatch(merged, patch);
      expect(JSON.stringify(mergePatch(twice, JSON.parse(`{"${key}":null}`)))).toBe(
        `{"a":{"${key}":{"polluted":true}}}`,
      );
      expect(Reflect.get({}, "polluted")).toBeUndefined();
    },
  );

  it("is harmless to apply twice, and an empty one changes nothing", () => {
    const json = fc.jsonValue({ maxDepth: 4 });
    fc.assert(
      fc.property(json, json, (target, patch) => {
        const once = mergePatch(target, patch);
        expect(mergePatch(once, patch)).toEqual(once);
      }),
    );
    fc.assert(
      fc.property(fc.dictionary(fc.string(), json), (target) => {
        expect(mergePatch(target, {})).toEqual({ ...target });
      }),
    );
  });
});
