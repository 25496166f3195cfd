// /api/super/users and each user's configuration over HTTP, grouped by what is answered. They speak to the plane's one Directory object.

import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";
import { callControl, callDirectory } from "../../src/objects.ts";
import { type Answer, configure, jsonOf, type Sent, send, sendAsAdmin } from "./send.ts";

const USERS = "/api/super/users";
const BULK = "/api/super/bulk/config-patch";

let count = 0;
/** An id that nobody has yet. */
const freshId = () => `user-${count++}`;
const put = (id: string, body: unknown) => sendAsAdmin(`${USERS}/${id}`, { method: "PUT", body });
async function register(): Promise<string> {
  const id = freshId();
  expect((await put(id, { name: `Name of ${id}`, tier: 2 })).status).toBe(201);
  return id;
}
const config = (id: string, sent: Sent = {}) => sendAsAdmin(`${USERS}/${id}/config`, sent);
const problemPaths = (answer: Answer) =>
  (jsonOf(answer).problems as { path: string }[] | undefined)?.map(({ path }) => path);
const said = (answer: Answer) => [answer.status, jsonOf(answer).code, problemPaths(answer)];
/** Action and subject of the newest audit rows. */
async function newestAudit(rows: number): Promise<unknown[]> {
  const all = await callControl(env, (control) => control.auditLog({ limit: 1_000 }));
  return all.slice(-rows).map(({ action, subject, detail }) => [action, subject, detail]);
}

beforeAll(() => configure({}));

describe("a user", () => {
  it("is registered (201), changed (200), read, looked up by name and listed; only changes are audited", async () => {
    const id = freshId();
    const body = { name: `Zoé Müller ${id}`, tier: 3 };
    const created = await put(id, body);
    expect([created.status, jsonOf(created)]).toMatchObject([201, { id, ...body }]);
    expect((await put(id, body)).status).toBe(200);
    const changed = jsonOf(await put(id, { ...body, tier: 1 }));
    expect(await newestAudit(2)).toEqual([
      ["user.put", id, body],
      ["user.put", id, { ...body, tier: 1 }],
    ]);
    const lookUp = await sendAsAdmin(`${USERS}/lookup/${encodeURIComponent(body.name.toUpperCase())}`);
    expect([lookUp.status, jsonOf(lookUp)]).toEqual([200, changed]);
    expect(jsonOf(await sendAsAdmin(`${USERS}/${id}`))).toEqual(changed);
    const { users } = jsonOf(await sendAsAdmin(`${USERS}?limit=1000`)) as { users: { id: string }[] };
    expect(users.find((user) => user.id === id)).toEqual(changed);
  });

  it("may be known by an address, written either way", async () => {
    const id = `${freshId()}@example.org`;
    expect((await put(encodeURIComponent(id), { name: id })).status).toBe(201);
    expect(jsonOf(await sendAsAdmin(`${USERS}/${id}`)).id).toBe(id);
    expect((await config(encodeURIComponent(id))).status).toBe(200);
  });

  it("has tier 1 unless told otherwise", async () => {
    const id = freshId();
    expect(jsonOf(await put(id, { name: id }))).toMatchObject({ tier: 1 });
  });

  it("is listed page by page with a cursor", async () => {
    await register();
    await register();
    const first = jsonOf(await sendAsAdmin(`${USERS}?limit=1`)) as { users: { id: string }[]; next: string };
    expect(first.next).toBe(first.users[0]?.id);
    const second = jsonOf(await sendAsAdmin(`${USERS}?limit=1&after=${first.next}`)) as { users: { id: string }[] };
    expect(second.users[0]?.id).not.toBe(first.next);
    const end = jsonOf(await sendAsAdmin(`${USERS}?after=zzzz`));
    expect(end).toEqual({ users: [], next: null });
  });

  it("is deleted once, with an audit row, and is then unknown everywhere", async () => {
    const id = await register();
    await config(id, { method: "PUT", body: { a: 1 } });
    expect((await sendAsAdmin(`${USERS}/${id}`, { method: "DELETE" })).status).toBe(200);
    expect(await newestAudit(1)).toEqual([["user.delete", id, { name: `Name of ${id}` }]]);
    for (const [path, method] of [
      ["", "DELETE"],
      ["", "GET"],
      ["/config", "GET"],
      ["/config/history", "GET"],
    ] as const) {
      expect(said(await sendAsAdmin(`${USERS}/${id}${path}`, { method }))).toEqual([404, "unknown_user", undefined]);
    }
  });
});

describe("a refused registration names its field and registers nobody", () => {
  it.each<[string, unknown, string]>([
    ["a name that every path loses", { name: ".." }, "name"],
    ["an empty name", { name: "" }, "name"],
    ["a name of 65 characters", { name: "n".repeat(65) }, "name"],
    ["a name with a line break", { name: "a\nb" }, "name"],
    ["a name with a space around", { name: " a" }, "name"],
    ["half a surrogate pair", { name: "\ud800" }, "name"],
    ["no name", { tier: 1 }, "name"],
    ["tier 4", { name: "n", tier: 4 }, "tier"],
    ["a tier of text", { name: "n", tier: "1" }, "tier"],
    ["an unknown field", { name: "n", admin: true }, "admin"],
  ])("%s", async (_what, body, path) => {
    const id = freshId();
    expect(said(await put(id, body))).toEqual([400, "invalid_body", [path]]);
    expect((await callDirectory(env, (directory) => directory.find(id))).ok).toBe(false);
  });

  it.each(["lookup", "a".repeat(129), "a%20b", "%ff", "-a", ".a", "_", "a%2Fb", "a,b"])("the id %j", async (id) => {
    expect(said(await put(id, { name: freshId() }))).toEqual([400, "invalid_body", ["id"]]);
  });

  it("another's name in another case: 409", async () => {
    const id = await register();
    expect(said(await put(freshId(), { name: `NAME OF ${id}` }))).toEqual([409, "name_taken", ["name"]]);
  });
});

describe("a user's configuration", () => {
  it("is put, read under its ETag, patched by merge patch, looked back at and rolled back", async () => {
    const id = await register();
    const empty = await config(id);
    expect([empty.status, jsonOf(empty)]).toEqual([200, {}]);
    const written = await config(id, { method: "PUT", body: { model: "m", deep: { a: 1, b: 2 } } });
    expect([written.status, jsonOf(written)]).toMatchObject([
      200,
      { version: 1, changed: true, document: { model: "m" } },
    ]);
    const headers = { "Content-Type": "application/merge-patch+json", "If-Match": written.headers.get("ETag") ?? "" };
    const patched = await config(id, { method: "PATCH", body: JSON.stringify({ deep: { a: null } }), headers });
    expect(jsonOf(patched).document).toEqual({ model: "m", deep: { b: 2 } });
    const read = await config(id);
    expect([read.headers.get("ETag"), jsonOf(read)]).toEqual([patched.headers.get("ETag"), jsonOf(patched).document]);
    const known = await config(id, { headers: { "If-None-Match": read.headers.get("ETag") ?? "" } });
    expect([known.status, known.text]).toEqual([304, ""]);
    const back = await sendAsAdmin(`${USERS}/${id}/config/rollback`, { body: { version: 1 } });
    expect(jsonOf(back)).toMatchObject({ version: 3, document: { deep: { a: 1, b: 2 } } });
    const { versions } = jsonOf(await sendAsAdmin(`${USERS}/${id}/config/history`));
    expect(versions).toMatchObject([
      { version: 3, source: "rollback", restores: 1, actor: "admin" },
      { version: 2, source: "patch" },
      { version: 1, source: "replace" },
    ]);
    expect(jsonOf(await sendAsAdmin(`${USERS}/${id}/config/history/2`))).toEqual({
      version: 2,
      document: { model: "m", deep: { b: 2 } },
    });
    expect(await newestAudit(3)).toEqual([
      ["user.config", id, { source: "replace", version: 1 }],
      ["user.config", id, { source: "patch", version: 2 }],
      ["user.config", id, { source: "rollback", version: 3 }],
    ]);
  });

  it("of two that patch what both have read, one is told so (412) and nothing is lost", async () => {
    const id = await register();
    const ETag = (await config(id)).headers.get("ETag") ?? "";
    const patch = (body: object) => config(id, { method: "PATCH", body, headers: { "If-Match": ETag } });
    const answers = await Promise.all([patch({ a: 1 }), patch({ b: 2 })]);
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 412]);
    const late = answers.find(({ status }) => status === 412) as Answer;
    expect(said(late)).toEqual([412, "stale_version", undefined]);
    expect(Object.keys(jsonOf(await config(id)))).toHaveLength(1);
  });

  it.each(["PUT", "PATCH"])("%s with a prototype is refused with its place and touches nothing", async (method) => {
    const id = await register();
    await config(id, { method: "PUT", body: { safe: 1 } });
    const body = '{"__proto__":{"isAdmin":true},"a":{"constructor":{"prototype":{"isAdmin":true}}}}';
    const answer = await config(id, { method, body, headers: { "Content-Type": "application/json" } });
    expect(said(answer)).toEqual([400, "invalid_body", ["__proto__", "a.constructor"]]);
    expect(Reflect.get({}, "isAdmin")).toBeUndefined();
    expect(jsonOf(await config(id))).toEqual({ safe: 1 });
  });

  it.each<[string, Sent, unknown[]]>([
    ["a list", { method: "PUT", body: [] }, [400, "invalid_body", [""]]],
    ["null", { method: "PATCH", body: null }, [400, "invalid_body", [""]]],
    [
      "five thousand brackets",
      { method: "PUT", body: JSON.parse("[".repeat(5_000) + "]".repeat(5_000)) },
      [400, "invalid_body", [""]],
    ],
    ["64 KiB and more", { method: "PUT", body: { a: "x".repeat(65_536) } }, [400, "invalid_body", [""]]],
    [
      "no JSON",
      { method: "PUT", body: "{a", headers: { "Content-Type": "application/json" } },
      [400, "malformed_json", undefined],
    ],
    [
      "a JSON patch",
      { method: "PATCH", body: "[]", headers: { "Content-Type": "application/json-patch+json" } },
      [415, "unsupported_media_type", undefined],
    ],
  ])("%s is refused", async (_what, sent, expected) => {
    const id = await register();
    expect(said(await config(id, sent))).toEqual(expected);
    expect(jsonOf(await config(id))).toEqual({});
  });

  it.each([{}, { version: -1 }, { version: "1" }, { version: 1, more: 1 }])("rollback refuses %j", async (body) => {
    const id = await register();
    expect(said(await sendAsAdmin(`${USERS}/${id}/config/rollback`, { body })).slice(0, 2)).toEqual([
      400,
      "invalid_body",
    ]);
  });

  it("has no version that is not kept, by any spelling", async () => {
    const id = await register();
    expect(said(await sendAsAdmin(`${USERS}/${id}/config/rollback`, { body: { version: 7 } }))[1]).toBe(
      "unknown_version",
    );
    for (const version of ["7", "x", "00", "-1"]) {
      expect(said(await sendAsAdmin(`${USERS}/${id}/config/history/${version}`)).slice(0, 2)).toEqual([
        404,
        "unknown_version",
      ]);
    }
  });
});

describe("one patch for many", () => {
  it("answers for each user, whoever fails, and every write is in its user's history", async () => {
    const [a, b] = [await register(), await register()];
    const answer = await sendAsAdmin(BULK, { body: { patch: { on: true }, userIds: [a, "nobody-here", b, a] } });
    expect(jsonOf(answer)).toMatchObject({
      results: [
        { userId: a, ok: true, version: 1, changed: true },
        { userId: "nobody-here", ok: false, code: "unknown_user" },
        { userId: b, ok: true, version: 1 },
      ],
      changed: 2,
      failed: 1,
    });
    for (const id of [a, b]) {
      expect(jsonOf(await sendAsAdmin(`${USERS}/${id}/config/history`)).versions).toMatchObject([{ source: "patch" }]);
    }
    expect(await newestAudit(1)).toEqual([["user.config.bulk-patch", "3 of 3 users", { changed: 2, failed: 1 }]]);
  });

  it("is for everybody who is registered where nobody is named", async () => {
    await register();
    const { users } = jsonOf(await sendAsAdmin(`${USERS}?limit=1000`)) as { users: { id: string }[] };
    const answer = jsonOf(await sendAsAdmin(BULK, { body: { patch: { everybody: true } } }));
    expect((answer.results as { userId: string }[]).map(({ userId }) => userId)).toEqual(users.map(({ id }) => id));
  });

  it.each<[string, unknown, string[]]>([
    ["nobody", { patch: {}, userIds: [] }, ["userIds"]],
    ["an id that nobody can have", { patch: {}, userIds: ["ok", "a/b"] }, ["userIds[1]"]],
    ["no patch", { userIds: ["a"] }, ["patch"]],
    ["a patch that is a list", { patch: [] }, ["patch"]],
  ])("refuses %s", async (_what, body, paths) => {
    expect(said(await sendAsAdmin(BULK, { body }))).toEqual([400, "invalid_body", paths]);
  });

  it("refuses a prototype, with its place", async () => {
    const body = '{"patch":{"__proto__":{"isAdmin":true}}}';
    const answer = await sendAsAdmin(BULK, { body, method: "POST", headers: { "Content-Type": "application/json" } });
    expect(said(answer)).toEqual([400, "invalid_body", ["patch.__proto__"]]);
  });
});

describe("without the admin secret", () => {
  it.each([USERS, `${USERS}/a`, `${USERS}/a/config`, BULK])("%s is refused", async (path) => {
    expect((await send(path)).status).toBe(401);
  });
});
