// The signed cookie: what is minted verifies, and nothing else does.

import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { firstGenuine, mintCookie, sessionNameOf, signInHeaders, signOutHeaders } from "../../src/http/cookies.ts";

const verifyCookie = (value: string, bound: Env) => firstGenuine([value], bound);
const toBase64url = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64url");
const key = (byte: number) => toBase64url(new Uint8Array(32).fill(byte));
const withKeys = (SESSION_KEYS: string): Env => ({ ...env, SESSION_KEYS });
const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

function mint(from: Env = env) {
  const minted = mintCookie(from);
  if (!minted.ok) throw new Error(minted.code);
  return minted.value;
}

const sha256 = async (text: string) =>
  toBase64url(new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text))));

describe("a minted cookie", () => {
  it("is v1.kid.id.mac with 256 random bits and HMAC-SHA-256 over what stands before the mac", async () => {
    const { value } = mint();
    const [version, kid, id, mac] = value.split(".") as [string, string, string, string];
    expect([version, kid, id.length]).toEqual(["v1", "k1", 43]);
    const secret = Uint8Array.from({ length: 32 }, (_, i) => i);
    const signing = await crypto.subtle.importKey("raw", secret, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
    const expected = await crypto.subtle.sign("HMAC", signing, new TextEncoder().encode(`v1.k1.${id}`));
    expect(mac).toBe(toBase64url(new Uint8Array(expected)));
  });

  it("stands for an object named by the hash of its id, which the id cannot be read from", async () => {
    const { value, name } = mint();
    const id = value.split(".")[2] ?? "";
    expect(verifyCookie(value, env)).toBe(name);
    expect(name).toBe(await sha256(id));
    expect(name).not.toContain(id);
  });

  it("is another one every time", () => {
    expect(new Set(Array.from({ length: 100 }, () => mint().value)).size).toBe(100);
  });
});

describe("a cookie that was tampered with", () => {
  it("does not verify, whichever character of it was changed", () => {
    const { value } = mint();
    for (let i = 0; i < value.length; i++) {
      const other = value[i] === "A" ? "B" : "A";
      expect(verifyCookie(value.slice(0, i) + other + value.slice(i + 1), env)).toBeUndefined();
    }
  });

  it("does not verify with any other last character, though base64 decoders forgive three of them", () => {
    const { value } = mint();
    const genuine = [...ALPHABET].filter((last) => verifyCookie(value.slice(0, -1) + last, env) !== undefined);
    expect(genuine).toEqual([value.at(-1)]);
  });

  it("does not verify in the other base64 alphabet, padded, cut or extended", () => {
    const { value } = mint();
    for (const text of [`${value}=`, value.slice(0, -1), `${value}A`, ` ${value}`, `"${value}"`, value.toUpperCase()]) {
      expect(verifyCookie(text, env)).toBeUndefined();
    }
  });

  it("does not verify with the mac of another session", () => {
    const [one, two] = [mint().value.split("."), mint().value.split(".")];
    expect(verifyCookie([...one.slice(0, 3), two[3]].join("."), env)).toBeUndefined();
  });
});

describe("keys", () => {
  const two = withKeys(`new:${key(2)},old:${key(1)}`);

  it("the first signs, and the second still verifies what it signed when it was first", () => {
    const before = mint(withKeys(`old:${key(1)}`));
    expect(mint(two).value).toMatch(/^v1\.new\./);
    expect(verifyCookie(before.value, two)).toBe(before.name);
  });

  it("a key that was taken out verifies no longer", () => {
    const before = mint(withKeys(`old:${key(1)}`));
    expect(verifyCookie(before.value, withKeys(`new:${key(2)}`))).toBeUndefined();
  });

  it("a cookie is verified with the key it names and no other", () => {
    const { value } = mint(two);
    expect(verifyCookie(value.replace("v1.new.", "v1.old."), two)).toBeUndefined();
    expect(verifyCookie(value, withKeys(`new:${key(3)},old:${key(2)}`))).toBeUndefined();
  });

  it.each(["", "k1:short", "nonsense"])("that are %j recognise no cookie and mint none", (text) => {
    const { value } = mint();
    const bad = withKeys(text);
    expect(verifyCookie(value, bad)).toBeUndefined();
    expect(mintCookie(bad)).toMatchObject({ ok: false, code: "session_keys_unset" });
  });
});

describe("a request", () => {
  const request = (url: string, cookie: string) => new Request(url, { headers: { Cookie: cookie } });

  it("is known by the cookie its host may carry, and by no other", () => {
    const { value, name } = mint();
    expect(sessionNameOf(request("http://localhost:8787/", `signalbox-session=${value}`), env)).toBe(name);
    expect(sessionNameOf(request("https://sonr.id/", `__Host-signalbox-session=${value}`), env)).toBe(name);
    expect(sessionNameOf(request("https://sonr.id/", `__Secure-signalbox-session=${value}`), env)).toBe(name);
    expect(sessionNameOf(request("https://sonr.id/", `signalbox-session=${value}`), env)).toBeUndefined();
    expect(sessionNameOf(request("http://sonr.id/", `signalbox-session=${value}`), env)).toBeUndefined();
    expect(sessionNameOf(request("http://localhost/", `__Host-signalbox-session=${value}`), env)).toBeUndefined();
    expect(sessionNameOf(new Request("http://localhost/"), env)).toBeUndefined();
  });

  it("with a forged cookie before a genuine one is known by the genuine one", () => {
    const { value, name } = mint();
    expect(firstGenuine(["forged", value], env)).toBe(name);
    expect(firstGenuine(["forged", "v1.x"], env)).toBeUndefined();
  });

  it("gets its cookie in the widest scope it may, and the narrower one that would hide it cleared", () => {
    const set = (url: string, domain?: string) =>
      signInHeaders(new Request(url), domain, { value: "V", maxAgeS: 9 }).getSetCookie();
    expect(set("http://localhost:8787/")).toEqual(["signalbox-session=V; Path=/; Max-Age=9; HttpOnly; SameSite=Lax"]);
    expect(set("https://a.example/", "sonr.id")).toEqual([
      "__Host-signalbox-session=V; Path=/; Max-Age=9; HttpOnly; SameSite=Lax; Secure",
    ]);
    expect(set("https://console.sonr.id/", "sonr.id")).toEqual([
      "__Secure-signalbox-session=V; Domain=sonr.id; Path=/; Max-Age=9; HttpOnly; SameSite=Lax; Secure",
      "__Host-signalbox-session=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax; Secure",
    ]);
  });

  it("that logs out loses every cookie its host may hold", () => {
    expect(signOutHeaders(new Request("https://console.sonr.id/"), "sonr.id").getSetCookie()).toEqual([
      "__Secure-signalbox-session=; Domain=sonr.id; Path=/; Max-Age=0; HttpOnly; SameSite=Lax; Secure",
      "__Host-signalbox-session=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax; Secure",
    ]);
    expect(signOutHeaders(new Request("http://127.0.0.1/"), "sonr.id").getSetCookie()).toEqual([
      "signalbox-session=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax",
    ]);
  });
});
