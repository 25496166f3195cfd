// Host and path patterns: what can be written, what cannot, and what each comes to.

import { describe, expect, it } from "vitest";
import { loopbackAliases, parseHost, parsePath, segmentCount } from "../../../src/policies/routing/route-patterns.ts";

describe("a host pattern", () => {
  it.each([
    [undefined, { kind: "any" }],
    ["@", { kind: "exact", key: "d.io" }],
    ["console.*", { kind: "exact", key: "console.d.io" }],
    ["Console.*", { kind: "exact", key: "console.d.io" }],
    ["a.b.*", { kind: "exact", key: "a.b.d.io" }],
    ["*.x.io", { kind: "wildcard", key: ".x.io" }],
    ["API.Example", { kind: "exact", key: "api.example" }],
    ["10.0.0.1", { kind: "exact", key: "10.0.0.1" }],
    ["[::1]", { kind: "exact", key: "[::1]" }],
  ])("%s is read", (pattern, expected) => {
    expect(parseHost(pattern, "d.io")).toEqual(expected);
  });

  it.each(["*", "*.*", "a.*.b", "*a.io", "a*.io", "a.io:80", "http://a.io", "a/b", "a..b", ".a", "-a.io", "a b", "*."])(
    "%s is refused",
    (pattern) => {
      expect(parseHost(pattern, "d.io").kind).toBe("unusable");
    },
  );

  it("that stands on the domain needs one, and no other does", () => {
    for (const pattern of ["@", "console.*"]) expect(parseHost(pattern, undefined).kind).toBe("unusable");
    for (const pattern of ["*.x.io", "a.io"]) expect(parseHost(pattern, undefined).kind).not.toBe("unusable");
  });

  it("on the domain has loopback names, and no other does", () => {
    const aliases = (pattern: string) => {
      const host = parseHost(pattern, "d.io");
      return host.kind === "unusable" ? [] : loopbackAliases(host, "d.io");
    };
    expect(aliases("@")).toEqual(["localhost", "127.0.0.1", "[::1]"]);
    expect(aliases("x.*")).toEqual(["x.localhost"]);
    expect(aliases("*.d.io")).toEqual([".localhost"]);
    for (const pattern of ["xd.io", "*.other.io", "d.io.evil"]) expect(aliases(pattern)).toEqual([]);
    expect(loopbackAliases({ kind: "any" }, "d.io")).toEqual([]);
  });
});

describe("a path pattern", () => {
  it.each([
    [undefined, { kind: "any" }, 0],
    ["/", { kind: "exact", key: "/" }, 0],
    ["/*", { kind: "prefix", key: "" }, 0],
    ["/a", { kind: "exact", key: "/a" }, 1],
    ["/a/*", { kind: "prefix", key: "/a" }, 1],
    ["/a/", { kind: "exact", key: "/a/" }, 2],
    ["/a/b/*", { kind: "prefix", key: "/a/b" }, 2],
    ["/a.b/..c/%41", { kind: "exact", key: "/a.b/..c/%41" }, 3],
  ])("%s is read", (pattern, expected, segments) => {
    const path = parsePath(pattern);
    expect(path).toEqual(expected);
    expect(path.kind === "unusable" ? -1 : segmentCount(path)).toBe(segments);
  });

  it.each([
    "/a*",
    "/*/a",
    "/a/*/b",
    "/a/**",
    "/a/*/*",
    "//",
    "/a//b",
    "/a//*",
    "//*",
    "/./a",
    "/a/..",
    "/../*",
    "/%2E/a",
    "/a%2e",
    "/a?b",
    "/a#b",
    "/a\\b",
    "/%00",
  ])("%s is refused", (pattern) => {
    expect(parsePath(pattern).kind).toBe("unusable");
  });
});
