// The session cookie as text: where it lives, what a value must look like, and that none of ours is ever forwarded.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  cookieScope,
  isPlainLoopback,
  mentionsSession,
  parseCookieValue,
  splitCookies,
  writeCookie,
} from "../../../src/policies/sessions/session-cookie.ts";

const LOOPBACK = "signalbox-session";
const HOST = "__Host-signalbox-session";
const DOMAIN = "__Secure-signalbox-session";

describe("where a cookie lives", () => {
  it.each([
    ["http", "localhost", undefined, "loopback"],
    ["http", "127.0.0.1", "sonr.id", "loopback"],
    ["http", "[::1]", undefined, "loopback"],
    ["http", "console.localhost", undefined, "loopback"],
    ["https", "localhost", undefined, "host"],
    ["http", "127.0.0.2", undefined, "host"],
    ["http", "localhost.evil.com", undefined, "host"],
    ["http", "evillocalhost", undefined, "host"],
    ["https", "sonr.id", "sonr.id", "domain"],
    ["https", "console.sonr.id", "sonr.id", "domain"],
    ["https", "evilsonr.id", "sonr.id", "host"],
    ["https", "other.example", "sonr.id", "host"],
    ["https", "sonr.id", undefined, "host"],
    ["https", "intranet", "intranet", "host"],
    ["https", "10.0.0.1", "10.0.0.1", "host"],
  ])("%s://%s with domain %s is %s", (scheme, hostname, domain, kind) => {
    expect(cookieScope(scheme, hostname, domain).kind).toBe(kind);
    expect(isPlainLoopback(scheme, hostname)).toBe(kind === "loopback");
  });

  it("is bound to the host by its name unless the configured domain is shared", () => {
    expect(writeCookie({ kind: "host" }, "x", 60)).toBe(
      `${HOST}=x; Path=/; Max-Age=60; HttpOnly; SameSite=Lax; Secure`,
    );
    expect(writeCookie({ kind: "domain", domain: "sonr.id" }, "x", 60)).toBe(
      `${DOMAIN}=x; Domain=sonr.id; Path=/; Max-Age=60; HttpOnly; SameSite=Lax; Secure`,
    );
  });

  it("is not Secure on plain loopback, and only there", () => {
    expect(writeCookie({ kind: "loopback" }, "x", 60)).toBe(
      `${LOOPBACK}=x; Path=/; Max-Age=60; HttpOnly; SameSite=Lax`,
    );
    for (const scope of [{ kind: "host" }, { kind: "domain", domain: "a.b" }] as const) {
      expect(writeCookie(scope, "x", 60)).toContain("; Secure");
    }
  });
});

describe("a value", () => {
  const id = "A".repeat(43);
  const mac = "B".repeat(43);

  it("is v1.kid.id.mac, and what is signed is everything before the mac", () => {
    expect(parseCookieValue(`v1.k1.${id}.${mac}`)).toEqual({ kid: "k1", id, mac, signed: `v1.k1.${id}` });
  });

  it.each([
    "",
    "v1",
    `v2.k1.${id}.${mac}`,
    `v1..${id}.${mac}`,
    `v1.${"k".repeat(33)}.${id}.${mac}`,
    `v1.k1.${id.slice(1)}.${mac}`,
    `v1.k1.${id}.${mac}=`,
    `v1.k1.${id}.${mac}.x`,
    `v1.k1.${id}.${mac}\n`,
    ` v1.k1.${id}.${mac}`,
    `v1.k 1.${id}.${mac}`,
    `"v1.k1.${id}.${mac}"`,
  ])("of any other shape is none: %j", (text) => {
    expect(parseCookieValue(text)).toBeUndefined();
  });
});

describe("a Cookie header", () => {
  it("without our names keeps its very bytes", () => {
    const header = "a=1;b=2;  c = x=y ; d";
    expect(splitCookies(header, false)).toEqual({ values: [], rest: header });
  });

  it("loses our cookies wherever they stand", () => {
    expect(splitCookies(`${HOST}=x; a=1`, false)).toEqual({ values: ["x"], rest: "a=1" });
    expect(splitCookies(`a=1; ${HOST}=x; b=2`, false)).toEqual({ values: ["x"], rest: "a=1; b=2" });
    expect(splitCookies(`a=1; ${HOST}=x`, false)).toEqual({ values: ["x"], rest: "a=1" });
    expect(splitCookies(`${HOST}=x`, false)).toEqual({ values: ["x"], rest: "" });
  });

  it("counts the loopback name on plain loopback only, and the others elsewhere only; all three are taken out everywhere", () => {
    const header = `${LOOPBACK}=l; ${DOMAIN}=d; ${HOST}=h; a=1`;
    expect(splitCookies(header, true)).toEqual({ values: ["l"], rest: "a=1" });
    expect(splitCookies(header, false)).toEqual({ values: ["h", "d"], rest: "a=1" });
  });

  it("with names that only resemble ours keeps them", () => {
    const header = `x${LOOPBACK}=1; ${LOOPBACK}x=2; a=${LOOPBACK}; __host-${LOOPBACK}=3`;
    expect(splitCookies(header, true)).toEqual({ values: [], rest: header });
  });

  it("joined from two by a comma hides no cookie of ours", () => {
    expect(splitCookies(`a=1, ${HOST}=x, b=2`, false)).toEqual({ values: ["x"], rest: "a=1; b=2" });
  });

  it("full of our cookies costs at most four verifications", () => {
    const header = Array.from({ length: 1_000 }, (_, i) => `${HOST}=${i}`).join("; ");
    expect(splitCookies(header, false)).toEqual({ values: ["0", "1", "2", "3"], rest: "" });
  });
});

describe("for every header", () => {
  const name = fc.oneof(
    fc.constantFrom(LOOPBACK, HOST, DOMAIN),
    fc.stringMatching(/^[A-Za-z0-9_!#$%&'*+.^`|~-]{1,12}$/),
  );
  const value = fc.stringMatching(/^[A-Za-z0-9!#$%&'()*+./:<=>?@[\]^_`{|}~-]{0,16}$/);
  const cookies = fc.array(fc.tuple(name, value), { maxLength: 12 });
  const ours = new Set([LOOPBACK, HOST, DOMAIN]);

  it("splitting agrees with a list of pairs", () => {
    fc.assert(
      fc.property(cookies, fc.boolean(), (pairs, loopback) => {
        const header = pairs.map(([n, v]) => `${n}=${v}`).join("; ");
        const of = (wanted: string) => pairs.filter(([n]) => n === wanted).map(([, v]) => v);
        const values = loopback ? of(LOOPBACK) : [...of(HOST), ...of(DOMAIN)];
        const rest = pairs.filter(([n]) => !ours.has(n)).map(([n, v]) => `${n}=${v}`);
        expect(splitCookies(header, loopback)).toEqual({ values: values.slice(0, 4), rest: rest.join("; ") });
      }),
    );
  });

  it("nothing forwarded is read as a cookie of ours, whatever bytes were sent", () => {
    const chunk = fc.oneof(
      fc.constantFrom(LOOPBACK, HOST, DOMAIN, "=", ";", ",", " ", "\t", "; "),
      fc.string({ maxLength: 4 }),
    );
    fc.assert(
      fc.property(fc.array(chunk, { maxLength: 24 }), fc.boolean(), (chunks, loopback) => {
        const { rest } = splitCookies(chunks.join(""), loopback);
        const names = rest.split(/[;,]/).map((pair) => pair.split("=")[0]?.trim());
        expect(names.filter((one) => ours.has(one ?? ""))).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });

  it("one that cannot hold a cookie of ours is told apart without parsing", () => {
    fc.assert(
      fc.property(cookies, (pairs) => {
        const header = pairs.map(([n, v]) => `${n}=${v}`).join("; ");
        const split = splitCookies(header, false);
        if (!mentionsSession(header)) expect(split).toEqual({ values: [], rest: header });
      }),
    );
  });
});
