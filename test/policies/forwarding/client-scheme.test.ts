// With which scheme a client is taken to have come when somebody else ends TLS.

import { describe, expect, it } from "vitest";
import { clientScheme } from "../../../src/policies/forwarding/client-scheme.ts";

const facts = { own: "http", trustedHops: 1, forwardedProto: "https" } as const;

describe("clientScheme", () => {
  it("is the connection's own where nobody in front is trusted, or nobody says", () => {
    expect(clientScheme({ ...facts, trustedHops: 0 })).toBe("http");
    expect(clientScheme({ ...facts, forwardedProto: undefined })).toBe("http");
    expect(clientScheme({ ...facts, own: "https", forwardedProto: undefined })).toBe("https");
  });
  it("counts trusted hops from the right, where a client cannot write", () => {
    const forwardedProto = "https,http , HTTPS";
    const told = [1, 2, 3].map((trustedHops) => clientScheme({ ...facts, trustedHops, forwardedProto }));
    expect(told).toEqual(["https", "http", "https"]);
  });
  it("is the only entry where proxies replace each other's word", () => {
    expect(clientScheme({ ...facts, trustedHops: 3 })).toBe("https");
  });
  it.each(["", "ftp", "https; x", "httpss"])("%j is believed by nobody", (forwardedProto) => {
    expect(clientScheme({ ...facts, forwardedProto })).toBe("http");
  });
});
