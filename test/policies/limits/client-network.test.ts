// By what an address counts, however it is spelled.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { networkOf } from "../../../src/policies/limits/client-network.ts";

describe("networkOf", () => {
  it.each(["192.168.1.1", "10.0.0.255", "1.2.3.4"])("is an IPv4 address itself: %s", (address) => {
    expect(networkOf(address)).toBe(address);
  });

  it("is the /64 of an IPv6 address, whatever the last half is and however it is written", () => {
    for (const spelling of [
      "2001:db8:0:1::1",
      "2001:db8:0:1:ffff:ffff:ffff:ffff",
      "2001:0DB8:0000:0001:0:0:0:1",
      "2001:db8::1:0:0:0:1",
      "2001:db8:0:1::1%eth0",
      "2001:db8:0:1::1.2.3.4",
    ])
      expect(networkOf(spelling)).toBe("2001:db8:0:1::/64");
    expect(networkOf("2001:db8:0:2::1")).toBe("2001:db8:0:2::/64");
    expect(networkOf("2001:db8:1::1")).toBe("2001:db8:1:0::/64");
  });

  it.each([
    ["::1", "0:0:0:0::/64"],
    ["::", "0:0:0:0::/64"],
    ["fe80::1%en0", "fe80:0:0:0::/64"],
    ["1::", "1:0:0:0::/64"],
    ["1:2:3:4:5:6:7::", "1:2:3:4::/64"],
    ["::2:3:4:5:6:7:8", "0:2:3:4::/64"],
    // Compatible, translated, and not mapped for want of a group: no IPv4 client of ours.
    ["::1.2.3.4", "0:0:0:0::/64"],
    ["::ffff:0:1.2.3.4", "0:0:0:0::/64"],
    ["1::ffff:1.2.3.4", "1:0:0:0::/64"],
  ])("of %s is %s", (address, network) => {
    expect(networkOf(address)).toBe(network);
  });

  it.each([
    "::ffff:192.168.1.1",
    "::FFFF:192.168.1.1",
    "::ffff:c0a8:101",
    "::ffff:c0a8:0101",
    "0:0:0:0:0:ffff:192.168.1.1",
    "0000:0000:0000:0000:0000:ffff:c0a8:0101",
    "::0:ffff:c0a8:101",
    "::ffff:192.168.1.1%eth0",
  ])("of a mapped IPv4 address is that address: %s", (address) => {
    expect(networkOf(address)).toBe("192.168.1.1");
  });

  it("tells mapped IPv4 addresses apart", () => {
    expect(networkOf("::ffff:c0a8:102")).toBe("192.168.1.2");
    expect(networkOf("::ffff:0:0")).toBe("0.0.0.0");
    expect(networkOf("::ffff:ffff:ffff")).toBe("255.255.255.255");
  });

  it.each([
    "",
    "unknown",
    "Not:An:Address",
    "1:2:3:4",
    "1:2:3:4:5:6:7:8:9",
    "1::2::3",
    ":::",
    "1:2:3:4:5:6:7:8::",
    "12zz::1",
    "12345::1",
    "::ffff:300.1.1.1",
    "::ffff:1.2.3",
    "::ffff:1.2.3.4.5",
    "1.2.3.4:80",
    "[::1]:80",
    "-1::",
    "2001:db8::/32",
  ])("is other text as it is: %j", (text) => {
    expect(networkOf(text)).toBe(text);
  });

  it("is text of any length as it is", () => {
    const text = ":".repeat(10_000);
    expect(networkOf(text)).toBe(text);
  });

  it("is the same for every two addresses of one /64 and no others", () => {
    const group = fc.integer({ min: 0, max: 0xffff });
    const address = fc.tuple(fc.integer({ min: 1, max: 0xffff }), ...Array.from({ length: 7 }, () => group));
    const write = (groups: readonly number[]) => groups.map((one) => one.toString(16)).join(":");
    fc.assert(
      fc.property(address, address, (a, b) => {
        const mixed = [...a.slice(0, 4), ...b.slice(4)];
        expect(networkOf(write(mixed))).toBe(networkOf(write(a)));
        const isOne = write(a.slice(0, 4)) === write(b.slice(0, 4));
        expect(networkOf(write(a)) === networkOf(write(b))).toBe(isOne);
      }),
    );
  });

  it("knows an IPv4 address by its mapped spellings", () => {
    fc.assert(
      fc.property(fc.ipV4(), (address) => {
        const [a = 0, b = 0, c = 0, d = 0] = address.split(".").map(Number);
        const hex = `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
        expect([networkOf(`::ffff:${address}`), networkOf(`::ffff:${hex}`)]).toEqual([address, address]);
      }),
    );
  });
});
