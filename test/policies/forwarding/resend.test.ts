// Which requests may be sent again, and how long each try may take.

import { describe, expect, it } from "vitest";
import { endsAtHeaders } from "../../../src/policies/forwarding/ends-at-headers.ts";
import { mayResend, RESEND_BODY_BYTES_MAX, tryMsMin, tryWaitMs } from "../../../src/policies/forwarding/resend.ts";

const get = { method: "GET", hasIdempotencyKey: false, routeAllows: false, hasBody: false, contentLength: undefined };

describe("mayResend", () => {
  it.each(["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"])("allows %s", (method) => {
    expect(mayResend({ ...get, method })).toBe(true);
  });
  it.each(["POST", "PATCH", "CONNECT", "PROPFIND"])(
    "refuses %s, whose first try may have been carried out",
    (method) => {
      expect(mayResend({ ...get, method })).toBe(false);
    },
  );
  it("allows a POST that carries an idempotency key, or whose route says so", () => {
    expect(mayResend({ ...get, method: "POST", hasIdempotencyKey: true })).toBe(true);
    expect(mayResend({ ...get, method: "POST", routeAllows: true })).toBe(true);
  });
  it("needs a body small enough to keep, and declared", () => {
    const put = { ...get, method: "PUT", hasBody: true };
    expect(mayResend({ ...put, contentLength: RESEND_BODY_BYTES_MAX })).toBe(true);
    expect(mayResend({ ...put, contentLength: RESEND_BODY_BYTES_MAX + 1 })).toBe(false);
    expect(mayResend({ ...put, contentLength: undefined })).toBe(false);
  });
});

describe("tryWaitMs", () => {
  it("bounds a try by the per-try time only while another could follow", () => {
    expect(tryWaitMs({ remainingMs: 60_000, tryTimeoutMs: 15_000, moreTries: true })).toBe(15_000);
    expect(tryWaitMs({ remainingMs: 60_000, tryTimeoutMs: 15_000, moreTries: false })).toBe(60_000);
    expect(tryWaitMs({ remainingMs: 9, tryTimeoutMs: 15_000, moreTries: true })).toBe(9);
    expect(tryWaitMs({ remainingMs: -9, tryTimeoutMs: 15_000, moreTries: false })).toBe(0);
  });
});

describe("tryMsMin", () => {
  it("is a tenth of a second, or a quarter of what a try may take where that is less", () => {
    expect([15_000, 400, 200, 10].map(tryMsMin)).toEqual([100, 100, 50, 2.5]);
  });
});

describe("endsAtHeaders", () => {
  it("holds an instance until an undeclared or large body has gone by", () => {
    expect(endsAtHeaders(65_536)).toBe(true);
    expect(endsAtHeaders(65_537)).toBe(false);
    expect(endsAtHeaders(undefined)).toBe(false);
  });
});
