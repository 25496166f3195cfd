// Configuration versions through the object's stub: replacing, patching, rolling back, and what refuses to come into force.

import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, describe, expect, it, vi } from "vitest";
import { ControlPlane } from "../../durable-objects/control-plane/control-plane-object.ts";
import type { ConfigChange, ConfigCommand, ConfigHistoryEntry, CurrentConfig } from "../../src/contracts/control.ts";
import type { Result } from "../../src/contracts/refusals.ts";

let count = 0;
const controlPlane = () => env.CONTROL.getByName(`control-plane-${count++}`);
const command = (more: Partial<ConfigCommand> = {}): ConfigCommand => ({
  commandId: crypto.randomUUID(),
  actor: "admin",
  ...more,
});
const documentOf = (name: string) => ({ pools: { [name]: { instances: [{ id: "a", binding: "AUTH_APP" }] } } });
const A = documentOf("a");
const B = documentOf("b");
const BAD = { pools: { p: { instances: [{ id: "a", binding: "MISSING" }] } } };

type Stub = ReturnType<typeof controlPlane>;
const replace = async (
  stub: Stub,
  document: unknown,
  more: Partial<ConfigCommand> = {},
): Promise<Result<ConfigChange>> => stub.replace({ ...command(more), document });
const patch = async (stub: Stub, change: unknown, more: Partial<ConfigCommand> = {}): Promise<Result<ConfigChange>> =>
  stub.patch({ ...command(more), patch: change });
const rollback = async (
  stub: Stub,
  version: number,
  more: Partial<ConfigCommand> = {},
): Promise<Result<ConfigChange>> => stub.rollback({ ...command(more), version });
const current = async (stub: Stub): Promise<CurrentConfig> => stub.current(null);
const history = async (stub: Stub): Promise<ConfigHistoryEntry[]> => stub.history({ limit: 100 });

/** Everything the object has stored, to see that nothing was written. */
const stored = (stub: Stub) =>
  runInDurableObject(stub, (_, { storage: { sql } }) =>
    JSON.stringify(
      ["config_versions", "audit_log", "control_state"].map((table) => sql.exec(`SELECT * FROM ${table}`).toArray()),
    ),
  );
const problemsOf = (result: Result<unknown>) =>
  result.ok ? [] : ((result.data?.problems ?? []) as { path: string }[]).map(({ path }) => path);

afterEach(() => {
  vi.useRealTimers();
});

describe("before anything is configured", () => {
  it("version 0, the empty document, is in force", async () => {
    const stub = controlPlane();
    expect(await current(stub)).toEqual({ version: 0, changed: true, document: {} });
    expect(await history(stub)).toMatchObject([{ version: 0, source: "initial", actor: "start" }]);
  });
});

describe("current", () => {
  it("sends the document only to whoever lacks that version", async () => {
    const stub = controlPlane();
    await replace(stub, A);
    expect(await stub.current(1)).toEqual({ version: 1, changed: false });
    for (const known of [null, 0, 2])
      expect(await stub.current(known)).toEqual({ version: 1, changed: true, document: A });
  });

  it("survives an eviction", async () => {
    const stub = controlPlane();
    await replace(stub, A);
    await evictDurableObject(stub);
    expect(await current(stub)).toEqual({ version: 1, changed: true, document: A });
    expect(await replace(stub, B)).toMatchObject({ ok: true, value: { version: 2 } });
    expect(await stub.verifyAudit()).toEqual({ intact: true, rows: 2 });
  });
});

describe("replace", () => {
  it("puts a document into force as the next version, with its audit row", async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: 5_000 });
    const stub = controlPlane();
    expect(await replace(stub, A)).toEqual({
      ok: true,
      value: { version: 1, changed: true, document: A, warnings: [] },
    });
    expect(await history(stub)).toMatchObject([
      { version: 1, createdAt: 5_000, source: "api", actor: "admin" },
      { version: 0 },
    ]);
    expect(await stub.auditLog({ limit: 10 })).toMatchObject([
      { seq: 1, at: 5_000, action: "config.api", actor: "admin", subject: "version 1" },
    ]);
  });

  it("tells what is accepted but doesn't do all it says", async () => {
    const document = { pools: { p: { ...A.pools.a, hash: { key: "user" } } } };
    expect(await replace(controlPlane(), document)).toMatchObject({
      ok: true,
      value: { warnings: [{ path: "pools.p.hash" }] },
    });
  });

  it("refuses what is no document or can't work, naming every place, and writes nothing", async () => {
    const stub = controlPlane();
    await replace(stub, A);
    const before = await stored(stub);
    const refused = await replace(stub, { ...BAD, colour: 1, routes: [{ id: "r", pool: "x" }] });
    expect(refused).toMatchObject({ ok: false, code: "invalid_config" });
    expect(problemsOf(refused).sort()).toEqual(["colour", "pools.p.instances[0].binding", "routes[0].pool"]);
    for (const value of [null, [], "{}", 1]) expect(problemsOf(await replace(stub, value))).toEqual([""]);
    expect(await stored(stub)).toBe(before);
  });

  it("refuses a binding that is bound, but not to a service", async () => {
    const bound = (binding: string) => replace(controlPlane(), { pools: { p: { instances: [{ id: "a", binding }] } } });
    for (const binding of ["CONTROL", "ENVIRONMENT", "VERSION"]) {
      expect(problemsOf(await bound(binding))).toEqual(["pools.p.instances[0].binding"]);
    }
    expect(await bound("CONSOLE_APP")).toMatchObject({ ok: true });
  });

  it("refuses keys that are no data", async () => {
    const stub = controlPlane();
    const value: unknown = JSON.parse('{"__proto__":{"pools":{}},"pools":{"constructor":{"instances":[]}}}');
    expect(problemsOf(await replace(stub, value)).sort()).toEqual(["__proto__", "pools.constructor"]);
  });

  it("changes nothing when the document is in force already, in whatever order its keys come", async () => {
    const stub = controlPlane();
    await replace(stub, { domain: "d.io", ...A });
    const before = await stored(stub);
    expect(await replace(stub, { ...A, domain: "d.io" })).toMatchObject({
      ok: true,
      value: { version: 1, changed: false },
    });
    expect(await stored(stub)).toBe(before);
  });

  it("answers a repeated command as the first time, and does nothing twice", async () => {
    const stub = controlPlane();
    const first = await replace(stub, A, { commandId: "c-1", ifMatch: '"0"' });
    await replace(stub, B);
    const before = await stored(stub);
    expect(await replace(stub, A, { commandId: "c-1", ifMatch: '"0"' })).toEqual(first);
    expect(await stored(stub)).toBe(before);
  });
});

describe("a precondition", () => {
  it.each(['"1"', 'W/"1"', "*", '"0", "1"'])("%s is met by version 1", async (ifMatch) => {
    const stub = controlPlane();
    await replace(stub, A);
    expect(await replace(stub, B, { ifMatch })).toMatchObject({ ok: true, value: { version: 2 } });
  });

  it.each(['"0"', '"2"', "1", "", 'W/"0"'])("%j is not: the change is refused and writes nothing", async (ifMatch) => {
    const stub = controlPlane();
    await replace(stub, A);
    const before = await stored(stub);
    const stale = { ok: false, code: "stale_version", data: { version: 1 } };
    expect(await replace(stub, B, { ifMatch })).toMatchObject(stale);
    expect(await replace(stub, A, { ifMatch })).toMatchObject(stale);
    expect(await patch(stub, { domain: "d.io" }, { ifMatch })).toMatchObject(stale);
    expect(await rollback(stub, 0, { ifMatch })).toMatchObject(stale);
    expect(await stored(stub)).toBe(before);
  });

  it("is looked at after the body", async () => {
    const stub = controlPlane();
    expect(await replace(stub, BAD, { ifMatch: '"9"' })).toMatchObject({ code: "invalid_config" });
    expect(await patch(stub, BAD, { ifMatch: '"9"' })).toMatchObject({ code: "invalid_config" });
  });

  it("lets exactly one of many concurrent changes through", async () => {
    const stub = controlPlane();
    const results = await Promise.all(
      Array.from({ length: 20 }, (_, index) => replace(stub, documentOf(`p${index}`), { ifMatch: '"0"' })),
    );
    expect(results.filter(({ ok }) => ok)).toHaveLength(1);
    expect(results.filter((result) => !result.ok && result.code === "stale_version")).toHaveLength(19);
    expect(await history(stub)).toHaveLength(2);
  });

  it("is nobody's duty: without one, concurrent changes all count, one after the other", async () => {
    const stub = controlPlane();
    await Promise.all(Array.from({ length: 10 }, (_, index) => patch(stub, { pools: documentOf(`p${index}`).pools })));
    const { version, ...rest } = await current(stub);
    expect(version).toBe(10);
    expect(rest.changed && Object.keys(rest.document.pools ?? {})).toHaveLength(10);
  });
});

describe("patch", () => {
  it("merges into the document in force: null removes, lists replace", async () => {
    const stub = controlPlane();
    await replace(stub, { domain: "d.io", pools: { ...A.pools, ...B.pools }, routes: [{ id: "r", pool: "a" }] });
    const change = { domain: null, pools: { b: null, a: { exposed: true } }, routes: [] };
    expect(await patch(stub, change)).toMatchObject({ ok: true, value: { version: 2, changed: true } });
    expect(await current(stub)).toEqual({
      version: 2,
      changed: true,
      document: { pools: { a: { ...A.pools.a, exposed: true } }, routes: [] },
    });
  });

  it("refuses what the result can't be, though the patch by itself looks well", async () => {
    const stub = controlPlane();
    await replace(stub, { ...A, routes: [{ id: "r", pool: "a" }] });
    const before = await stored(stub);
    expect(problemsOf(await patch(stub, { pools: { a: null } }))).toEqual(["routes[0].pool"]);
    expect(problemsOf(await patch(stub, { colour: 1 }))).toEqual(["colour"]);
    expect(problemsOf(await patch(stub, []))).toEqual([""]);
    expect(await stored(stub)).toBe(before);
  });

  it("refuses keys that would reach a prototype", async () => {
    const stub = controlPlane();
    const polluting: unknown = JSON.parse('{"__proto__":{"domain":"evil"},"pools":{"__proto__":{"discover":"X"}}}');
    expect(problemsOf(await patch(stub, polluting)).sort()).toEqual(["__proto__", "pools.__proto__"]);
    expect(await runInDurableObject(stub, () => Reflect.get({}, "domain"))).toBeUndefined();
  });

  it("refuses what nests too deep", async () => {
    const deep: unknown = JSON.parse(`${'{"a":'.repeat(200)}1${"}".repeat(200)}`);
    expect(problemsOf(await patch(controlPlane(), deep))).toEqual([""]);
  });

  it("that changes nothing keeps the version", async () => {
    const stub = controlPlane();
    await replace(stub, A);
    expect(await patch(stub, {})).toMatchObject({ ok: true, value: { version: 1, changed: false } });
    expect(await patch(stub, { domain: null })).toMatchObject({ ok: true, value: { version: 1, changed: false } });
  });
});

describe("rollback", () => {
  it("puts an earlier document into force as a new version", async () => {
    const stub = controlPlane();
    await replace(stub, A);
    await replace(stub, B);
    expect(await rollback(stub, 1)).toMatchObject({ ok: true, value: { version: 3, document: A } });
    expect((await history(stub))[0]).toMatchObject({ version: 3, source: "rollback", restores: 1 });
    expect(await stub.version(3)).toEqual({ ok: true, value: { version: 3, document: A } });
  });

  it("reaches back to the empty document, but no further than what is kept", async () => {
    const stub = controlPlane();
    await replace(stub, A);
    expect(await rollback(stub, 0)).toMatchObject({ ok: true, value: { version: 2, document: {} } });
    for (const version of [3, -1, 0.5]) {
      expect(await rollback(stub, version)).toMatchObject({ ok: false, code: "unknown_version" });
      expect(await stub.version(version)).toMatchObject({ ok: false, code: "unknown_version" });
    }
  });

  it("to what is in force keeps the version", async () => {
    const stub = controlPlane();
    await replace(stub, A);
    expect(await rollback(stub, 1)).toMatchObject({ ok: true, value: { version: 1, changed: false } });
  });

  it("is refused where the earlier document can no longer work", async () => {
    const stub = controlPlane();
    await replace(stub, A);
    await replace(stub, B);
    await runInDurableObject(stub, (_, { storage: { sql } }) => {
      sql.exec("UPDATE config_versions SET document = ? WHERE version = 1", JSON.stringify(BAD));
    });
    expect(problemsOf(await rollback(stub, 1))).toEqual(["pools.p.instances[0].binding"]);
    expect(await current(stub)).toMatchObject({ version: 2 });
  });
});

describe("history", () => {
  it("is read newest first, page by page", async () => {
    const stub = controlPlane();
    for (let n = 1; n <= 5; n++) await replace(stub, documentOf(`p${n}`));
    const versions = async (page: { limit: number; before?: number }) =>
      (await stub.history(page)).map(({ version }) => version);
    expect(await versions({ limit: 2 })).toEqual([5, 4]);
    expect(await versions({ limit: 2, before: 4 })).toEqual([3, 2]);
    expect(await versions({ limit: 9, before: 2 })).toEqual([1, 0]);
    expect(await versions({ limit: 9, before: 0 })).toEqual([]);
  });

  it("keeps the newest thousand versions", async () => {
    const stub = controlPlane();
    await runInDurableObject(stub, (_, { storage: { sql } }) => {
      sql.exec(`INSERT INTO config_versions (version, created_at, source, actor, document)
        WITH RECURSIVE n(v) AS (SELECT 1 UNION ALL SELECT v + 1 FROM n WHERE v < 1000) SELECT v, v, 'api', 'a', '{}' FROM n`);
    });
    await replace(stub, A);
    expect(await stub.version(1)).toMatchObject({ ok: false, code: "unknown_version" });
    expect(await stub.version(2)).toMatchObject({ ok: true });
    expect(await stub.history({ limit: 5_000 })).toHaveLength(1_000);
    expect(await current(stub)).toMatchObject({ version: 1_001 });
  });
});

describe("a configuration file given at start", () => {
  const file = (digest: string, document: unknown, more: object = {}) => JSON.stringify({ digest, document, ...more });
  /** A start of the plane: the object's constructor runs again, with this file in its environment. */
  const start = (stub: Stub, configFile: string) =>
    runInDurableObject(stub, (_, state) => {
      new ControlPlane(state, { ...env, CONFIG_FILE: configFile });
    });

  it("comes into force, with its audit row", async () => {
    const stub = controlPlane();
    await start(stub, file("d1", A));
    expect(await current(stub)).toEqual({ version: 1, changed: true, document: A });
    expect((await history(stub))[0]).toMatchObject({ source: "file", actor: "start" });
    expect(await stub.auditLog({ limit: 9 })).toMatchObject([{ action: "config.file", actor: "start" }]);
  });

  it("is applied once: a restart never reverts what the API changed", async () => {
    const stub = controlPlane();
    await start(stub, file("d1", A));
    await replace(stub, B);
    await start(stub, file("d1", A));
    await start(stub, "");
    expect(await current(stub)).toMatchObject({ version: 2, document: B });
    await start(stub, file("d2", A));
    expect(await current(stub)).toMatchObject({ version: 3, document: A });
  });

  it("that says what is in force is remembered without a new version", async () => {
    const stub = controlPlane();
    await replace(stub, A);
    await start(stub, file("d1", A));
    expect(await current(stub)).toMatchObject({ version: 1 });
    await replace(stub, B);
    await start(stub, file("d1", A));
    expect(await current(stub)).toMatchObject({ version: 2, document: B });
  });

  it("that is only a default never goes before what was configured", async () => {
    const stub = controlPlane();
    await start(stub, file("d1", A, { initial: true }));
    expect(await current(stub)).toMatchObject({ version: 1, document: A });
    await start(stub, file("d2", B, { initial: true }));
    expect(await current(stub)).toMatchObject({ version: 1, document: A });
  });

  it.each([
    ["not JSON", "{", "malformed_json"],
    ["no file", "{}", "invalid_body"],
    ["a document that can't work", file("d2", BAD), "invalid_config"],
  ])("that is %s is named in one line of the log and changes nothing", async (_what, text, code) => {
    const stub = controlPlane();
    await replace(stub, A);
    const before = await stored(stub);
    const log = vi.spyOn(console, "error").mockImplementation(() => undefined);
    await start(stub, text);
    const lines = log.mock.calls.map(([line]) => JSON.parse(String(line)) as object);
    log.mockRestore();
    expect(lines).toMatchObject([{ level: "error", msg: "configuration file refused", code }]);
    expect(await stored(stub)).toBe(before);
    await start(stub, file("d2", B));
    expect(await current(stub)).toMatchObject({ version: 2, document: B });
  });
});
