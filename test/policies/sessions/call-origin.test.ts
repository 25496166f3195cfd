// Which pages may make state-changing calls with the visitor's cookie.

import { describe, expect, it } from "vitest";
import { mayChangeState } from "../../../src/policies/sessions/call-origin.ts";

const target = new URL("https://sonr.id/api/session/logout");
const may = (fetchSite: string | null, origin: string | null, domain: string | undefined = "sonr.id", to = target) =>
  mayChangeState({ fetchSite, origin }, to, domain);

describe("a state-changing call may come", () => {
  it.each([
    ["from no browser at all", null, null],
    ["from the same origin, as the browser says", "same-origin", "https://sonr.id"],
    ["from the same origin, told by Origin only", null, "https://sonr.id"],
    ["from a sub-domain of the configured domain", "same-site", "https://console.sonr.id"],
    ["from a sub-domain, told by Origin only", null, "https://console.sonr.id"],
    ["from the visitor's own hand", "none", null],
  ])("%s", (_, fetchSite, origin) => {
    expect(may(fetchSite, origin)).toBe(true);
  });
});

describe("a state-changing call may not come", () => {
  it.each([
    ["cross-site", "cross-site", "https://evil.example"],
    ["cross-site even from below the domain", "cross-site", "https://console.sonr.id"],
    ["from a value of Sec-Fetch-Site nobody knows", "same-planet", "https://sonr.id"],
    ["same-site without saying from where", "same-site", null],
    ["from an opaque origin", null, "null"],
    ["from another site that only ends alike", null, "https://evilsonr.id"],
    ["from another site below the host's name", null, "https://sonr.id.evil.example"],
    ["over another scheme", null, "http://console.sonr.id"],
    ["from another port", null, "https://sonr.id:8443"],
    ["with a path in the origin", null, "https://sonr.id/"],
    ["with user info in the origin", null, "https://sonr.id@evil.example"],
    ["with an origin that is no URL", null, "sonr.id"],
    ["with two origins", null, "https://sonr.id, https://evil.example"],
  ])("%s", (_, fetchSite, origin) => {
    expect(may(fetchSite, origin)).toBe(false);
  });

  it("from a sibling when no domain is configured", () => {
    expect(mayChangeState({ fetchSite: "same-site", origin: "https://console.sonr.id" }, target, undefined)).toBe(
      false,
    );
  });

  it("from below the domain to a host that is not", () => {
    expect(may("same-site", "https://console.sonr.id", "sonr.id", new URL("https://other.example/"))).toBe(false);
  });

  it("from another port of this machine", () => {
    expect(
      may("same-site", "http://localhost:3000", undefined, new URL("http://localhost:8787/api/session/logout")),
    ).toBe(false);
    expect(
      may("same-site", "http://localhost:8787", undefined, new URL("http://localhost:8787/api/session/logout")),
    ).toBe(true);
  });
});
