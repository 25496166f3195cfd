// The Directory object through its stub: who is registered, each one's configuration, and what an eviction leaves of both.

import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import type { Directory } from "../../durable-objects/directory/directory-object.ts";
import type { UserConfigEdit } from "../../src/contracts/user-config.ts";
import { type PutUser, USERS_MAX } from "../../src/contracts/users.ts";
import type { callDirectory } from "../../src/objects.ts";

let count = 0;
/** The calls as callers see them: with the types of their results, which the platform's stub loses. */
type Calls = Parameters<Parameters<typeof callDirectory>[1]>[0];
const stubs = new WeakMap<Calls, DurableObjectStub<Directory>>();
/** A directory of the case's own. */
function directory(): Calls {
  const stub = env.DIRECTORY.getByName(`directory-${count++}`);
  const calls = stub as unknown as Calls;
  stubs.set(calls, stub);
  return calls;
}
const stubOf = (directory: Calls): DurableObjectStub<Directory> => stubs.get(directory) as DurableObjectStub<Directory>;

const put = (stub: Calls, id: string, user: PutUser, commandId: string = crypto.randomUUID()) =>
  stub.put({ ...user, id, commandId });

async function withUsers(...ids: string[]): Promise<Calls> {
  const stub = directory();
  for (const id of ids) await put(stub, id, { name: `name of ${id}`, tier: 1 });
  return stub;
}

const value = <T>(result: { ok: true; value: T } | { ok: false }): T => {
  if (!result.ok) throw new Error(JSON.stringify(result));
  return result.value;
};
const change = (
  stub: Calls,
  edit: UserConfigEdit,
  more: { userId?: string; ifMatch?: string; commandId?: string } = {},
) => stub.changeConfig({ userId: "a", commandId: crypto.randomUUID(), actor: "admin", ...more, edit });
const replace = (stub: Calls, document: unknown, more?: Parameters<typeof change>[2]) =>
  change(stub, { kind: "replace", document }, more);
const patch = (stub: Calls, value: unknown, more?: Parameters<typeof change>[2]) =>
  change(stub, { kind: "patch", patch: value }, more);
const tagOf = async (stub: Calls) => `"${value(await stub.config("a")).tag}"`;

describe("the registry", () => {
  it("knows whom it was told of, by id and by name in any case, also after an eviction", async () => {
    const stub = directory();
    const { user } = value(await put(stub, "a", { name: "Alice", tier: 2 }));
    await evictDurableObject(stubOf(stub));
    expect(value(await stub.find("a"))).toEqual(user);
    expect(value(await stub.lookUp("ALICE"))).toEqual(user);
    expect(await stub.find("b")).toMatchObject({ ok: false, code: "unknown_user" });
    expect(await stub.lookUp("Bob")).toMatchObject({ ok: false, code: "unknown_user" });
  });

  it("takes the same again as done, and gives a name that its user gave up to another", async () => {
    const stub = directory();
    const alice = { name: "Alice", tier: 1 } as const;
    expect(value(await put(stub, "a", alice))).toMatchObject({ created: true, changed: true });
    expect(value(await put(stub, "a", alice))).toMatchObject({ created: false, changed: false });
    expect(await put(stub, "b", alice)).toMatchObject({ ok: false, code: "name_taken" });
    await put(stub, "a", { name: "Anna", tier: 1 });
    expect(value(await put(stub, "b", alice))).toMatchObject({ created: true });
    expect(value(await stub.lookUp("alice")).id).toBe("b");
  });

  it("answers a command that comes twice as it did the first time, until there was another", async () => {
    const stub = directory();
    const first = await put(stub, "a", { name: "Alice", tier: 1 }, "c-1");
    expect(await put(stub, "a", { name: "Alice", tier: 1 }, "c-1")).toEqual(first);
    await put(stub, "a", { name: "Anna", tier: 1 }, "c-2");
    expect(value(await put(stub, "a", { name: "Alice", tier: 1 }, "c-1"))).toMatchObject({ created: false });
  });

  it("is listed page by page, in order and to its end", async () => {
    const stub = await withUsers("c", "a", "B", "a.1");
    const first = await stub.list({ limit: 3 });
    expect([first.users.map(({ id }) => id), first.next]).toEqual([["B", "a", "a.1"], "a.1"]);
    const last = await stub.list({ limit: 3, after: first.next ?? "" });
    expect([last.users.map(({ id }) => id), last.next]).toEqual([["c"], null]);
    expect((await stub.list({ limit: 4 })).next).toBeNull();
  });

  it("lists a thousand at most, whatever is asked, and is full at its bound", async () => {
    const stub = directory();
    await stub.list({ limit: 1 });
    await runInDurableObject(stubOf(stub), (_, { storage: { sql } }) => {
      sql.exec(`INSERT INTO users (id, name, name_key, tier, created_at, updated_at, command_id)
        WITH RECURSIVE n(v) AS (SELECT 1 UNION ALL SELECT v + 1 FROM n WHERE v < ${USERS_MAX})
        SELECT 'u' || v, 'U' || v, 'u' || v, 1, 0, 0, 'c' FROM n`);
    });
    expect((await stub.list({ limit: 5_000 })).users).toHaveLength(1_000);
    expect(await put(stub, "one-more", { name: "One", tier: 1 })).toMatchObject({ ok: false, code: "users_full" });
    expect((await put(stub, "u1", { name: "U1", tier: 3 })).ok).toBe(true);
    await stub.remove("u2");
    expect((await put(stub, "one-more", { name: "One", tier: 1 })).ok).toBe(true);
  });

  it("forgets who is removed with all versions of the configuration, and nobody else", async () => {
    const stub = await withUsers("a", "b");
    await replace(stub, { secret: 1 });
    await replace(stub, { other: 1 }, { userId: "b" });
    for (let times = 0; times < 2; times++) await stub.remove("a");
    expect(await stub.config("a")).toMatchObject({ ok: false, code: "unknown_user" });
    await put(stub, "a", { name: "Another", tier: 1 });
    expect(value(await stub.config("a"))).toMatchObject({ version: 0, document: {} });
    expect(value(await stub.configHistory("a"))).toEqual([]);
    expect(value(await stub.config("b")).document).toEqual({ other: 1 });
  });
});

describe("a user's configuration", () => {
  it("begins empty, is replaced, patched and rolled back, each with its version, and survives an eviction", async () => {
    const stub = await withUsers("a");
    expect(value(await stub.config("a"))).toMatchObject({ version: 0, document: {} });
    await replace(stub, { model: "m", keep: { x: 1 } });
    await patch(stub, { model: null, keep: { y: 2 } });
    await evictDurableObject(stubOf(stub));
    expect(value(await stub.config("a"))).toMatchObject({ version: 2, document: { keep: { x: 1, y: 2 } } });
    await change(stub, { kind: "rollback", version: 1 });
    expect(value(await stub.config("a"))).toMatchObject({ version: 3, document: { model: "m", keep: { x: 1 } } });
    expect(value(await stub.configHistory("a"))).toMatchObject([
      { version: 3, source: "rollback", restores: 1, actor: "admin" },
      { version: 2, source: "patch" },
      { version: 1, source: "replace" },
    ]);
    expect(value(await stub.config("a", 2)).document).toEqual({ keep: { x: 1, y: 2 } });
  });

  it("keeps the version in force and ten before it", async () => {
    const stub = await withUsers("a");
    for (let n = 1; n <= 12; n++) await replace(stub, { n });
    const kept = value(await stub.configHistory("a")).map(({ version }) => version);
    expect(kept).toEqual([12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2]);
    expect(await change(stub, { kind: "rollback", version: 1 })).toMatchObject({ ok: false, code: "unknown_version" });
    expect(value(await change(stub, { kind: "rollback", version: 0 })).document).toEqual({});
  });

  it("changed under its tag loses no update: of many at once exactly one gets through", async () => {
    const stub = await withUsers("a");
    const ifMatch = await tagOf(stub);
    const results = await Promise.all(Array.from({ length: 20 }, (_, n) => patch(stub, { [`k${n}`]: n }, { ifMatch })));
    expect(results.filter(({ ok }) => ok)).toHaveLength(1);
    expect(results.filter((result) => !result.ok && result.code === "stale_version")).toHaveLength(19);
    expect(Object.keys(value(await stub.config("a")).document)).toHaveLength(1);
  });

  it("is not changed under the tag of an earlier life of the id", async () => {
    const stub = await withUsers("a");
    await replace(stub, { n: 1 });
    const ifMatch = await tagOf(stub);
    await stub.remove("a");
    const gone = Date.now();
    while (Date.now() === gone) await scheduler.wait(1);
    await put(stub, "a", { name: "Anew", tier: 1 });
    await replace(stub, { n: 2 });
    expect(await replace(stub, { n: 3 }, { ifMatch })).toMatchObject({ ok: false, code: "stale_version" });
  });

  it("is changed once by a command that comes twice, even under a tag that only the first could name", async () => {
    const stub = await withUsers("a");
    const again = { commandId: "c-1", ifMatch: await tagOf(stub) };
    const first = value(await patch(stub, { n: 1 }, again));
    expect(value(await patch(stub, { n: 1 }, again))).toEqual(first);
    expect(value(await stub.configHistory("a"))).toHaveLength(1);
  });

  it("in force already makes no version", async () => {
    const stub = await withUsers("a");
    await replace(stub, { b: 1, a: 2 });
    expect(value(await replace(stub, { a: 2, b: 1 }))).toMatchObject({ version: 1, changed: false });
    expect(value(await patch(stub, { a: 2 }))).toMatchObject({ version: 1, changed: false });
  });

  it("takes no prototype, in a document or a patch, and stays as it was", async () => {
    const stub = await withUsers("a");
    await replace(stub, { safe: true });
    const hostile: unknown = JSON.parse(
      '{"__proto__":{"polluted":true},"x":{"constructor":{"prototype":{"polluted":1}}}}',
    );
    for (const change of [replace, patch]) {
      expect(await change(stub, hostile)).toMatchObject({
        ok: false,
        code: "invalid_body",
        data: { problems: [{ path: "__proto__" }, { path: "x.constructor" }] },
      });
    }
    expect(Reflect.get({}, "polluted")).toBeUndefined();
    expect(value(await stub.config("a")).document).toEqual({ safe: true });
  });
});

describe("one patch for many", () => {
  it("changes each by itself: who is unknown or would be too large fails alone", async () => {
    const stub = await withUsers("a", "b", "full");
    await replace(stub, { big: "x".repeat(65_500) }, { userId: "full" });
    await replace(stub, { on: true }, { userId: "b" });
    const command = { userIds: ["a", "b", "ghost", "full"], patch: { on: true, more: null, text: "y".repeat(40) } };
    const results = await stub.patchConfigs({ ...command, commandId: "c", actor: "admin" });
    expect(results).toMatchObject([
      { userId: "a", ok: true, version: 1, changed: true },
      { userId: "b", ok: true, version: 2, changed: true },
      { userId: "ghost", ok: false, code: "unknown_user" },
      { userId: "full", ok: false, code: "invalid_body" },
    ]);
    expect(await stub.patchConfigs({ ...command, commandId: "c", actor: "admin" })).toMatchObject(results);
    const versions = value(await stub.configHistory("b"));
    expect(versions.map(({ source }) => source)).toEqual(["patch", "replace"]);
  });
});
