// What a probe's answer says of an instance.

import { describe, expect, it } from "vitest";
import { readVersion, verdictOf } from "../../../src/policies/health/probe-verdict.ts";

describe("verdictOf", () => {
  it.each([
    [200, "online"],
    [204, "online"],
    [301, "degraded"],
    [404, "degraded"],
    [503, "degraded"],
    [undefined, "offline"],
  ] as const)("%s: %s", (status, verdict) => {
    expect(verdictOf({ status, ms: 1 })).toBe(verdict);
  });

  it("is unknown of who was not asked", () => {
    expect(verdictOf(undefined)).toBe("unknown");
  });
});

describe("readVersion", () => {
  it("takes what is there and makes sense", () => {
    expect(readVersion('{"version":"1.2.3","uptime":4.5,"more":{}}')).toEqual({ version: "1.2.3", uptime: 4.5 });
    expect(readVersion('{"version":"1.2.3"}')).toEqual({ version: "1.2.3" });
  });

  it.each([
    "",
    "ok",
    "null",
    "[]",
    "{",
    '{"version":1,"uptime":"4"}',
    `{"version":"${"9".repeat(101)}"}`,
    '{"uptime":1e999}',
  ])("takes nothing from %j", (text) => {
    expect(readVersion(text)).toEqual({});
  });
});
