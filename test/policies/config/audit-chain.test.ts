// The audit log's hash chain: what verifies, and which row is named when something was changed.

import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import {
  type AuditEntry,
  type ChainedEntry,
  chainHash,
  concludeChain,
  followChain,
  type Link,
  startAt,
} from "../../../src/policies/config/audit-chain.ts";

const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");
const entry = (seq: number): AuditEntry => ({
  seq,
  at: 1_000 + seq,
  action: "config.api",
  actor: "admin",
  subject: `version ${seq}`,
  detail: '{"a":1}',
  eventId: null,
});
const GENESIS: Link = { seq: 0, hash: "0".repeat(64) };
const chainOf = (count: number): ChainedEntry[] => {
  const rows: ChainedEntry[] = [];
  for (let seq = 1; seq <= count; seq++) {
    const hash = chainHash(sha256, rows.at(-1)?.hash ?? GENESIS.hash, entry(seq));
    rows.push({ ...entry(seq), hash });
  }
  return rows;
};
const linkOf = (row: ChainedEntry | undefined): Link =>
  row === undefined ? GENESIS : { seq: row.seq, hash: row.hash };
const whole = chainOf(5);
const verify = (rows: ChainedEntry[], { anchor = GENESIS, head = linkOf(whole.at(-1)) } = {}) =>
  concludeChain(followChain(sha256, startAt(anchor), rows), head);

describe("the audit chain", () => {
  it("is intact as it was written, empty too", () => {
    expect(verify(whole)).toEqual({ intact: true, rows: 5 });
    expect(verify([], { head: GENESIS })).toEqual({ intact: true, rows: 0 });
  });

  it("may be followed slice by slice", () => {
    const inSlices = (rows: ChainedEntry[]) => {
      const followed = [rows.slice(0, 2), rows.slice(2, 2), rows.slice(2)].reduce(
        (sofar, slice) => followChain(sha256, sofar, slice),
        startAt(GENESIS),
      );
      return concludeChain(followed, linkOf(whole.at(-1)));
    };
    expect(inSlices(whole)).toEqual({ intact: true, rows: 5 });
    for (const seq of [1, 2, 3, 5]) {
      const rows = whole.map((row) => (row.seq === seq ? { ...row, actor: "nobody" } : row));
      expect(inSlices(rows)).toEqual({ intact: false, rows: 5, firstBroken: seq });
    }
  });

  it("is intact when it starts behind pruned rows", () => {
    expect(verify(whole.slice(2), { anchor: linkOf(whole[1]) })).toEqual({ intact: true, rows: 3 });
    expect(verify([], { anchor: linkOf(whole[4]) })).toEqual({ intact: true, rows: 0 });
  });

  it.each<[string, Partial<ChainedEntry>]>([
    ["time", { at: 1 }],
    ["action", { action: "config.file" }],
    ["actor", { actor: "nobody" }],
    ["subject", { subject: "version 9" }],
    ["detail", { detail: '{"a":2}' }],
    ["detail, gone", { detail: null }],
    ["event id", { eventId: "e" }],
    ["hash", { hash: "f".repeat(64) }],
  ])("names a row whose %s is changed", (_what, change) => {
    for (const seq of [1, 3, 5]) {
      const rows = whole.map((row) => (row.seq === seq ? { ...row, ...change } : row));
      expect(verify(rows)).toEqual({ intact: false, rows: 5, firstBroken: seq });
    }
  });

  it("names the row after one that was changed together with its hash", () => {
    const forged = { ...entry(3), actor: "nobody" };
    const hash = chainHash(sha256, whole[1]?.hash ?? "", forged);
    const rows = whole.map((row) => (row.seq === 3 ? { ...forged, hash } : row));
    expect(verify(rows)).toMatchObject({ intact: false, firstBroken: 4 });
  });

  it("names the last row when that was changed together with its hash", () => {
    const forged = { ...entry(5), actor: "nobody" };
    const rows = [...whole.slice(0, 4), { ...forged, hash: chainHash(sha256, whole[3]?.hash ?? "", forged) }];
    expect(verify(rows)).toMatchObject({ intact: false, firstBroken: 5 });
  });

  it.each([1, 3, 5])("names row %i when it is missing", (seq) => {
    expect(verify(whole.filter((row) => row.seq !== seq))).toEqual({ intact: false, rows: 4, firstBroken: seq });
  });

  it("names the first of several missing at the end, or all", () => {
    expect(verify(whole.slice(0, 3))).toMatchObject({ intact: false, firstBroken: 4 });
    expect(verify([])).toEqual({ intact: false, rows: 0, firstBroken: 1 });
  });

  it("names a row put in behind the end, however well it is chained", () => {
    const rows = chainOf(6);
    expect(verify(rows)).toEqual({ intact: false, rows: 6, firstBroken: 6 });
  });

  it("is broken at its start when the row before it was pruned without leaving a hash", () => {
    const anchor = { seq: 2, hash: "missing" };
    expect(verify(whole.slice(2), { anchor })).toMatchObject({ intact: false, firstBroken: 3 });
  });
});
