// What becomes of a header by its name: what passes, what is read here, and what a client has no right to say.

import { describe, expect, it } from "vitest";
import { headerRule, nominatedBy } from "../../../src/policies/forwarding/header-rule.ts";

describe("headerRule", () => {
  it.each([
    "x-session-authenticated",
    "x-session-anything",
    "x_session_user_id",
    "x-session_user-id",
    "x-signalbox-route",
    "x-forwarded-for",
    "x_forwarded_for",
    "forwarded",
    "x-real-ip",
    "x_real_ip",
    "keep-alive",
    "te",
    "transfer-encoding",
    "proxy-authorization",
    "x_admin_secret",
    "x_api_key",
    "x_request_id",
    "cf_connecting_ip",
    "__proto__",
  ])("drops %s", (name) => {
    expect(headerRule(name)).toBe("drop");
  });

  it.each([
    "x-session",
    "x-forward",
    "my_header",
    "x_custom",
    "user-agent",
    "content-type",
    "constructor",
    "tostring",
    "sec-websocket-protocol",
  ])("passes %s", (name) => {
    expect(headerRule(name)).toBe("pass");
  });

  it.each([
    ["host", "host"],
    ["x-admin-secret", "admin-secret"],
    ["authorization", "credential"],
    ["x-api-key", "credential"],
    ["cf-connecting-ip", "edge"],
  ])("leaves %s to the data plane", (name, rule) => {
    expect(headerRule(name)).toBe(rule);
  });
});

describe("nominatedBy", () => {
  it("lists the names a Connection header ends at this hop", () => {
    expect(nominatedBy("X-Foo, close ,, a b, (x), X-Bar")).toEqual(["x-foo", "close", "x-bar"]);
  });
});
