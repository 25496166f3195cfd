// Whom the plane takes a request to come from, and how a caller's trace goes on.

import { describe, expect, it } from "vitest";
import { clientAddress } from "../../../src/policies/forwarding/client-address.ts";
import { continueTrace } from "../../../src/policies/forwarding/trace-context.ts";

const facts = {
  source: "peer",
  trustedHops: 0,
  peer: "10.1.2.3:4567",
  connectingIp: "9.9.9.9",
  forwardedFor: "1.1.1.1, 2.2.2.2",
} as const;

describe("clientAddress", () => {
  it("is the socket's own address without its port, whatever the client says", () => {
    expect(clientAddress(facts)).toBe("10.1.2.3");
    expect(clientAddress({ ...facts, peer: "[::1]:80" })).toBe("::1");
    expect(clientAddress({ ...facts, peer: "::1" })).toBe("::1");
    expect(clientAddress({ ...facts, peer: undefined })).toBe("");
  });
  it("is CF-Connecting-IP where the edge sets it", () => {
    expect(clientAddress({ ...facts, source: "cloudflare" })).toBe("9.9.9.9");
  });
  it("counts trusted hops from the right, where a client cannot write", () => {
    expect(clientAddress({ ...facts, trustedHops: 1 })).toBe("2.2.2.2");
    expect(clientAddress({ ...facts, trustedHops: 2 })).toBe("1.1.1.1");
  });
  it("is the socket's own address for who came past the trusted hops", () => {
    expect(clientAddress({ ...facts, trustedHops: 3 })).toBe("10.1.2.3");
    expect(clientAddress({ ...facts, trustedHops: 1, forwardedFor: undefined })).toBe("10.1.2.3");
  });
});

const uuid = "01234567-89ab-4cde-8f01-23456789abcd";
const own = "8f0123456789abcd";

describe("continueTrace", () => {
  it("begins a trace whose id is the UUID", () => {
    expect(continueTrace(undefined, uuid)).toBe(`00-0123456789ab4cde8f0123456789abcd-${own}-01`);
  });
  it("carries a caller's trace and flags on under a span of its own", () => {
    const caller = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";
    expect(continueTrace(caller, uuid)).toBe(`00-4bf92f3577b34da6a3ce929d0e0e4736-${own}-00`);
  });
  it.each([
    "garbage",
    "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
    "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
    "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
  ])("begins anew for %s", (caller) => {
    expect(continueTrace(caller, uuid)).toContain("0123456789ab4cde8f0123456789abcd");
  });
});
