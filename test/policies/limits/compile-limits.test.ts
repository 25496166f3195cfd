// What the document's limits become: the documents' numbers where it says nothing, and the most specific override for each key.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compileLimits } from "../../../src/policies/limits/compile-limits.ts";
import { type CompiledLimit, ruleFor } from "../../../src/policies/limits/compiled-limit.ts";
import type { LimitDocument } from "../../../src/policies/limits/default-limits.ts";

function compiled(name: string, limits?: { readonly [name: string]: LimitDocument }): CompiledLimit {
  const limit = compileLimits(limits).get(name);
  if (limit === undefined) throw new Error(`no limit ${name}`);
  return limit;
}

const withOverrides = (overrides: NonNullable<LimitDocument["overrides"]>): CompiledLimit =>
  compiled("own", { own: { key: "user", limit: 1, windowMs: 1_000, overrides } });

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;

describe("the limits that ship", () => {
  it.each([
    ["health", 60, MINUTE_MS, "ip", "D62"],
    ["metrics", 30, MINUTE_MS, "ip", "D63"],
    ["admin", 10, MINUTE_MS, "ip", "D64"],
    ["general", 100, MINUTE_MS, "ip", "D65"],
    ["router", 60, MINUTE_MS, "ip", "C32"],
    ["chat", 100, HOUR_MS, "user", "L62"],
    ["api", 1_000, HOUR_MS, "user", "L65"],
    ["admin-failures", 10, MINUTE_MS, "ip", "wrong admin secrets"],
  ])("hold %s to %d in %d ms per %s (%s)", (name, limit, windowMs, kind) => {
    expect(compiled(name)).toMatchObject({ rule: { kind: "rate", limit, windowMs }, parts: [{ kind }], cost: 1 });
  });

  it.each([
    ["terminals", 5, "user", "L63"],
    ["workspace-sessions", 10, "repository", "L64"],
  ])("hold %s to %d at one time per %s (%s)", (name, limit, kind) => {
    expect(compiled(name)).toMatchObject({ rule: { kind: "slots", limit, leaseMs: 30_000 }, parts: [{ kind }] });
  });

  it("are open while the limiter is down, but for the admin's", () => {
    const byName = [...compileLimits()].map(([name, { onError }]) => [name, onError]);
    expect(Object.fromEntries(byName.filter(([, onError]) => onError !== "open"))).toEqual({
      admin: "closed",
      "admin-failures": "local",
    });
  });

  it("give way to those of the same name, and to no others", () => {
    const limits = compileLimits({ chat: { key: "ip", limit: 7, windowMs: 2_000 } });
    expect(limits.get("chat")).toMatchObject({ rule: { limit: 7, windowMs: 2_000 }, parts: [{ kind: "ip" }] });
    expect(limits.get("api")).toMatchObject({ rule: { limit: 1_000 } });
    expect(limits.size).toBe(compileLimits().size);
  });
});

describe("a limit of the document", () => {
  it("is open, falls back, refuses and shows nothing unless it says otherwise", () => {
    const plain = compiled("own", { own: { key: "ip", limit: 3, windowMs: 1_000 } });
    expect(plain).toMatchObject({ cost: 1, onError: "open", onMissingKey: "fallback", shadow: false, headers: false });
    const said = { cost: 4, onError: "local", onMissingKey: "skip", shadow: true, headers: true } as const;
    expect(compiled("own", { own: { key: "ip", limit: 3, windowMs: 1_000, ...said } })).toMatchObject(said);
  });

  it("holds slots for 30 seconds unless it says otherwise", () => {
    expect(compiled("own", { own: { key: "user", concurrency: 2 } }).rule).toEqual({
      kind: "slots",
      limit: 2,
      leaseMs: 30_000,
    });
    expect(compiled("own", { own: { key: "user", concurrency: 2, leaseMs: 1_000 } }).rule).toMatchObject({
      leaseMs: 1_000,
    });
  });

  it("counts by the parts it names, headers by their names", () => {
    const { parts } = compiled("own", { own: { key: "ip+header:x-tenant+route", limit: 1, windowMs: 1_000 } });
    expect(parts).toEqual([{ kind: "ip" }, { kind: "header", header: "x-tenant" }, { kind: "route" }]);
  });
});

describe("an override", () => {
  it("for an address holds for its network, as the limit counts it; by other keys text is just text", () => {
    const overrides = { "2001:DB8:0:1::9": { limit: 7 } };
    const byAddress = compiled("own", { own: { key: "ip", limit: 1, windowMs: 1_000, overrides } });
    expect(ruleFor(byAddress, "2001:db8:0:1::/64").limit).toBe(7);
    expect(ruleFor(withOverrides(overrides), "2001:db8:0:1::/64").limit).toBe(1);
  });

  const limit = withOverrides({
    ada: { limit: 10 },
    "team-*": { limit: 20 },
    "team-red-*": { limit: 30 },
    "*-bot": { limit: 40 },
    "team-red-7": { limit: 50 },
  });

  it.each([
    ["ada", 10],
    ["team-red-7", 50],
    ["team-red-8", 30],
    ["team-blue", 20],
    ["team-", 20],
    ["my-bot", 40],
    ["team-bot", 20],
    ["adam", 1],
    ["Ada", 1],
    ["xteam-red-8", 1],
    ["", 1],
  ])("is exact before the longest wildcard before the limit itself: %s has %d", (key, own) => {
    expect(ruleFor(limit, key)).toEqual({ kind: "rate", limit: own, windowMs: 1_000 });
  });

  it("changes the number of slots alone", () => {
    const slots = compiled("own", {
      own: { key: "user", concurrency: 2, leaseMs: 5_000, overrides: { "*": { limit: 9 } } },
    });
    expect(ruleFor(slots, "any")).toEqual({ kind: "slots", limit: 9, leaseMs: 5_000 });
  });

  it.each([
    ["a.b*", "a.bc", "axbc"],
    ["(a|b)*", "(a|b)c", "ac"],
    ["[a-z]*", "[a-z]x", "bx"],
    ["a+*", "a+x", "aax"],
    ["^a$*", "^a$", "a"],
    ["a?{2}*", "a?{2}", "aa"],
    ["\\d*", "\\dx", "1x"],
  ])("takes all but * literally: %s is for %s, not for %s", (key, meant, other) => {
    const own = withOverrides({ [key]: { limit: 10 } });
    expect(ruleFor(own, meant).limit).toBe(10);
    expect(ruleFor(own, other).limit).toBe(1);
  });

  it("with * stands for any text, line breaks and none at all included", () => {
    const own = withOverrides({ "a*b*c": { limit: 10 } });
    for (const key of ["abc", "a\nb\r\nc", "aXbYc", "abbcc", "a🚦b*c"]) expect(ruleFor(own, key).limit).toBe(10);
    for (const key of ["ab", "acb", "abcd", "xabc", "bc"]) expect(ruleFor(own, key).limit).toBe(1);
  });

  it("with * never uses one piece of a key twice", () => {
    const own = withOverrides({ "aba*aba": { limit: 10 } });
    expect(ruleFor(own, "abaaba").limit).toBe(10);
    expect(ruleFor(own, "ababa").limit).toBe(1);
    const middle = withOverrides({ "*ab*b": { limit: 10 } });
    expect(ruleFor(middle, "abb").limit).toBe(10);
    expect(ruleFor(middle, "ab").limit).toBe(1);
  });

  it("matches what the same pattern as a regular expression does", () => {
    const letters = fc.string({ unit: fc.constantFrom("a", "b", "*"), minLength: 1, maxLength: 8 });
    const key = fc.string({ unit: fc.constantFrom("a", "b"), maxLength: 12 });
    fc.assert(
      fc.property(letters, key, (pattern, text) => {
        const slow = new RegExp(`^${pattern.replaceAll("*", ".*")}$`);
        const own = withOverrides({ [pattern]: { limit: 10 } });
        expect(ruleFor(own, text).limit).toBe(slow.test(text) ? 10 : 1);
      }),
      { numRuns: 2_000 },
    );
  });

  it("with many * is decided in steps that a client's long key can't multiply", () => {
    const own = withOverrides({ [`${"*a".repeat(60)}*b`]: { limit: 10 } });
    const key = "a".repeat(10_240);
    expect(ruleFor(own, key).limit).toBe(1);
    expect(ruleFor(own, `${key}b`).limit).toBe(10);
  });
});
