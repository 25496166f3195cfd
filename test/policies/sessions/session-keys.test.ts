// SESSION_KEYS: the first signs, all verify, and one that is not right makes all of it wrong.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fromBase64url } from "../../../src/policies/sessions/base64url.ts";
import { parseSessionKeys } from "../../../src/policies/sessions/session-keys.ts";

const toBase64url = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64url");
const key = (byte: number, length = 32) => toBase64url(new Uint8Array(length).fill(byte));

describe("session keys", () => {
  it("are read in order, with or without padding and spaces around the commas", () => {
    const parsed = parseSessionKeys(`k1:${key(1)}, k2:${key(2)}=`);
    expect(parsed).toMatchObject({ ok: true, keys: [{ kid: "k1" }, { kid: "k2" }] });
    expect(parsed.ok && parsed.keys[1]?.secret).toEqual(new Uint8Array(32).fill(2));
  });

  it("may be longer than 32 bytes", () => {
    expect(parseSessionKeys(`k1:${key(1, 64)}`).ok).toBe(true);
  });

  it.each([
    ["unset", undefined, "not set"],
    ["empty", "", "not set"],
    ["blank", "  ", "not set"],
    ["without a key id", key(1), "key 1 must be kid:base64url"],
    ["with an empty key id", `:${key(1)}`, "key 1 must be kid:base64url"],
    ["with a dot in the key id", `a.b:${key(1)}`, "key 1 must be kid:base64url"],
    ["with standard base64", `k1:${"+/".repeat(22)}`, "key 1 is not base64url"],
    ["with spare bits set", `k1:${"A".repeat(42)}B`, "key 1 is not base64url"],
    ["one byte short", `k1:${key(1, 31)}`, "key 1 is shorter than 32 bytes"],
    ["with a second key that is bad", `k1:${key(1)},k2:short`, "key 2"],
    ["with an empty last entry", `k1:${key(1)},`, "key 2"],
    ["with one id for two keys", `k1:${key(1)},k1:${key(2)}`, "key 2 repeats a key id"],
    [
      "with more keys than anyone rotates",
      Array.from({ length: 17 }, (_, i) => `k${i}:${key(i)}`).join(","),
      "more than 16",
    ],
  ])("%s are a fault that says what is wrong", (_, text, problem) => {
    const parsed = parseSessionKeys(text);
    expect(parsed.ok).toBe(false);
    expect(!parsed.ok && parsed.problem).toContain(problem);
  });

  it("never show up in the fault", () => {
    const parsed = parseSessionKeys(`k1:${key(7)},k1:${key(7)}`);
    expect(!parsed.ok && parsed.problem).not.toContain(key(7));
  });
});

it("base64url reads back what it wrote, and every other spelling of it is refused", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 80 }), (bytes) => {
      const text = toBase64url(bytes);
      expect(fromBase64url(text)).toEqual(bytes);
      expect(text).toBe(Buffer.from(bytes).toString("base64url"));
      const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
      for (const last of alphabet) {
        const other = text.slice(0, -1) + last;
        if (other !== text) expect(fromBase64url(other)).not.toEqual(bytes);
      }
    }),
    { numRuns: 50 },
  );
});
