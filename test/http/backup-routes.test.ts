// How users' backups stand, over HTTP and against the pool's own bucket.

import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";
import { configure, jsonOf, sendAsAdmin } from "./send.ts";

const statusOf = (id: string, vars?: object) =>
  sendAsAdmin(`/api/super/users/${id}/r2-status`, vars === undefined ? {} : { vars: { ...vars } });
const health = (vars?: object) => sendAsAdmin("/api/super/r2-health", vars === undefined ? {} : { vars: { ...vars } });

beforeAll(async () => {
  await configure({});
  for (const id of ["packed", "loose", "none", "loos"]) {
    await sendAsAdmin(`/api/super/users/${id}`, { method: "PUT", body: { name: id } });
  }
  await env.BACKUPS.put("users/packed/backup.tar.gz", "x".repeat(100));
  await env.BACKUPS.put("users/loose/notes.md", "12345");
  await env.BACKUPS.put("users/loose/deep/more.md", "1234567");
});

describe("200", () => {
  it("tells what is stored for a user, how much and since when", async () => {
    const packed = jsonOf(await statusOf("packed"));
    expect(packed).toEqual({
      backupFormat: "archive",
      hasBackup: true,
      sizeBytes: 100,
      lastSync: expect.any(Number),
      minutesSinceSync: 0,
      healthy: true,
    });
    expect(Math.abs(Date.now() - Number(packed.lastSync))).toBeLessThan(60_000);
    expect(jsonOf(await statusOf("loose"))).toMatchObject({ backupFormat: "files", sizeBytes: 12 });
  });

  it.each(["none", "loos"])("%s has none, whoever's name begins alike", async (id) => {
    expect(jsonOf(await statusOf(id))).toEqual({
      backupFormat: null,
      hasBackup: false,
      sizeBytes: 0,
      lastSync: null,
      minutesSinceSync: null,
      healthy: false,
    });
  });

  it("tells of the whole fleet", async () => {
    expect(jsonOf(await health())).toMatchObject({
      healthy: false,
      users: [
        { userId: "loos", hasBackup: false },
        { userId: "loose", healthy: true },
        { userId: "none", hasBackup: false },
        { userId: "packed", healthy: true },
      ],
      summary: { total: 4, healthy: 2, stale: 0, missing: 2, unknown: 0 },
      latencyMs: expect.any(Number),
      checkedAt: expect.any(Number),
    });
  });
});

describe("a bucket of many objects", () => {
  /** Hands out one object of `packed` per page, for ever or for so many pages. */
  const paged = (pages: number) => {
    const asked: (string | undefined)[] = [];
    const list = async ({ cursor }: { cursor?: string }) => {
      asked.push(cursor);
      const page = asked.length;
      const key = `users/packed/${String(page).padStart(4, "0")}`;
      return { objects: [{ key, size: 1, uploaded: new Date() }], truncated: page < pages, cursor: `c${page}` };
    };
    return { asked, BACKUPS: { list } };
  };

  it("is listed page by page to its end", async () => {
    const { asked, BACKUPS } = paged(3);
    expect(jsonOf(await statusOf("packed", { BACKUPS }))).toMatchObject({ sizeBytes: 3, healthy: true });
    expect(asked).toEqual([undefined, "c1", "c2"]);
  });

  it("is listed for 50 pages at most; of whom it did not reach nothing is claimed", async () => {
    const { asked, BACKUPS } = paged(Number.POSITIVE_INFINITY);
    const told = jsonOf(await health({ BACKUPS })) as { healthy: boolean; users: { userId: string }[] };
    expect(asked).toHaveLength(50);
    expect([told.healthy, told.users.map(({ userId }) => userId)]).toEqual([false, ["loos", "loose", "none"]]);
    expect(told).toMatchObject({ summary: { total: 4, missing: 3, unknown: 1 } });
  });
});

describe("404", () => {
  it.each(["nobody", "a%2Fb"])("for %s, who is not registered", async (id) => {
    const answer = await statusOf(id);
    expect([answer.status, jsonOf(answer).code]).toEqual([404, "unknown_user"]);
  });
});

describe("503", () => {
  it("names the binding that is missing", async () => {
    for (const answer of [await statusOf("packed", { BACKUPS: undefined }), await health({ BACKUPS: undefined })]) {
      expect([answer.status, jsonOf(answer)]).toMatchObject([503, { code: "backups_unbound" }]);
      expect(jsonOf(answer).detail).toContain("BACKUPS");
    }
  });

  it("says so where the bucket fails, and nothing of why", async () => {
    const BACKUPS = { list: () => Promise.reject(new Error("secret reason")) };
    for (const answer of [await statusOf("packed", { BACKUPS }), await health({ BACKUPS })]) {
      expect([answer.status, jsonOf(answer).code]).toEqual([503, "backups_unavailable"]);
      expect(answer.text).not.toContain("secret reason");
    }
  });
});
