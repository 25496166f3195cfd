// What is told of limits: headers that parse as the draft says, and a refusal with the document's keys.

import { describe, expect, it } from "vitest";
import { documentKeysOf } from "../../../src/contracts/refusals.ts";
import {
  denialRefusal,
  type LimitFact,
  limitHeaders,
  limitRefusal,
} from "../../../src/policies/limits/limit-answer.ts";

const NOW = Date.UTC(2026, 0, 2, 3, 4, 5);
const rate: LimitFact = { name: "chat", limit: 100, windowMs: 3_600_000, remaining: 20, releaseInMs: 1_500 };
const slots: LimitFact = { name: "terminals", limit: 5, windowMs: undefined, remaining: 0, releaseInMs: 1_000 };

const told = (facts: readonly LimitFact[]) => Object.fromEntries(limitHeaders(facts, NOW));

describe("limitHeaders", () => {
  it("tells one limit as draft-ietf-httpapi-ratelimit-headers does, and as X-RateLimit-* does", () => {
    expect(told([rate])).toEqual({
      "RateLimit-Policy": '"chat";q=100;w=3600',
      RateLimit: '"chat";r=20;t=2',
      "X-RateLimit-Limit": "100",
      "X-RateLimit-Remaining": "20",
      "X-RateLimit-Reset": String(NOW / 1_000 + 2),
    });
  });

  it("tells several in their order, and the one nearest to its end in X-RateLimit-*", () => {
    const near: LimitFact = { name: "burst", limit: 10, windowMs: 1_500, remaining: 3, releaseInMs: 0 };
    expect(told([rate, near])).toEqual({
      "RateLimit-Policy": '"chat";q=100;w=3600, "burst";q=10;w=2',
      RateLimit: '"chat";r=20;t=2, "burst";r=3;t=0',
      "X-RateLimit-Limit": "10",
      "X-RateLimit-Remaining": "3",
      "X-RateLimit-Reset": String(NOW / 1_000),
    });
    expect(told([near, rate])["X-RateLimit-Limit"]).toBe("10");
  });

  it("tells what is limited at one time in concurrent requests, without a window", () => {
    expect(told([slots])).toMatchObject({
      "RateLimit-Policy": '"terminals";q=5;qu="concurrent-requests"',
      RateLimit: '"terminals";r=0;t=1',
    });
  });

  it("tells nothing of nothing", () => {
    expect(limitHeaders([], NOW)).toEqual([]);
  });
});

describe("limitRefusal", () => {
  it("carries the five keys of L67, the moment of reset as ISO time, and nothing else", () => {
    const { refusal } = limitRefusal({ ...rate, remaining: 0, releaseInMs: 3_600_000 }, NOW);
    expect(refusal).toMatchObject({ ok: false, code: "rate_limited", detail: "limit chat" });
    expect({ ...documentKeysOf(refusal.code), ...refusal.data }).toEqual({
      error: "Rate limit exceeded",
      retryAfter: 3_600,
      limit: 100,
      remaining: 0,
      reset: "2026-01-02T04:04:05.000Z",
    });
  });

  it("carries them for what is limited at one time too, under a code of its own", () => {
    const { refusal } = limitRefusal(slots, NOW);
    expect(refusal.code).toBe("too_many_at_once");
    expect(Object.keys({ ...documentKeysOf(refusal.code), ...refusal.data })).toEqual([
      "error",
      "retryAfter",
      "limit",
      "remaining",
      "reset",
    ]);
  });

  it.each([
    [0, 1],
    [1, 1],
    [1_000, 1],
    [1_001, 2],
    [59_999, 60],
  ])("asks to come back after whole seconds, one at least: %d ms are %d s", (releaseInMs, retryAfter) => {
    const { refusal } = limitRefusal({ ...rate, releaseInMs }, NOW);
    expect(refusal.data?.retryAfter).toBe(retryAfter);
    expect(refusal.data?.reset).toBe(new Date(NOW + retryAfter * 1_000).toISOString());
  });

  it("has the headers of the limit that refuses", () => {
    expect(limitRefusal(rate, NOW).headers).toEqual(limitHeaders([rate], NOW));
  });
});

describe("denialRefusal", () => {
  it("is the limit's refusal for a limit that is used up", () => {
    expect(denialRefusal({ fact: rate, why: "exceeded" }, NOW)).toEqual(limitRefusal(rate, NOW));
  });

  it("is no 429, and tells no numbers, where the limiter did not answer", () => {
    const { refusal, headers } = denialRefusal({ fact: rate, why: "unavailable" }, NOW);
    expect([refusal.code, refusal.detail, headers]).toEqual(["limiter_unavailable", "limit chat", []]);
  });
});
