// When a request is tried again, and how long after.

import { describe, expect, it } from "vitest";
import { isWorthRetrying, retryAfterMs, retryDelayMs } from "../../../src/policies/forwarding/retry-profile.ts";

const most = () => 0.999_999;
const least = () => 0;

describe("retryDelayMs", () => {
  it("has full jitter by default: from nothing to a bound that doubles up to 250 ms", () => {
    expect([1, 2, 3, 4, 5, 15].map((sent) => retryDelayMs("default", sent, most))).toEqual([24, 49, 99, 199, 249, 249]);
    expect([1, 2, 15].map((sent) => retryDelayMs("default", sent, least))).toEqual([0, 0, 0]);
  });

  it("is as the documents have it in their profiles, whatever chance says", () => {
    for (const random of [least, most]) {
      expect([1, 2, 15].map((sent) => retryDelayMs("failover", sent, random))).toEqual([50, 50, 50]);
      expect([1, 2, 3].map((sent) => retryDelayMs("client-backoff", sent, random))).toEqual([1_000, 2_000, 4_000]);
    }
  });
});

describe("isWorthRetrying", () => {
  it.each([
    ["default", [502, 503, 504]],
    ["failover", []],
    ["client-backoff", [500, 501, 502, 503, 504, 599]],
  ] as const)("%s: %j", (profile, worth) => {
    const statuses = [200, 204, 301, 404, 429, 499, 500, 501, 502, 503, 504, 599];
    expect(statuses.filter((status) => isWorthRetrying(profile, status))).toEqual(worth);
  });
});

describe("retryAfterMs", () => {
  const now = Date.parse("2026-11-21T12:00:00Z");
  it.each([
    ["0", 0],
    ["2", 2_000],
    [" 120 ", 120_000],
    ["99999999999", 99_999_999_999_000],
    ["9".repeat(400), Number.POSITIVE_INFINITY],
    ["Sat, 21 Nov 2026 12:00:05 GMT", 5_000],
    ["Sat, 21 Nov 2026 11:00:00 GMT", 0],
  ])("reads %j as %d ms", (value, ms) => {
    expect(retryAfterMs(value, now)).toBe(ms);
  });

  it.each([null, "", "soon", "-5", "1.5e3s"])("takes %j for none", (value) => {
    expect(retryAfterMs(value, now)).toBe(0);
  });
});
