// Host and path as they were sent: one reading for matching and forwarding, and everything else refused.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { rawPath, readAddress } from "../../../src/policies/forwarding/address.ts";

describe("readAddress", () => {
  it.each([
    ["http://x/echo", "x", "x", "/echo"],
    ["http://X.Y/echo", "X.Y", "x.y", "/echo"],
    ["http://x.y./echo", "x.y.", "x.y", "/echo"],
    ["http://x:99/echo?q=/../b", "x:99", "x", "/echo"],
    ["https://[::1]:3/a", "[::1]:3", "[::1]", "/a"],
    ["https://sonr.id/a", "sonr.id:443", "sonr.id", "/a"],
    ["http://x//double/%2F;v=1", "x", "x", "//double/%2F;v=1"],
    ["http://x/file.txt/..hidden/a..b", "x", "x", "/file.txt/..hidden/a..b"],
  ])("takes %s for Host %s apart", (url, host, name, path) => {
    expect(readAddress(url, host)).toMatchObject({
      ok: true,
      host: name,
      path,
      target: path + (url.split("?")[1] ? `?${url.split("?")[1]}` : ""),
    });
  });

  it.each([
    ["http://a/b@c/echo", "a/b@c"],
    ["http://a, b/echo", "a, b"],
    ["http://x%41/echo", "x%41"],
    ["http://x:0x50/echo", "x:0x50"],
    ["http://x:123456/echo", "x:123456"],
    ["http://u@x/echo", "u@x"],
    ["http:///echo", ""],
    ["http://x/echo", "y"],
    ["http://x?/health", "x?/health"],
    ["http://-x/", "-x"],
    ["http://x:99999/", "x:99999"],
    ["http://999.999.999.999/", "999.999.999.999"],
    ["http://[::::]/", "[::::]"],
  ])("refuses %s for Host %s", (url, host) => {
    expect(readAddress(url, host)).toEqual({ ok: false, code: "bad_host" });
  });

  it.each(["/a/../b", "/a/..", "/./a", "/.", "/%2e%2e/a", "/a%2Eb", "/a\\b", "/a%00", "/é", "/a#b", "/a b"])(
    "refuses the path %s",
    (path) => {
      expect(readAddress(`http://x${path}`, "x")).toEqual({ ok: false, code: "bad_path" });
    },
  );

  it("refuses a target that is no path", () => {
    expect(readAddress("http://x*", "x")).toEqual({ ok: false, code: "bad_path" });
  });

  it("matches exactly the bytes that are forwarded", () => {
    fc.assert(
      fc.property(fc.stringMatching(/^\/[!-~]{0,40}$/), (target) => {
        const address = readAddress(`http://x${target}`, "x");
        if (!address.ok) return;
        expect(address.target).toBe(target);
        expect(new URL(`http://x${target}`).pathname).toBe(address.path);
        expect(rawPath(`http://x${target}`)).toBe(address.path);
      }),
    );
  });
});
