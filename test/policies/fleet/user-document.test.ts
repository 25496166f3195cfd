// What may be a user's configuration, and what a change to one comes to.

import { describe, expect, it } from "vitest";
import { USER_CONFIG_BYTES_MAX } from "../../../src/contracts/user-config.ts";
import { decideUserConfig, refuseMisshapen, userConfigTag } from "../../../src/policies/fleet/user-document.ts";

const nested = (depth: number): unknown => JSON.parse(`${'{"a":'.repeat(depth)}1${"}".repeat(depth)}`);
const current = { version: 3, document: { model: "m", deep: { a: 1, b: [1, 2] } } };
const tag = userConfigTag(1_700, 3);
const decide = (next: unknown, ifMatch?: string) => decideUserConfig({ next, current, tag, ifMatch });
/** A document of exactly so many bytes. */
const sized = (bytes: number) => ({ a: "x".repeat(bytes - '{"a":""}'.length) });

describe("a user's document", () => {
  it.each([[{}], [{ a: null, b: [1, { c: "d" }] }], [nested(32)]])("may be %j", (document) => {
    expect(refuseMisshapen(document)).toBeUndefined();
  });

  it.each<[string, unknown, string[]]>([
    ["a list", [], [""]],
    ["null", null, [""]],
    ["text", "x", [""]],
    ["what nests 33 deep", nested(33), [""]],
    ["a prototype at its top", JSON.parse('{"__proto__":{"admin":true}}'), ["__proto__"]],
    [
      "prototypes inside",
      JSON.parse('{"a":[{"constructor":1}],"b":{"prototype":2}}'),
      ["a[0].constructor", "b.prototype"],
    ],
  ])("is not %s, and each wrong place is named", (_what, value, paths) => {
    expect(refuseMisshapen(value)).toMatchObject({
      code: "invalid_body",
      data: { problems: paths.map((path) => ({ path })) },
    });
  });

  it("may have 64 KiB of JSON and not a byte more", () => {
    expect(decide(sized(USER_CONFIG_BYTES_MAX)).ok).toBe(true);
    expect(decide(sized(USER_CONFIG_BYTES_MAX + 1))).toMatchObject({ ok: false, code: "invalid_body" });
    expect(decide({ a: "é".repeat(USER_CONFIG_BYTES_MAX / 2) })).toMatchObject({ ok: false, code: "invalid_body" });
  });
});

describe("a change to it", () => {
  it("is none where the same is in force, whatever the order of its keys", () => {
    expect(decide({ deep: { b: [1, 2], a: 1 }, model: "m" })).toMatchObject({ ok: true, value: { changed: false } });
    expect(decide({ deep: { b: [2, 1], a: 1 }, model: "m" })).toMatchObject({ ok: true, value: { changed: true } });
  });

  it.each([`"${tag}"`, `W/"${tag}"`, "*", `"1", "${tag}"`])("is let through by %s", (ifMatch) => {
    expect(decide({ new: 1 }, ifMatch).ok).toBe(true);
  });

  it.each(['"3"', `"${userConfigTag(1_700, 2)}"`, `"${userConfigTag(1_701, 3)}"`, "", tag])(
    "is refused under %j, which names another version or another life of the id",
    (ifMatch) => {
      expect(decide({ new: 1 }, ifMatch)).toMatchObject({ code: "stale_version", data: { version: 3 } });
    },
  );

  it("that is nonsense is told so before that it is late", () => {
    expect(decide([], '"0"')).toMatchObject({ code: "invalid_body" });
  });
});
