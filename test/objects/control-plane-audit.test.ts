// The audit log through the object's stub: what is written, what is kept, and what tampering with the database shows.

import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { chainHash } from "../../src/policies/config/audit-chain.ts";

let count = 0;
const controlPlane = () => env.CONTROL.getByName(`control-plane-audit-${count++}`);
type Stub = ReturnType<typeof controlPlane>;

const event = (n: number, more: object = {}) => ({
  action: "session.open",
  actor: "admin",
  subject: `session ${n}`,
  ...more,
});
const written = async (rows: number) => {
  const stub = controlPlane();
  for (let n = 1; n <= rows; n++) await stub.record(event(n, { detail: { n } }));
  return stub;
};
const tamper = (stub: Stub, sql: string) =>
  runInDurableObject(stub, (_, { storage }) => {
    storage.sql.exec(sql);
  });

describe("the audit log", () => {
  it("keeps what is recorded, in order, each row with its hash", async () => {
    const stub = await written(3);
    const rows = await stub.auditLog({ limit: 10 });
    expect(rows.map(({ seq, subject, detail }) => [seq, subject, detail])).toEqual([
      [1, "session 1", { n: 1 }],
      [2, "session 2", { n: 2 }],
      [3, "session 3", { n: 3 }],
    ]);
    expect(new Set(rows.map(({ hash }) => hash)).size).toBe(3);
    for (const { hash } of rows) expect(hash).toMatch(/^[0-9a-f]{64}$/);
  });

  it("is read page by page", async () => {
    const stub = await written(5);
    const seqs = async (page: { limit: number; after?: number }) => (await stub.auditLog(page)).map(({ seq }) => seq);
    expect(await seqs({ limit: 2 })).toEqual([1, 2]);
    expect(await seqs({ limit: 2, after: 2 })).toEqual([3, 4]);
    expect(await seqs({ limit: 2, after: 5 })).toEqual([]);
  });

  it("writes an event with an id once, and one without as often as it is told", async () => {
    const stub = controlPlane();
    await stub.record(event(1, { eventId: "e-1" }));
    await stub.record(event(1, { eventId: "e-1" }));
    await stub.record(event(1));
    await stub.record(event(1));
    expect((await stub.auditLog({ limit: 9 })).map(({ eventId }) => eventId)).toEqual(["e-1", undefined, undefined]);
    expect(await stub.verifyAudit()).toEqual({ intact: true, rows: 3 });
  });

  it("is intact as it was written, across an eviction too", async () => {
    const stub = await written(3);
    await evictDurableObject(stub);
    await stub.record(event(4));
    expect(await stub.verifyAudit()).toEqual({ intact: true, rows: 4 });
    expect(await controlPlane().verifyAudit()).toEqual({ intact: true, rows: 0 });
  });
});

describe("tampering with the database", () => {
  it.each([
    ["a changed actor", "UPDATE audit_log SET actor = 'nobody' WHERE seq = 2", 2],
    ["a changed detail", `UPDATE audit_log SET detail = '{"n":9}' WHERE seq = 1`, 1],
    ["a detail that is no JSON", "UPDATE audit_log SET detail = '{' WHERE seq = 3", 3],
    ["a changed time", "UPDATE audit_log SET at = at + 1 WHERE seq = 5", 5],
    ["a changed hash", "UPDATE audit_log SET hash = 'f' WHERE seq = 4", 4],
    ["a deleted first row", "DELETE FROM audit_log WHERE seq = 1", 1],
    ["a deleted middle row", "DELETE FROM audit_log WHERE seq = 3", 3],
    ["a deleted last row", "DELETE FROM audit_log WHERE seq = 5", 5],
    ["a cut tail", "DELETE FROM audit_log WHERE seq > 2", 3],
    ["an emptied log", "DELETE FROM audit_log", 1],
    [
      "a row of somebody's own",
      "INSERT INTO audit_log SELECT 6, at, action, actor, subject, detail, NULL, hash FROM audit_log WHERE seq = 5",
      6,
    ],
    [
      "two rows exchanged",
      "UPDATE audit_log SET seq = CASE seq WHEN 2 THEN -3 ELSE -2 END WHERE seq IN (2, 3); UPDATE audit_log SET seq = -seq WHERE seq < 0",
      2,
    ],
  ])("shows as the first broken row: %s", async (_what, sql, firstBroken) => {
    const stub = await written(5);
    await tamper(stub, sql);
    expect(await stub.verifyAudit()).toMatchObject({ intact: false, firstBroken });
  });

  it("stays visible after more is written, and the log can still be read", async () => {
    const stub = await written(3);
    await tamper(stub, "UPDATE audit_log SET detail = 'x' WHERE seq = 2");
    await stub.record(event(4));
    expect(await stub.verifyAudit()).toMatchObject({ intact: false, rows: 4, firstBroken: 2 });
    expect((await stub.auditLog({ limit: 9 }))[1]).toMatchObject({ seq: 2, detail: { unreadable: "x" } });
  });
});

describe("retention", () => {
  const KEPT = 100_000;
  const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");

  /** Many rows, chained as the object chains them, in one go. */
  const fill = (stub: Stub, rows: number) =>
    runInDurableObject(stub, (_, { storage }) => {
      let hash = "0".repeat(64);
      storage.transactionSync(() => {
        for (let seq = 1; seq <= rows; seq++) {
          const entry = { seq, at: seq, action: "a", actor: "b", subject: "c", detail: null, eventId: null };
          hash = chainHash(sha256, hash, entry);
          storage.sql.exec("INSERT INTO audit_log VALUES (?, ?, 'a', 'b', 'c', NULL, NULL, ?)", seq, seq, hash);
        }
        storage.sql.exec("UPDATE control_state SET head_seq = ?, head_hash = ?", rows, hash);
      });
    });

  it("keeps the newest hundred thousand rows, and the chain can still be verified", { timeout: 30_000 }, async () => {
    const stub = controlPlane();
    await fill(stub, KEPT);
    await stub.record(event(1));
    await stub.record(event(2));
    expect((await stub.auditLog({ limit: 1 })).map(({ seq }) => seq)).toEqual([3]);
    expect(await stub.verifyAudit()).toEqual({ intact: true, rows: KEPT });
  });

  it.each([
    ["a first row deleted", "DELETE FROM audit_log WHERE seq = 3"],
    [
      "a row put in before it",
      "INSERT INTO audit_log SELECT 1, at, action, actor, subject, detail, NULL, hash FROM audit_log WHERE seq = 3",
    ],
  ])("leaves a start that can be tampered with no more than the rest: %s", async (_what, sql) => {
    const stub = await written(5);
    await runInDurableObject(stub, (_, { storage }) => {
      const { hash } = storage.sql.exec<{ hash: string }>("SELECT hash FROM audit_log WHERE seq = 2").one();
      storage.sql.exec("DELETE FROM audit_log WHERE seq <= 2");
      storage.sql.exec("UPDATE control_state SET anchor_seq = 2, anchor_hash = ?", hash);
    });
    expect(await stub.verifyAudit()).toEqual({ intact: true, rows: 3 });
    await tamper(stub, sql);
    expect(await stub.verifyAudit()).toMatchObject({ intact: false, firstBroken: 3 });
  });

  it("lets the configuration be read while a long log is verified", async () => {
    const stub = controlPlane();
    await fill(stub, 10_000);
    const order: string[] = [];
    await Promise.all([
      Promise.resolve(stub.verifyAudit()).then(() => order.push("verified")),
      Promise.resolve(stub.current(null)).then(() => order.push("read")),
    ]);
    expect(order).toEqual(["read", "verified"]);
  });
});
