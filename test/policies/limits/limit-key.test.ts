// Whom a limit counts: the same key for the same caller, never one key for two, and no way past a limit for who lacks a part.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compileLimits } from "../../../src/policies/limits/compile-limits.ts";
import type { CompiledLimit } from "../../../src/policies/limits/compiled-limit.ts";
import type { LimitDocument } from "../../../src/policies/limits/default-limits.ts";
import { type KeyFacts, standingsOf, writtenKey } from "../../../src/policies/limits/limit-key.ts";

const headers: { readonly [name: string]: string | undefined } = { "x-tenant": "acme" };
const facts: KeyFacts = {
  clientIp: "10.0.0.1",
  user: "ada",
  session: "s-1",
  route: "chat",
  query: "a=b&repository=org%2Fsite",
  header: (name) => headers[name],
};

function limitOf(key: string, more: Partial<LimitDocument> = {}): CompiledLimit {
  const limit = compileLimits({ own: { key, limit: 5, windowMs: 1_000, ...more } }).get("own");
  if (limit === undefined) throw new Error("no such limit");
  return limit;
}

function keyOf(key: string, own: Partial<KeyFacts> = {}, more: Partial<LimitDocument> = {}): string | undefined {
  const standings = standingsOf([limitOf(key, more)], { ...facts, ...own });
  if (!standings.ok) throw new Error(standings.code);
  return standings.value[0]?.key;
}

describe("a key of one part", () => {
  it.each([
    ["ip", "10.0.0.1"],
    ["user", "ada"],
    ["session", "s-1"],
    ["repository", "org/site"],
    ["route", "chat"],
    ["header:x-tenant", "acme"],
  ])("%s is its own text", (key, text) => {
    expect(keyOf(key)).toBe(text);
  });

  it("is raw, whatever it holds", () => {
    expect(keyOf("user", { user: "a+b%c ü 🚦" })).toBe("a+b%c ü 🚦");
    expect(keyOf("user", { user: "x".repeat(10_240) })).toHaveLength(10_240);
  });

  it("is the network where the address is IPv6, and the address where IPv6 maps IPv4", () => {
    expect(keyOf("ip", { clientIp: "2001:db8::1" })).toBe("2001:db8:0:0::/64");
    expect(keyOf("ip", { clientIp: "::ffff:a00:1" })).toBe("10.0.0.1");
  });

  it("is the first repository of the query, and that of no other parameter", () => {
    expect(keyOf("repository", { query: "repository=one&repository=two" })).toBe("one");
    expect(keyOf("repository", { query: "xrepository=one" }, { onMissingKey: "skip" })).toBeUndefined();
  });
});

describe("a key of several parts", () => {
  it("is joined by +, with % and + encoded in each", () => {
    expect(keyOf("ip+route")).toBe("10.0.0.1+chat");
    expect(keyOf("user+header:x-tenant", { user: "a+b", header: () => "50%+" })).toBe("a%2Bb+50%25%2B");
  });

  it("is in the order in which the limit names them", () => {
    expect(keyOf("route+ip")).toBe("chat+10.0.0.1");
  });
});

describe("a key", () => {
  it("that begins with ~ by itself is not that of a caller who lacks a part", () => {
    expect(keyOf("user", { user: "~10.0.0.1" })).toBe("%7E10.0.0.1");
    expect(keyOf("user", { user: undefined })).toBe("~10.0.0.1");
    expect(keyOf("user+route", { user: "~x" })).toBe("%7Ex+chat");
  });

  it("that looks like one that was written otherwise is written otherwise too", () => {
    expect(keyOf("user", { user: "%7Ex" })).toBe("%257Ex");
    expect(keyOf("user", { user: "%257Ex" })).toBe("%25257Ex");
    expect(keyOf("user", { user: "%7F%7E" })).toBe("%7F%7E");
  });

  const text = fc.oneof(
    fc.string({ minLength: 1, unit: fc.constantFrom("~", "%", "7", "E", "2", "5", "+", "a", "é") }),
    fc.string({ minLength: 1, unit: "grapheme" }),
  );

  it("of one part is never that of two values, nor of a caller who lacks it", () => {
    fc.assert(
      fc.property(text, text, (a, b) => {
        expect(keyOf("user", { user: a }) === keyOf("user", { user: b })).toBe(a === b);
        expect(keyOf("user", { user: a })).not.toBe(keyOf("user", { user: undefined, clientIp: b }));
      }),
      {
        numRuns: 1_000,
        examples: [
          ["~x", "%7Ex"],
          ["%7Ex", "%257Ex"],
        ],
      },
    );
  });

  it("of several parts is never that of other values", () => {
    fc.assert(
      fc.property(fc.tuple(text, text), fc.tuple(text, text), (a, b) => {
        const joined = ([user, session]: [string, string]) => keyOf("user+session", { user, session });
        expect(joined(a) === joined(b)).toBe(a[0] === b[0] && a[1] === b[1]);
        expect(joined(a)?.startsWith("~")).toBe(false);
      }),
      {
        numRuns: 1_000,
        examples: [
          [
            ["a+b", "c"],
            ["a", "b+c"],
          ],
          [
            ["a%2Bb", "c"],
            ["a+b", "c"],
          ],
        ],
      },
    );
  });
});

describe("a request that lacks a part", () => {
  it("counts by ~ and its network unless told otherwise, also where other parts are there", () => {
    expect(keyOf("user", { user: undefined })).toBe("~10.0.0.1");
    expect(keyOf("user+route", { user: "", clientIp: "2001:db8::9" })).toBe("~2001:db8:0:0::/64");
    expect(keyOf("header:x-other")).toBe("~10.0.0.1");
  });

  it("does not stand under a limit that skips it, and does under the others", () => {
    const skipping = limitOf("user", { onMissingKey: "skip" });
    const standings = standingsOf([skipping, limitOf("ip")], { ...facts, user: undefined });
    expect(standings.ok && standings.value.map(({ key }) => key)).toEqual(["10.0.0.1"]);
    const present = standingsOf([skipping, limitOf("ip")], facts);
    expect(present.ok && present.value.map(({ key }) => key)).toEqual(["ada", "10.0.0.1"]);
  });

  it.each([
    ["user", "unauthenticated"],
    ["session", "unauthenticated"],
    ["repository", "limit_key_missing"],
    ["header:x-other", "limit_key_missing"],
  ])("is refused for want of %s, as %s, by a limit that denies", (key, code) => {
    const limit = limitOf(key, { onMissingKey: "deny" });
    const nothing = { ...facts, user: undefined, session: undefined, query: "" };
    expect(standingsOf([limitOf("ip"), limit], nothing)).toMatchObject({ ok: false, code, detail: "limit own" });
    const other = standingsOf([limit], { ...facts, header: () => "here" });
    expect(other.ok && other.value).toHaveLength(1);
  });
});

describe("writtenKey", () => {
  it("takes an address for its network, where the limit counts by it or the caller lacks a part", () => {
    expect(writtenKey(limitOf("ip"), "2001:db8::7")).toBe("2001:db8:0:0::/64");
    expect(writtenKey(limitOf("user"), "~2001:db8::7")).toBe("~2001:db8:0:0::/64");
  });
  it("takes any other text as it is", () => {
    expect(writtenKey(limitOf("user"), "2001:db8::7")).toBe("2001:db8::7");
    expect(writtenKey(limitOf("ip"), "10.0.0.1")).toBe("10.0.0.1");
  });
});
