// Refusals as a person meets them in a browser: a plain page with the same status, where the documents ask for one (L55 to L58).

import { beforeAll, describe, expect, it } from "vitest";
import { configure, jsonOf, send } from "../http/send.ts";

/** As Chromium sends it. */
const ACCEPT = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

beforeAll(async () => {
  await configure({
    log: { sampleRate: 0 },
    pools: {
      app: { instances: [{ id: "app", binding: "AUTH_APP" }] },
      empty: { instances: [] },
      gone: { instances: [{ id: "gone", url: "http://127.0.0.1:1" }] },
    },
    routes: [
      { id: "members", path: "/members", pool: "app", auth: "required" },
      { id: "gone", path: "/gone", pool: "gone" },
      { id: "empty", path: "/empty", pool: "empty", backendRequired: false },
      { id: "small", path: "/small", pool: "app", bodyBytesMax: 1 },
    ],
  });
});

const REFUSED: readonly [status: number, what: string, path: string, title: string][] = [
  [401, "a visitor who has not signed in", "/members", "A session is needed"],
  [404, "a page that is not there", "/nowhere", "No route matches"],
  [502, "a service that fails", "/gone", "The upstream failed"],
  [503, "a service that is not there", "/empty", "The pool has no instance"],
];

describe("a browser", () => {
  it.each(REFUSED)("gets a page with status %i for %s", async (status, _, path, title) => {
    const answer = await send(path, { headers: { Accept: ACCEPT } });
    expect([answer.status, answer.headers.get("Content-Type")]).toEqual([status, "text/html; charset=utf-8"]);
    expect(answer.text).toContain(`<h1>${title}</h1>`);
    expect(answer.text).toContain(answer.headers.get("X-Request-Id"));
    expect(answer.headers.get("Cache-Control")).toBe("no-store");
  });

  it("gets a page for a call from another site, 403 (L56)", async () => {
    const headers = { Accept: ACCEPT, Origin: "https://evil.example" };
    const answer = await send("/api/session/logout", { method: "POST", headers });
    expect([answer.status, answer.headers.get("Content-Type")]).toEqual([403, "text/html; charset=utf-8"]);
  });

  it("gets a page that can load nothing and run nothing, whatever stood in the request", async () => {
    const hostile = { Accept: ACCEPT, "X-Request-Id": "<script>alert(1)</script>" };
    const answer = await send("/nowhere/%3Cscript%3E?x=<script>", { headers: hostile });
    expect(answer.text).not.toContain("<script>");
    expect(answer.text).not.toMatch(/src=|href=|url\(/);
    expect(answer.headers.get("Content-Security-Policy")).toBe("default-src 'none'; style-src 'unsafe-inline'");
  });

  it("is told of a bad request in the form that programs read, like everybody (L57b)", async () => {
    const answer = await send("/small", {
      method: "POST",
      body: "two",
      headers: { Accept: ACCEPT, "Content-Length": "3" },
    });
    expect([answer.status, jsonOf(answer).code]).toEqual([413, "body_too_large"]);
  });
});

describe("a program", () => {
  it.each(REFUSED)("gets a problem document with status %i for %s", async (status, _, path) => {
    for (const Accept of ["application/json", "*/*", "application/json, text/html;q=0.5"]) {
      const answer = await send(path, { headers: { Accept } });
      expect([answer.status, answer.headers.get("Content-Type")]).toEqual([status, "application/problem+json"]);
    }
  });
});
